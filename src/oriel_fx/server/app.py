"""The application: `create_app(load_settings())`.

gunicorn runs `oriel_fx.server.wsgi:app`. What migrations, workers and commands need is in database_app.py.
"""

from __future__ import annotations

from flask import Flask
from flask_cors import CORS
from flask_openapi import OpenAPI
from werkzeug.middleware.proxy_fix import ProxyFix

from oriel_fx.server.admin.site import install_admin
from oriel_fx.server.auth.api import bp as auth
from oriel_fx.server.auth.guard import install_auth, jwt_config
from oriel_fx.server.database_app import configure_database, database_context, make_database_app, upgrade_database
from oriel_fx.server.error_handlers import install_error_handlers
from oriel_fx.server.health.api import bp as health
from oriel_fx.server.http import install_body_checks, install_hooks
from oriel_fx.server.limits import install_limits, limiter_config
from oriel_fx.server.logs import configure_logging
from oriel_fx.server.metrics import install_metrics
from oriel_fx.server.openapi import make_api
from oriel_fx.server.payments.api import bp as payments
from oriel_fx.server.renders.api import bp as renders
from oriel_fx.server.renders.api import links
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.storage.api import bp as files
from oriel_fx.server.users.api import bp as users
from oriel_fx.server.web import bp as web

__all__ = ["create_app", "database_context", "make_database_app", "upgrade_database"]


def create_app(settings: Settings, services: Services | None = None) -> OpenAPI:
    """The whole API on these settings, which are what `load_settings` gave."""
    configure_logging(settings.log_level)
    app = make_api("oriel_fx.server")
    _configure(app, settings, services)
    # The order is the order of a request: id, clock, who is it, how often, what does it say, then the view.
    install_hooks(app)
    install_metrics(app)
    install_error_handlers(app)
    install_auth(app)
    install_limits(app)
    install_body_checks(app)
    if settings.cors_origins:
        CORS(
            app,
            resources={"/api/*": {"origins": list(settings.cors_origins)}},
            supports_credentials=True,
            expose_headers=["X-Request-ID", "Retry-After", "Content-Disposition"],
        )
    for blueprint in (auth, users, payments, renders, links, health):
        app.register_api(blueprint)
    if settings.storage_kind == "local":
        app.register_api(files)
    app.register_blueprint(web)
    install_admin(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0, x_port=0)  # type: ignore[method-assign]
    return app


def _configure(app: Flask, settings: Settings, services: Services | None) -> None:
    app.config.update(
        SECRET_KEY=settings.derived_key("flask"),
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        SESSION_COOKIE_SECURE=settings.production,
        SESSION_COOKIE_SAMESITE="Lax",
        PROPAGATE_EXCEPTIONS=False,
        **jwt_config(settings),
        **limiter_config(settings),
    )
    configure_database(app, settings, services, in_request=True)
