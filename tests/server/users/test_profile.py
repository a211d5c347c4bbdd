"""GET and PUT /api/user/profile, POST /api/user/confirm-address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from tests.server.auth.accounts import (
    ANOTHER,
    EMAIL,
    PASSWORD,
    audited,
    code,
    headers,
    log_in,
    login,
    mails,
    make_account,
    refresh,
    token_in,
)
from werkzeug.test import TestResponse

from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import User
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import Role

NEW = "ada@new.example.org"
one_database = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
MakeUser = Callable[..., int]


@pytest.fixture
def user_id(make_user: MakeUser) -> int:
    return make_account(make_user)


def change(client: FlaskClient, tokens: dict[str, Any], **body: object) -> TestResponse:
    return client.put("/api/user/profile", json={"current_password": PASSWORD, **body}, headers=headers(tokens))


def confirm(client: FlaskClient, token: str) -> TestResponse:
    return client.post("/api/user/confirm-address", json={"token": token})


def test_shows_the_account_and_no_secret(client: FlaskClient, user_id: int) -> None:
    response = client.get("/api/user/profile", headers=headers(log_in(client)))
    profile = response.get_json()
    assert profile.keys() == {*("email", "pending_email", "role", "created_at", "last_login_at", "password_changed_at")}
    assert (profile["email"], profile["pending_email"], profile["role"]) == (EMAIL, None, Role.USER)
    assert profile["created_at"].endswith("Z")


@one_database
@pytest.mark.parametrize("path", ["profile", "history"])
def test_needs_a_token_of_an_active_account(app: OpenAPI, client: FlaskClient, user_id: int, path: str) -> None:
    response = client.get(f"/api/user/{path}")
    assert (response.status_code, code(response)) == (401, "UNAUTHORIZED")
    tokens = log_in(client)
    with app.app_context():
        db.session.get_one(User, user_id).is_active = False
        db.session.commit()
    response = client.get(f"/api/user/{path}", headers=headers(tokens))
    assert (response.status_code, code(response)) == (403, "ACCOUNT_DISABLED")


@one_database
def test_other_methods_are_405(client: FlaskClient) -> None:
    for method, path in (("POST", "profile"), ("POST", "history"), ("GET", "confirm-address")):
        response = client.open(f"/api/user/{path}", method=method)
        assert (response.status_code, code(response)) == (405, "METHOD_NOT_ALLOWED")


@one_database
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_changing_and_deleting_need_a_token(client: FlaskClient, method: str) -> None:
    response = client.open("/api/user/profile", method=method, json={})
    assert (response.status_code, code(response)) == (401, "UNAUTHORIZED")


class TestPassword:
    def test_changes_and_ends_every_other_session(self, app: OpenAPI, client: FlaskClient, user_id: int) -> None:
        elsewhere, tokens = log_in(client), log_in(client)
        response = change(client, tokens, new_password=ANOTHER)
        assert response.status_code == 200
        fresh = response.get_json()["tokens"]
        assert fresh["expires_in"] == 900
        assert response.get_json()["password_changed_at"] is not None
        assert client.get("/api/user/profile", headers=headers(fresh)).status_code == 200
        for ended in (elsewhere, tokens):
            assert client.get("/api/user/profile", headers=headers(ended)).status_code == 401
            assert code(refresh(client, ended["refresh_token"])) == "TOKEN_REVOKED"
        assert refresh(client, fresh["refresh_token"]).status_code == 200
        assert code(login(client, EMAIL, PASSWORD)) == "INVALID_CREDENTIALS"
        log_in(client, EMAIL, ANOTHER)
        assert "users.password_changed" in audited(app)
        assert [mail.to for mail in mails(app, "password_changed")] == [EMAIL]

    def test_gives_a_browser_its_new_cookie(self, client: FlaskClient, user_id: int) -> None:
        response = change(client, log_in(client), new_password=ANOTHER)
        assert "refresh_token_cookie=" in response.headers["Set-Cookie"]

    def test_needs_the_current_one(self, app: OpenAPI, client: FlaskClient, user_id: int) -> None:
        tokens = log_in(client)
        wrong = change(client, tokens, current_password="not the password", new_password=ANOTHER)
        assert (wrong.status_code, code(wrong)) == (422, "INVALID_CREDENTIALS")
        missing = client.put("/api/user/profile", json={"new_password": ANOTHER}, headers=headers(tokens))
        assert (missing.status_code, code(missing)) == (422, "VALIDATION_FAILED")
        assert audited(app) == ["auth.login", "auth.password_refused"]
        log_in(client)

    @one_database
    @pytest.mark.parametrize("weak", ["short", "password123", EMAIL])
    def test_may_not_be_weak(self, client: FlaskClient, user_id: int, weak: str) -> None:
        tokens = log_in(client)
        response = change(client, tokens, new_password=weak)
        assert (response.status_code, code(response)) == (422, "WEAK_PASSWORD")
        assert client.get("/api/user/profile", headers=headers(tokens)).status_code == 200

    @one_database
    def test_ends_links_that_were_mailed_before(self, app: OpenAPI, client: FlaskClient, user_id: int) -> None:
        tokens = log_in(client)
        client.post("/api/auth/reset-password", json={"email": EMAIL})
        change(client, tokens, email=NEW)
        assert change(client, tokens, new_password=ANOTHER).status_code == 200
        reset = {"token": token_in(mails(app, "reset_password")[0]), "password": "some other words"}
        assert code(client.post("/api/auth/reset-password/confirm", json=reset)) == "INVALID_RESET_TOKEN"
        assert code(confirm(client, token_in(mails(app, "confirm_address")[0]))) == "INVALID_CONFIRM_TOKEN"


class TestAddress:
    def test_takes_over_once_its_link_is_opened(self, app: OpenAPI, client: FlaskClient, user_id: int) -> None:
        tokens = log_in(client)
        asked = change(client, tokens, email="Ada@NEW.example.org")
        assert asked.status_code == 200
        assert (asked.get_json()["email"], asked.get_json()["pending_email"]) == (EMAIL, NEW)
        assert asked.get_json()["tokens"] is None
        (link,), (notice,) = mails(app, "confirm_address"), mails(app, "address_notice")
        assert (link.to, notice.to) == (NEW, EMAIL)
        assert NEW in notice.body_text
        assert f"http://localhost:8000/#/confirm-address?token={token_in(link)}" in link.body_text
        assert code(login(client, NEW)) == "INVALID_CREDENTIALS"

        confirmed = confirm(client, token_in(link))
        assert (confirmed.status_code, confirmed.get_json()["email"]) == (200, NEW)
        assert confirmed.get_json()["pending_email"] is None
        assert code(login(client, EMAIL)) == "INVALID_CREDENTIALS"
        log_in(client, NEW)
        assert client.get("/api/user/profile", headers=headers(tokens)).status_code == 200, "sessions go on"
        assert code(confirm(client, token_in(link))) == "INVALID_CONFIRM_TOKEN", "once"
        assert {"users.address_asked", "users.address_changed"} <= set(audited(app))

    def test_of_another_account_is_409(self, client: FlaskClient, make_user: MakeUser, user_id: int) -> None:
        make_account(make_user, email=NEW)
        response = change(client, log_in(client), email=NEW)
        assert (response.status_code, code(response)) == (409, "EMAIL_TAKEN")

    def test_that_was_registered_meanwhile_is_409(
        self, app: OpenAPI, client: FlaskClient, make_user: MakeUser, user_id: int
    ) -> None:
        change(client, log_in(client), email=NEW)
        make_account(make_user, email=NEW)
        response = confirm(client, token_in(mails(app, "confirm_address")[0]))
        assert (response.status_code, code(response)) == (409, "EMAIL_TAKEN")
        log_in(client, EMAIL)

    @one_database
    def test_needs_the_password(self, app: OpenAPI, client: FlaskClient, user_id: int) -> None:
        response = change(client, log_in(client), current_password=ANOTHER, email=NEW)
        assert code(response) == "INVALID_CREDENTIALS"
        assert mails(app, "confirm_address") == []

    @one_database
    def test_the_link_works_for_an_hour(self, app: OpenAPI, client: FlaskClient, user_id: int) -> None:
        change(client, log_in(client), email=NEW)
        with app.app_context():
            db.session.get_one(User, user_id).pending_email_expires_at = utcnow() - timedelta(seconds=1)
            db.session.commit()
        response = confirm(client, token_in(mails(app, "confirm_address")[0]))
        assert (response.status_code, code(response)) == (422, "INVALID_CONFIRM_TOKEN")

    @one_database
    def test_a_later_change_or_the_old_address_takes_the_first_back(
        self, app: OpenAPI, client: FlaskClient, user_id: int
    ) -> None:
        tokens = log_in(client)
        change(client, tokens, email=NEW)
        change(client, tokens, email="ada@third.example.org")
        first, second = mails(app, "confirm_address")
        assert code(confirm(client, token_in(first))) == "INVALID_CONFIRM_TOKEN"
        assert change(client, tokens, email=EMAIL).get_json()["pending_email"] is None
        assert code(confirm(client, token_in(second))) == "INVALID_CONFIRM_TOKEN"

    @one_database
    def test_both_can_change_at_once(self, app: OpenAPI, client: FlaskClient, user_id: int) -> None:
        response = change(client, log_in(client), email=NEW, new_password=ANOTHER)
        assert (response.status_code, response.get_json()["pending_email"]) == (200, NEW)
        assert confirm(client, token_in(mails(app, "confirm_address")[0])).status_code == 200
        log_in(client, NEW, ANOTHER)

    @one_database
    def test_a_taken_address_leaves_the_password_as_it_is(
        self, app: OpenAPI, client: FlaskClient, make_user: MakeUser, user_id: int
    ) -> None:
        make_account(make_user, email=NEW)
        assert code(change(client, log_in(client), email=NEW, new_password=ANOTHER)) == "EMAIL_TAKEN"
        log_in(client, EMAIL, PASSWORD)
        assert mails(app, "password_changed") == []


@one_database
@pytest.mark.parametrize(
    "body", [{}, {"email": "no address"}, {"email": 7}, {"new_password": "x" * 2000}, {"role": "admin", "email": NEW}]
)
def test_a_change_that_does_not_fit_is_422(client: FlaskClient, user_id: int, body: dict[str, object]) -> None:
    response = change(client, log_in(client), **body)
    assert (response.status_code, code(response)) == (422, "VALIDATION_FAILED")


@one_database
def test_strangers_mailboxes_are_not_flooded_nor_addresses_tried(
    settings: Settings, make_app: Callable[..., OpenAPI], make_user: MakeUser
) -> None:
    make_account(make_user)
    client = make_app(settings.model_copy(update={"rate_limits": True, "rate_reset": "2 per hour"})).test_client()
    tokens = log_in(client)
    make_account(make_user, email="taken@example.org")
    asked = ("ada@new.example.org", "taken@example.org", "ada@third.example.org")
    assert [change(client, tokens, email=email).status_code for email in asked] == [200, 409, 429]
