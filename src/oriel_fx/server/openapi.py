"""The OpenAPI document at /api/openapi.json, and its page at /api/docs, which works offline."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, send_from_directory
from flask_openapi import Info, OpenAPI
from flask_openapi.models import SecurityScheme

from oriel_fx.server.error_handlers import render, validation_error
from oriel_fx.server.errors import REGISTRY, ErrorResponse

OPENAPI_VERSION = "3.1.0"
_SWAGGER = Path(str(files("flask_openapi_swagger"))) / "templates" / "swagger"
_ASSETS = ("css/swagger-ui.css", "js/swagger-ui-bundle.js", "images/swagger.svg")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Oriel FX: the API</title>
<link rel="icon" href="docs/images/swagger.svg">
<link rel="stylesheet" href="docs/css/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/js/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
# A file of its own: the content security policy allows no script inside a page.
_START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true});\n'


def make_api(name: str) -> OpenAPI:
    """An empty application whose document says 3.1 and whose errors have the one shape."""
    app = OpenAPI(
        name,
        info=Info(title="Oriel FX", version=version("oriel-fx"), description=_description()),
        security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearerFormat="JWT")},
        openapi_extensions={"openapi": OPENAPI_VERSION},
        validation_error_model=ErrorResponse,
        validation_error_callback=lambda error: render(validation_error(error)),
        doc_ui=False,
        static_folder=None,
    )
    app.register_blueprint(_docs(app))
    return app


def _docs(app: OpenAPI) -> Blueprint:
    docs = Blueprint("docs", __name__, url_prefix="/api")

    @docs.get("/openapi.json")
    def document() -> Response:
        return jsonify(app.api_doc)

    @docs.get("/docs")
    def page() -> Response:
        return Response(_PAGE, mimetype="text/html")

    @docs.get("/docs/start.js")
    def start() -> Response:
        return Response(_START, mimetype="text/javascript")

    @docs.get("/docs/<path:name>")
    def asset(name: str) -> Response:
        response: Response = send_from_directory(_SWAGGER, name if name in _ASSETS else "-", max_age=86400)
        return response

    return docs


def error_table() -> list[tuple[str, int, str]]:
    """Each code with its status and meaning, by status; for the documents."""
    rows = [(code, kind.status, kind.meaning) for code, kind in REGISTRY.items()]
    return sorted(rows, key=lambda row: (row[1], row[0]))


def _description() -> str:
    rows = "\n".join(f"| {status} | `{code}` | {meaning} |" for code, status, meaning in error_table())
    return (
        "Turn a song into a video. Errors have one shape, "
        f'`{{"error": {{"code", "message", "details"}}}}`:\n\n| status | code | meaning |\n|---|---|---|\n{rows}\n'
    )


def document_of(app: OpenAPI) -> dict[str, Any]:
    """The document as plain data."""
    document: dict[str, Any] = app.api_doc
    return document
