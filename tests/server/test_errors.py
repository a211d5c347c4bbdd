"""Every error has the one shape, a stable code, and tells nothing of the inside."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import abort
from flask_openapi import OpenAPI
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from tests.server.processes import Postgres, free_port

from oriel_fx import errors as library
from oriel_fx.server import errors
from oriel_fx.server.db import db
from oriel_fx.server.models import User
from oriel_fx.server.settings import Settings


@pytest.fixture
def database_kind() -> str:
    """One database is enough here."""
    return "sqlite"


class Wanted(BaseModel):
    """A body."""

    name: str
    sizes: list[int]


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (errors.JobNotFoundError(), 404, "JOB_NOT_FOUND"),
        (errors.InvalidAudioFormatError(received_format="flac"), 415, "INVALID_AUDIO_FORMAT"),
        (library.SpecError("colour is not a colour", path="layers.0.color"), 422, "INVALID_CONFIG"),
        (library.SongError("/tmp/x is not audio"), 422, "INVALID_AUDIO"),
        (library.EncodeError("/tmp/x failed"), 500, "RENDER_PIPELINE_FAILURE"),
        (OperationalError("SELECT secret", {}, Exception("no host")), 503, "DATABASE_UNAVAILABLE"),
        (ZeroDivisionError("/srv/oriel/secret.py"), 500, "INTERNAL"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_exception_becomes_an_answer(app: OpenAPI, raised: Exception, status: int, code: str) -> None:
    @app.get("/boom")
    def boom() -> str:
        raise raised

    reply = app.test_client().get("/boom")
    assert reply.status_code == status
    assert reply.json is not None
    assert set(reply.json) == {"error"}
    assert set(reply.json["error"]) == {"code", "message", "details"}
    assert reply.json["error"]["code"] == code
    assert not re.search(r"/tmp|/srv|SELECT|Traceback|no host", reply.text)
    assert ("Retry-After" in reply.headers) == (status == 503)
    assert reply.headers["X-Request-ID"]


def test_a_spec_error_names_its_path(app: OpenAPI) -> None:
    @app.get("/boom")
    def boom() -> str:
        raise library.SpecError("no such colour", path="layers.0.color")

    reply = app.test_client().get("/boom").get_json()
    assert reply["error"]["details"]["faults"] == [{"path": "layers.0.color", "message": "no such colour"}]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "NOT_FOUND"), ("DELETE", "/health", 405, "METHOD_NOT_ALLOWED")],
)
def test_what_flask_refuses_has_the_shape_too(app: OpenAPI, method: str, path: str, status: int, code: str) -> None:
    reply = app.test_client().open(path, method=method)
    assert (reply.status_code, reply.get_json()["error"]["code"]) == (status, code)
    assert ("Allow" in reply.headers) == (status == 405)


@pytest.mark.parametrize("status", [400, 404, 410, 413, 415, 418, 429, 500, 501])
def test_any_abort_has_the_shape(app: OpenAPI, status: int) -> None:
    @app.get("/boom")
    def boom() -> str:
        abort(status)

    body = app.test_client().get("/boom").get_json()
    assert body["error"]["code"] in errors.REGISTRY


def test_validation_names_each_fault_and_repeats_no_value(app: OpenAPI) -> None:
    @app.post("/wanted")
    def wanted(body: Wanted) -> dict[str, str]:
        return {}

    reply = app.test_client().post("/wanted", json={"sizes": [1, "hunter2"]})
    assert reply.status_code == 422
    faults = reply.get_json()["error"]["details"]["faults"]
    assert [fault["path"] for fault in faults] == ["name", "sizes.1"]
    assert "hunter2" not in reply.text


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": NaN}',
        b"[" * 40 + b"]" * 40,
        b'{"name": "\\u0000"}',
        b'{"name": "\\ud800"}',
        b'{"n": 1' + b"0" * 5000 + b"}",
    ],
    ids=["cut", "NaN", "deep", "NUL", "half a pair", "huge number"],
)
def test_json_that_no_database_could_hold_is_refused(app: OpenAPI, body: bytes) -> None:
    @app.post("/wanted")
    def wanted(body: Wanted) -> dict[str, str]:
        return {}

    reply = app.test_client().post("/wanted", data=body, content_type="application/json")
    assert (reply.status_code, reply.get_json()["error"]["code"]) == (400, "MALFORMED_JSON")


def test_a_body_beyond_the_limit_is_refused(app: OpenAPI, settings: Settings) -> None:
    @app.post("/wanted")
    def wanted(body: Wanted) -> dict[str, str]:
        return {}

    reply = app.test_client().post("/wanted", json={"name": "x" * settings.max_body_bytes})
    assert (reply.status_code, reply.get_json()["error"]["code"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("path", ["/health?a=%00", "/x%00y"])
def test_nul_in_an_address_is_refused(app: OpenAPI, path: str) -> None:
    assert app.test_client().get(path).status_code == 400


def test_two_rows_that_collide_are_a_conflict(app: OpenAPI) -> None:
    @app.get("/boom")
    def boom() -> str:
        db.session.add_all([User(email="a@example.org", password_hash="!") for _ in range(2)])
        db.session.commit()
        return ""

    reply = app.test_client().get("/boom")
    assert (reply.status_code, reply.get_json()["error"]["code"]) == (409, "CONFLICT")


def test_a_database_that_is_away_is_a_503_at_once(
    settings: Settings, make_app: Callable[[Settings], OpenAPI], postgres: Postgres
) -> None:
    away = settings.model_copy(update={"database_url": f"postgresql+psycopg://oriel@127.0.0.1:{free_port()}/x"})
    app = make_app(away)

    @app.get("/boom")
    def boom() -> str:
        db.session.get(User, 1)
        return ""

    reply = app.test_client().get("/boom")
    assert (reply.status_code, reply.get_json()["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert int(reply.headers["Retry-After"]) > 0


def test_codes_are_upper_snake_and_explained() -> None:
    for code, kind in errors.REGISTRY.items():
        assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code)
        assert kind.meaning.endswith(".")
        assert 400 <= kind.status < 600
