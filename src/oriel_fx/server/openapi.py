"""The OpenAPI document at /api/openapi.json, and its page at /api/docs, which works offline."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from flask import Blueprint, Response, jsonify, send_from_directory
from flask.json.provider import DefaultJSONProvider
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
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  defaultModelsExpandDepth: 0,
});
"""


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
    # As they were written: the document in the order of use, errors with their code first.
    cast(DefaultJSONProvider, app.json).sort_keys = False
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
    return f"""Turn a song into a video.

1. `POST /api/auth/register`, then `POST /api/auth/login`; put its `access_token` behind *Authorize*.
2. `POST /api/render/submit` with a song and a config, `{{"preset": "halo"}}` say: 402 with the price and a `job_id`.
3. `POST /api/payments/create-session` with that `job_id`, and pay at the `url` of the answer.
4. Watch `GET /api/render/events/{{job_id}}`, and get the video from `GET /api/render/download/{{job_id}}`.

Errors have one shape, `{{"error": {{"code", "message", "details"}}}}`. Programs match on `code`, which never changes.

<details><summary>All error codes</summary>

| status | code | meaning |
|---|---|---|
{rows}

</details>
"""


def document_of(app: OpenAPI) -> dict[str, Any]:
    """The document as plain data."""
    document: dict[str, Any] = app.api_doc
    return document
