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
from sqlalchemy.pool import ConnectionPoolEntry, Pool, PoolProxiedConnection

_SQLITE_WAIT_S = 4
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


def engine_options(url: str, *, in_request: bool = False) -> dict[str, Any]:
    """SQLAlchemy's engine options for a URL: short waits, so that an absent database is a 503 and not a hang.

    `in_request`: somebody waits, and is answered within five seconds. Workers and commands may take longer.
    """
    if url.startswith("sqlite"):
        # IMMEDIATE takes the write lock at the first write, where busy_timeout still applies. A transaction
        # that read first and then upgrades would fail at once with "database is locked".
        waits_here = {"timeout": _SQLITE_WAIT_S, "isolation_level": "IMMEDIATE"}
        return {"hide_parameters": True, "connect_args": waits_here}
    from oriel_fx.server.db_waits import Waits

    # An idle connection that is asked whether it lives, then a new one: together less than five seconds.
    waits = Waits(connect_s=2, ping_s=1, answer_s=4.5) if in_request else Waits(connect_s=3, ping_s=5, answer_s=20)
    statement_ms, lock_ms = (4000, 3000) if in_request else (15000, 4000)
    return {
        "hide_parameters": True,  # an error's text goes into logs, and rows hold hashes and addresses
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        "pool_timeout": 1 if in_request else 3,
        "max_overflow": 20,
        "connect_args": {
            "waits": waits,
            "tcp_user_timeout": 5000,
            "options": f"-c statement_timeout={statement_ms} -c lock_timeout={lock_ms} -c timezone=UTC",
        },
    }


@event.listens_for(Engine, "do_connect")
def _connect_in_time(
    dialect: Dialect, _: ConnectionPoolEntry, arguments: tuple[Any, ...], parameters: dict[str, Any]
) -> Any:
    if "waits" not in parameters:
        return None  # as usual
    from oriel_fx.server.db_waits import connect

    return connect(*arguments, **parameters)


@event.listens_for(Pool, "checkin")
def _rest(connection: Any, _: ConnectionPoolEntry) -> None:
    if hasattr(connection, "rest"):
        connection.rest()


@event.listens_for(Pool, "checkout")
def _work(connection: Any, _: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
    if hasattr(connection, "work"):
        connection.work()


@event.listens_for(Engine, "connect")
def _sqlite_pragmas(connection: Any, _: ConnectionPoolEntry) -> None:
    if isinstance(connection, sqlite3.Connection):
        for pragma in (
            "foreign_keys=ON",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            f"busy_timeout={_SQLITE_WAIT_S * 1000}",
        ):
            connection.execute(f"PRAGMA {pragma}")
