"""POST /api/auth/login."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from gunicorn.http.errors import InvalidChunkSize
from sqlalchemy import select
from tests.server.auth.accounts import (
    ANOTHER,
    EMAIL,
    PASSWORD,
    audited,
    code,
    headers,
    log_in,
    login,
    make_account,
)

from oriel_fx.server.auth import accounts
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import AuditLog, User
from oriel_fx.server.settings import Settings

one_database = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def test_answers_tokens_that_work(app: OpenAPI, client: FlaskClient, make_user: Callable[..., int]) -> None:
    user_id = make_account(make_user)
    response = login(client)
    tokens = response.get_json()
    assert response.status_code == 200
    assert {"access_token", "refresh_token", "expires_in"} <= tokens.keys()
    assert tokens["expires_in"] == 15 * 60
    assert response.headers["Cache-Control"] == "no-store"
    profile = client.get("/api/user/profile", headers=headers(tokens))
    assert profile.get_json()["email"] == EMAIL
    with app.app_context():
        last = db.session.get_one(User, user_id).last_login_at
        assert last is not None
        assert abs((utcnow() - last).total_seconds()) < 60
    assert audited(app) == ["auth.login"]


@pytest.mark.parametrize(
    ("email", "password"), [(EMAIL, ANOTHER), (EMAIL, ""), ("eve@example.org", PASSWORD), ("no address", PASSWORD)]
)
def test_wrong_credentials_are_422_whatever_is_wrong(
    app: OpenAPI, client: FlaskClient, make_user: Callable[..., int], email: str, password: str
) -> None:
    make_account(make_user)
    response = login(client, email, password)
    assert (response.status_code, code(response)) == (422, "INVALID_CREDENTIALS")
    assert response.get_json()["error"]["message"] == "The address or the password is wrong."
    assert "Set-Cookie" not in response.headers
    assert audited(app) == ["auth.login_failed"]


@one_database
def test_a_failure_is_on_record_without_the_address_or_the_password(
    app: OpenAPI, client: FlaskClient, make_user: Callable[..., int]
) -> None:
    make_account(make_user)
    login(client, EMAIL, "some other words")
    login(client, EMAIL.upper(), "some other words")
    with app.app_context():
        rows = db.session.scalars(select(AuditLog)).all()
        texts = " ".join(f"{row.actor} {row.target_id} {row.details}" for row in rows)
    assert len({row.target_id for row in rows}) == 1
    assert EMAIL not in texts
    assert "some other words" not in texts


@one_database
def test_an_unknown_address_costs_the_same_work(
    client: FlaskClient, make_user: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_account(make_user)
    hashed: list[str] = []
    verify = PasswordHasher.verify

    def watched(self: PasswordHasher, hash: str, password: bytes) -> bool:
        hashed.append(hash.rpartition("$")[0].rpartition("$")[0])
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    login(client, EMAIL, ANOTHER)
    login(client, "eve@example.org", ANOTHER)
    assert len(hashed) == 2
    assert len(set(hashed)) == 1, "the same parameters"


def test_a_disabled_account_is_403_for_who_knows_the_password(
    client: FlaskClient, make_user: Callable[..., int]
) -> None:
    make_account(make_user, is_active=False)
    right, wrong = login(client), login(client, EMAIL, ANOTHER)
    assert (right.status_code, code(right)) == (403, "ACCOUNT_DISABLED")
    assert (wrong.status_code, code(wrong)) == (422, "INVALID_CREDENTIALS")


@one_database
def test_a_deleted_account_is_unknown(client: FlaskClient, make_user: Callable[..., int]) -> None:
    make_account(make_user, deleted_at=utcnow(), is_active=False)
    assert code(login(client)) == "INVALID_CREDENTIALS"


@one_database
@pytest.mark.parametrize(
    "body", [{"email": EMAIL}, {"password": PASSWORD}, {"email": EMAIL, "password": "x" * 2000}, None]
)
def test_a_body_that_does_not_fit_is_422(client: FlaskClient, body: object) -> None:
    response = client.post("/api/auth/login", json=body)
    assert (response.status_code, code(response)) == (422, "VALIDATION_FAILED")


def test_a_hash_with_old_parameters_is_renewed(
    app: OpenAPI, client: FlaskClient, make_user: Callable[..., int]
) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    user_id = make_account(make_user, password_hash=old)
    log_in(client)
    with app.app_context():
        assert db.session.get_one(User, user_id).password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    log_in(client)


@one_database
def test_renewing_a_hash_does_not_undo_a_change_at_the_same_moment(
    app: OpenAPI, client: FlaskClient, make_user: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    user_id = make_account(make_user, password_hash=old)
    renew = accounts.hash_password

    def changed_meanwhile(password: str) -> str:
        with app.app_context():  # another request's session
            db.session.get_one(User, user_id).password_hash = "changed"
            db.session.commit()
        return renew(password)

    monkeypatch.setattr(accounts, "hash_password", changed_meanwhile)
    login(client)
    with app.app_context():
        assert db.session.get_one(User, user_id).password_hash == "changed"


class BrokenBody(io.RawIOBase):
    """What gunicorn hands on where the chunks of a body are none."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise InvalidChunkSize(b"zz")


