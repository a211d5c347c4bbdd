"""The database: one `db` for SQLite and PostgreSQL, times that are always UTC, keys that are always checked.

In a view, `db.session` is the request's. Elsewhere (workers, the CLI) it is the application context's:
`with app.app_context(): …`. Nothing commits by itself.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, DateTime, Dialect, Engine, MetaData, TypeDecorator, event
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.pool import ConnectionPoolEntry

_CONSTRAINT_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UTCDateTime(TypeDecorator[datetime]):
    """A moment in UTC: takes aware datetimes only, and gives aware ones back, from SQLite too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC. Raises ValueError for a datetime without a time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime for the database needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """As an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all models."""

    # On the registry: Flask-SQLAlchemy derives a base from this one, which may not have a map of its own.
    registry = registry(
        metadata=MetaData(naming_convention=_CONSTRAINT_NAMES),
        type_annotation_map={datetime: UTCDateTime(), dict[str, Any]: JSON()},
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)


def utcnow() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def engine_options(url: str) -> dict[str, Any]:
    """SQLAlchemy's engine options for a URL: short waits, so that an absent database is a 503 and not a hang."""
    if url.startswith("sqlite"):
        # IMMEDIATE takes the write lock at the first write, where busy_timeout still applies. A transaction
        # that read first and then upgrades would fail at once with "database is locked".
        return {"connect_args": {"timeout": 5, "isolation_level": "IMMEDIATE"}}
    return {
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        "pool_timeout": 3,
        "connect_args": {
            "connect_timeout": 3,
            "tcp_user_timeout": 5000,
            "options": "-c statement_timeout=15000 -c lock_timeout=4000 -c timezone=UTC",
        },
    }


@event.listens_for(Engine, "connect")
def _sqlite_pragmas(connection: Any, _: ConnectionPoolEntry) -> None:
    if isinstance(connection, sqlite3.Connection):
        for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")
