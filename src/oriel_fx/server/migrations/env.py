"""Alembic's entry: runs the migrations on the application's database."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from flask import current_app
from sqlalchemy import Enum, text

from oriel_fx.server import models  # noqa: F401  (fills the metadata)
from oriel_fx.server.db import Base, UTCDateTime

# Two releases at the same moment: the second waits, then finds nothing to do.
_LOCK = 0x6F726965


def run() -> None:
    """Migrate, in one transaction where the database can."""
    migrate = current_app.extensions["migrate"]
    with migrate.db.engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=Base.metadata, render_item=render_type, **migrate.configure_args
        )
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # SQLite changes a table by copying and dropping it, which must not cascade.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.commit()
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                from oriel_fx.server.db_waits import ImpatientConnection

                # A migration may take long, and so may waiting for another release's.
                raw = connection.connection.dbapi_connection
                if isinstance(raw, ImpatientConnection):
                    raw.wait_for_ever()
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SET LOCAL lock_timeout = 0"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                connection.execute(text("SET LOCAL lock_timeout = '4s'"))
            context.run_migrations()
        if sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
            connection.commit()


def render_type(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Our own types as what they are in the database, so that a migration does not depend on today's code."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Enum):
        return f"sa.String(length={item.length})"
    return False


run()
