"""POST /api/auth/register."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import select
from tests.server.auth.accounts import EMAIL, PASSWORD, audited, code, login, mails, make_account

from oriel_fx.server.db import db
from oriel_fx.server.models import User
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import Role

one_database = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def test_makes_an_account_that_can_log_in(app: OpenAPI, client: FlaskClient) -> None:
    response = client.post("/api/auth/register", json={"email": EMAIL, "password": PASSWORD})
    assert response.status_code == 201
    assert response.get_json()["user"]["email"] == EMAIL
    assert datetime.fromisoformat(response.get_json()["user"]["created_at"]).tzinfo
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        assert user.password_hash.startswith("$argon2id$")
        assert (user.role, user.is_active) == (Role.USER, True)
    assert [mail.to for mail in mails(app, "welcome")] == [EMAIL]
    assert audited(app) == ["auth.register"]
    assert login(client).status_code == 200


@one_database
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        (" ada@example.org ", "ada@example.org"),
        ("ada+videos@example.org", "ada+videos@example.org"),
        ("ada@exämple.org", "ada@xn--exmple-cua.org"),
    ],
)
def test_keeps_the_address_in_one_form(app: OpenAPI, client: FlaskClient, given: str, kept: str) -> None:
    assert client.post("/api/auth/register", json={"email": given, "password": PASSWORD}).status_code == 201
    with app.app_context():
        assert db.session.scalars(select(User.email)).all() == [kept]
    assert login(client, given).status_code == login(client, kept.upper()).status_code == 200


@pytest.mark.parametrize("taken", [EMAIL, "ADA@example.org"])
def test_a_taken_address_is_409_with_a_way_on(
    app: OpenAPI, client: FlaskClient, make_user: Callable[..., int], taken: str
) -> None:
    make_account(make_user)
    response = client.post("/api/auth/register", json={"email": taken, "password": PASSWORD})
    assert (response.status_code, code(response)) == (409, "EMAIL_TAKEN")
    assert "log in, or reset" in response.get_json()["error"]["message"]
    assert mails(app, "welcome") == []


def test_of_two_at_once_one_gets_the_address(app: OpenAPI) -> None:
    def register(_: int) -> int:
        return app.test_client().post("/api/auth/register", json={"email": EMAIL, "password": PASSWORD}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(register, range(4))) == [201, 409, 409, 409]


@one_database
@pytest.mark.parametrize(
    "email",
    [
        *("", "ada", "ada@", "@example.org", "a b@example.org", "ada@localhost", "ä@example.org"),
        *("ada@example.org, eve@example.org", "ada@example.org\nBcc: eve@example.org"),
        *("a" * 65 + "@example.org", f"ada@{'a.' * 130}org", 7, None),
    ],
)
def test_what_is_no_address_is_422(client: FlaskClient, email: object) -> None:
    response = client.post("/api/auth/register", json={"email": email, "password": PASSWORD})
    assert (response.status_code, code(response)) == (422, "VALIDATION_FAILED")
    assert [fault["path"] for fault in response.get_json()["error"]["details"]["faults"]] == ["email"]


@one_database
@pytest.mark.parametrize("password", ["", "short", "password123", "k" * 300, "ada@example.org"])
def test_a_weak_password_is_422(app: OpenAPI, client: FlaskClient, password: str) -> None:
    response = client.post("/api/auth/register", json={"email": EMAIL, "password": password})
    assert (response.status_code, code(response)) == (422, "WEAK_PASSWORD")
    assert audited(app) == []


@one_database
@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["email", "password"]),
        ({"email": EMAIL}, ["password"]),
        ({"email": EMAIL, "password": PASSWORD, "role": "admin"}, ["role"]),
        ([], [""]),
    ],
)
def test_a_body_that_does_not_fit_is_422_and_says_where(client: FlaskClient, body: object, paths: list[str]) -> None:
    response = client.post("/api/auth/register", json=body)
    assert (response.status_code, code(response)) == (422, "VALIDATION_FAILED")
    assert [fault["path"] for fault in response.get_json()["error"]["details"]["faults"]] == paths
    assert PASSWORD not in response.text


@one_database
def test_a_form_of_another_site_cannot_register_or_log_in(client: FlaskClient) -> None:
    for path in ("register", "login"):
        response = client.post(
            f"/api/auth/{path}", data='{"email": "a@b.org", "password": "x"}', content_type="text/plain"
        )
        assert (response.status_code, code(response)) == (422, "VALIDATION_FAILED")


@one_database
@pytest.mark.parametrize(
    "path",
    ["register", "login", "refresh", "logout", "reset-password", "reset-password/confirm"],
)
def test_broken_json_and_other_methods(client: FlaskClient, path: str) -> None:
    broken = client.post(f"/api/auth/{path}", data="{", content_type="application/json")
    assert (broken.status_code, code(broken)) == (400, "MALFORMED_JSON")
    other = client.get(f"/api/auth/{path}")
    assert (other.status_code, code(other)) == (405, "METHOD_NOT_ALLOWED")
    large = client.post(f"/api/auth/{path}", json={"email": "a" * 300_000})
    assert (large.status_code, code(large)) == (413, "BODY_TOO_LARGE")


@one_database
def test_is_limited_for_each_address(settings: Settings, make_app: Callable[..., OpenAPI]) -> None:
    client = make_app(settings.model_copy(update={"rate_limits": True, "rate_register": "2 per hour"})).test_client()
    body = {"email": EMAIL, "password": "short"}
    assert [client.post("/api/auth/register", json=body).status_code for _ in range(3)] == [422, 422, 429]
    refused = client.post("/api/auth/register", json=body)
    assert code(refused) == "RATE_LIMITED"
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    elsewhere = client.post("/api/auth/register", json=body, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert elsewhere.status_code == 422
