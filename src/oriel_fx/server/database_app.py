"""An application without the API: the database and the services, for migrations, workers and operators' commands.

It imports no view, so that a process that only works begins soon and stays small.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask, current_app

from oriel_fx.server.breakers import share_breakers
from oriel_fx.server.db import db, engine_options
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"


def make_database_app(settings: Settings) -> Flask:
    """An application that has nothing but the database and the services."""
    app = Flask("oriel_fx.server", static_folder=None)
    configure_database(app, settings, None)
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
    """Bring the database up to the newest migration. Of several at once one does it, and the others find it done."""
    from flask_migrate import upgrade

    with _one_at_a_time(settings), database_context(settings):
        install_migrations(current_app)
        upgrade()


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    # PostgreSQL has a lock for it (migrations/env.py); SQLite would find half of another's tables.
    if not settings.database.startswith("sqlite"):
        yield
        return
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.data_dir / "upgrade.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install_migrations(app: Flask) -> None:
    """Let Flask-Migrate know the database and the folder."""
    from flask_migrate import Migrate

    Migrate(app, db, directory=str(MIGRATIONS), render_as_batch=True, compare_type=True)


def configure_database(app: Flask, settings: Settings, services: Services | None, *, in_request: bool = False) -> None:
    """The database and the services of any application of ours; `in_request` where somebody waits for an answer."""
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database, in_request=in_request),
    )
    app.extensions["oriel"] = services or Services(settings)
    if settings.database.startswith("sqlite"):
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    share_breakers(settings.redis)
    db.init_app(app)