class TestGuessing:
    """`rate_login_pair` failures, for an address from one place."""

    @pytest.fixture
    def database_kind(self) -> str:
        return "sqlite"

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"rate_limits": True, "rate_login_pair": "3 per minute"})

    def test_slows_down(self, client: FlaskClient, make_user: Callable[..., int]) -> None:
        make_account(make_user)
        guesses = [login(client, EMAIL, f"guess {number} of many") for number in range(4)]
        assert [guess.status_code for guess in guesses] == [422, 422, 422, 429]
        assert code(guesses[-1]) == "RATE_LIMITED"
        assert 0 < int(guesses[-1].headers["Retry-After"]) <= 60

    def test_holds_nobody_up_elsewhere_and_no_other_address(
        self, client: FlaskClient, make_user: Callable[..., int]
    ) -> None:
        make_account(make_user)
        make_account(make_user, email="bob@example.org")
        for _ in range(4):
            login(client, EMAIL, ANOTHER)
        assert login(client, "ADA@example.org").status_code == 429
        assert login(client, EMAIL, environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 200
        assert login(client, "bob@example.org").status_code == 200

    @pytest.mark.parametrize(
        "body",
        [b"[" * 100_000, b'{"email": "\\ud800@x", "password": "x"}', b"x" * 300_000, b'{"email": "' + b"a@" * 50_000],
        ids=["deep", "half a letter", "large", "cut off"],
    )
    def test_no_body_makes_the_limiter_forget(
        self, client: FlaskClient, make_user: Callable[..., int], body: bytes
    ) -> None:
        make_account(make_user)
        assert [login(client, EMAIL, ANOTHER).status_code for _ in range(3)] == [422, 422, 422]
        odd = client.post("/api/auth/login", data=body, content_type="application/json")
        assert odd.status_code in (400, 413)
        assert login(client, EMAIL, ANOTHER).status_code == 429, "it counts in Redis, and not anew in memory"

    def test_nor_does_one_that_is_no_http(self, client: FlaskClient, make_user: Callable[..., int]) -> None:
        make_account(make_user)
        assert [login(client, EMAIL, ANOTHER).status_code for _ in range(3)] == [422, 422, 422]
        broken = client.post(
            "/api/auth/login",
            content_type="application/json",
            environ_overrides={"wsgi.input": BrokenBody(), "wsgi.input_terminated": True},
        )
        assert (broken.status_code, code(broken)) == (400, "BAD_REQUEST")
        assert login(client, EMAIL, ANOTHER).status_code == 429

    def test_counts_failures_only(self, client: FlaskClient, make_user: Callable[..., int]) -> None:
        make_account(make_user)
        assert {login(client).status_code for _ in range(8)} == {200}

    def test_counts_guesses_of_the_current_password_too(
        self, client: FlaskClient, make_user: Callable[..., int]
    ) -> None:
        make_account(make_user)
        auth = headers(log_in(client))
        change = {"current_password": ANOTHER, "new_password": "some other words"}
        statuses = [
            client.put("/api/user/profile", json=change, headers=auth).status_code,
            client.delete("/api/user/profile", json={"password": ANOTHER}, headers=auth).status_code,
            login(client, EMAIL, ANOTHER).status_code,
            client.put("/api/user/profile", json=change, headers=auth).status_code,
            client.delete("/api/user/profile", json={"password": PASSWORD}, headers=auth).status_code,
        ]
        assert statuses == [422, 422, 422, 429, 429]


@one_database
def test_one_place_is_limited_whatever_it_tries(settings: Settings, make_app: Callable[..., OpenAPI]) -> None:
    client = make_app(settings.model_copy(update={"rate_limits": True, "rate_login_ip": "3 per minute"})).test_client()
    statuses = [login(client, f"user{number}@example.org", ANOTHER).status_code for number in range(4)]
    assert statuses == [422, 422, 422, 429]
