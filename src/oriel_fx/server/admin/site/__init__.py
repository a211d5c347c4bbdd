"""The pages at /admin: Flask-Admin's frame, our own views on the operators' functions, no script at all."""

from __future__ import annotations

from flask import Flask, Response
from flask_admin import Admin

from oriel_fx.server.admin.site.dashboard import Dashboard
from oriel_fx.server.admin.site.gate import PREFIX, admin_path, bp, check_request, session_config
from oriel_fx.server.admin.site.views import make_views

# Stricter than the API's: the pages need a style sheet and nothing else.
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def install_admin(app: Flask) -> None:
    """Put the pages into the application. After the limiter and the body checks: it looks at forms."""
    app.config.update(session_config(app.extensions["oriel"].settings))
    app.before_request(check_request)
    app.after_request(_headers)
    app.register_blueprint(bp)
    admin = Admin(name="Oriel FX", index_view=Dashboard(name="Overview", url=PREFIX))
    for view in make_views():
        admin.add_view(view)
    admin.init_app(app)


def _headers(response: Response) -> Response:
    if admin_path():
        response.headers["Content-Security-Policy"] = _CSP
        response.headers["Referrer-Policy"] = "same-origin"
        if not response.headers.get("Cache-Control", "").startswith("public"):
            response.headers["Cache-Control"] = "no-store"
    return response
