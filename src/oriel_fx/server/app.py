"""The application: `create_app(load_settings())`.

gunicorn runs `oriel_fx.server.wsgi:app`. `make_database_app` is the little that migrations and commands need.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from flask_cors import CORS
from flask_migrate import Migrate
from flask_openapi import OpenAPI
from werkzeug.middleware.proxy_fix import ProxyFix

from oriel_fx.server.auth.api import bp as auth
from oriel_fx.server.auth.guard import install_auth, jwt_config
from oriel_fx.server.db import db, engine_options
from oriel_fx.server.error_handlers import install_error_handlers
from oriel_fx.server.health.api import bp as health
from oriel_fx.server.http import install_body_checks, install_hooks
from oriel_fx.server.limits import limiter, limiter_config
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

MIGRATIONS = Path(__file__).parent / "migrations"


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
    limiter.init_app(app)
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
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0, x_port=0)  # type: ignore[method-assign]
    return app


def make_database_app(settings: Settings) -> Flask:
    """An application that has nothing but the database: for migrations and operators' commands."""
    app = Flask("oriel_fx.server", static_folder=None)
    _configure(app, settings, None)
    return app


@contextmanager
def database_context(settings: Settings) -> Iterator[None]:
    """`db.session` outside the web process, for as long as the block runs; closes every connection at its end."""
    with make_database_app(settings).app_context():
        try:
            yield
        finally:
            db.session.remove()
            db.engine.dispose()


def upgrade_database(settings: Settings) -> None:
    """Bring the database up to the newest migration."""
    from flask_migrate import upgrade

    with database_context(settings):
        upgrade()


def _configure(app: Flask, settings: Settings, services: Services | None) -> None:
    app.config.update(
        SECRET_KEY=settings.derived_key("flask"),
        SQLALCHEMY_DATABASE_URI=settings.database,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database),
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        SESSION_COOKIE_SECURE=settings.production,
        SESSION_COOKIE_SAMESITE="Lax",
        PROPAGATE_EXCEPTIONS=False,
        **jwt_config(settings),
        **limiter_config(settings),
    )
    app.extensions["oriel"] = services or Services(settings)
    if settings.database.startswith("sqlite"):
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    db.init_app(app)
    Migrate(app, db, directory=str(MIGRATIONS), render_as_batch=True, compare_type=True)
