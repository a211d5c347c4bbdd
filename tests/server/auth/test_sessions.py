"""POST /api/auth/refresh and /logout: rotation, reuse, races, cookies, forged tokens."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import select
from tests.server.auth.accounts import (
    EMAIL,
    PASSWORD,
    code,
    forget_cookies,
    headers,
    log_in,
    login,
    make_account,
    refresh,
)

from oriel_fx.server.auth import sessions
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import RefreshFamily, RevokedToken, User
from oriel_fx.server.settings import Settings

one_database = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
MakeUser = Callable[..., int]


def profile_status(client: FlaskClient, tokens: dict[str, Any]) -> int:
    return client.get("/api/user/profile", headers=headers(tokens)).status_code


class TestRefreshing:
    def test_gives_new_tokens_that_work(self, app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
        make_account(make_user)
        first = log_in(client)
        response = refresh(client, first["refresh_token"])
        second = response.get_json()
        assert response.status_code == 200
        assert second["expires_in"] == 900
        assert second["refresh_token"] != first["refresh_token"]
        assert profile_status(client, second) == 200
        assert refresh(client, second["refresh_token"]).status_code == 200
        with app.app_context():
            family = db.session.scalars(select(RefreshFamily)).one()
            assert timedelta(days=29) < family.expires_at - utcnow() <= timedelta(days=30)

    def test_an_old_token_ends_the_whole_session(self, app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
        make_account(make_user)
        elsewhere, first = log_in(client), log_in(client)
        second = refresh(client, first["refresh_token"]).get_json()
        reused = refresh(client, first["refresh_token"])
        assert (reused.status_code, code(reused)) == (401, "TOKEN_REVOKED")
        assert code(refresh(client, second["refresh_token"])) == "TOKEN_REVOKED"
        assert profile_status(client, second) == profile_status(client, first) == 401
        assert profile_status(client, elsewhere) == 200, "another login is another session"
        assert refresh(client, elsewhere["refresh_token"]).status_code == 200
        with app.app_context():
            reasons = select(RefreshFamily.revoked_reason).where(RefreshFamily.revoked_at.is_not(None))
            assert db.session.scalars(reasons).all() == ["reuse"]

    def test_of_several_at_once_one_wins_and_its_tokens_work(
        self, app: OpenAPI, client: FlaskClient, make_user: MakeUser
    ) -> None:
        make_account(make_user)
        token = log_in(client)["refresh_token"]
        start = threading.Barrier(4)

        def ask(_: int) -> Any:
            start.wait()
            return refresh(app.test_client(), token)

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, range(4)))
        assert sorted(answer.status_code for answer in answers)[0] == 200
        assert [answer.status_code for answer in answers].count(200) == 1
        assert {code(answer) for answer in answers if answer.status_code != 200} <= {"CONFLICT", "TOKEN_REVOKED"}

    def test_who_loses_a_race_ends_nothing(
        self, app: OpenAPI, client: FlaskClient, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_account(make_user)
        token = log_in(client)["refresh_token"]
        both_looked = threading.Barrier(2, timeout=10)
        look = sessions._family

        def wait_for_the_other(user: User, claims: dict[str, Any]) -> RefreshFamily:
            family = look(user, claims)
            both_looked.wait()
            return family

        monkeypatch.setattr(sessions, "_family", wait_for_the_other)
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda _: refresh(app.test_client(), token), range(2)))
        monkeypatch.undo()
        winner, loser = sorted(answers, key=lambda answer: answer.status_code)
        assert (winner.status_code, loser.status_code, code(loser)) == (200, 409, "CONFLICT")
        assert profile_status(client, winner.get_json()) == 200
        assert refresh(client, winner.get_json()["refresh_token"]).status_code == 200

    def test_a_disabled_account_is_403(self, app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
        user_id = make_account(make_user)
        tokens = log_in(client)
        with app.app_context():
            db.session.get_one(User, user_id).is_active = False
            db.session.commit()
        refused = refresh(client, tokens["refresh_token"])
        assert (refused.status_code, code(refused)) == (403, "ACCOUNT_DISABLED")
        assert profile_status(client, tokens) == 403

    @one_database
    def test_a_session_ends_with_its_time(self, app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
        make_account(make_user)
        token = log_in(client)["refresh_token"]
        with app.app_context():
            db.session.scalars(select(RefreshFamily)).one().expires_at = utcnow() - timedelta(seconds=1)
            db.session.commit()
        assert code(refresh(client, token)) == "TOKEN_REVOKED"

    @one_database
    def test_without_a_token_is_401(self, client: FlaskClient) -> None:
        for body in (None, {}, {"refresh_token": None}):
            response = (
                client.post("/api/auth/refresh", json=body) if body is not None else client.post("/api/auth/refresh")
            )
            assert (response.status_code, code(response)) == (401, "UNAUTHORIZED")
            assert response.headers["WWW-Authenticate"] == "Bearer"

    @one_database
    @pytest.mark.parametrize("body", [{"refresh_token": 7}, {"token": "x"}, [], "x"])
    def test_a_body_that_does_not_fit_is_422(self, client: FlaskClient, body: object) -> None:
        for path in ("refresh", "logout"):
            response = client.post(f"/api/auth/{path}", json=body)
            assert (response.status_code, code(response)) == (422, "VALIDATION_FAILED")


class TestLoggingOut:
    @pytest.mark.parametrize("by", ["access", "refresh", "both"])
    def test_ends_the_session(self, app: OpenAPI, client: FlaskClient, make_user: MakeUser, by: str) -> None:
        make_account(make_user)
        elsewhere, tokens = log_in(client), log_in(client)
        auth = headers(tokens) if by in ("access", "both") else {}
        body = {"refresh_token": tokens["refresh_token"]} if by in ("refresh", "both") else {}
        assert client.post("/api/auth/logout", headers=auth, json=body).status_code == 200
        assert profile_status(client, tokens) == 401
        assert code(refresh(client, tokens["refresh_token"])) == "TOKEN_REVOKED"
        assert profile_status(client, elsewhere) == 200
        with app.app_context():
            assert len(db.session.scalars(select(RevokedToken)).all()) == (2 if by == "both" else 1)
        again = client.post("/api/auth/logout", headers=auth, json=body)
        assert (again.status_code, code(again)) == (401, "TOKEN_REVOKED")

    def test_ends_a_token_that_has_no_session(
        self, client: FlaskClient, make_user: MakeUser, bearer: Callable[[int], dict[str, str]]
    ) -> None:
        auth = bearer(make_account(make_user))
        assert client.post("/api/auth/logout", headers=auth).status_code == 200
        assert client.get("/api/user/profile", headers=auth).status_code == 401

    @one_database
    def test_works_with_an_access_token_that_has_ended(
        self, app: OpenAPI, client: FlaskClient, make_user: MakeUser
    ) -> None:
        make_account(make_user)
        tokens = log_in(client)
        auth = {"Authorization": f"Bearer {forged(app, tokens['access_token'], exp=1)}"}
        assert code(client.post("/api/auth/logout", headers=auth)) == "TOKEN_EXPIRED"
        body = {"refresh_token": tokens["refresh_token"]}
        assert client.post("/api/auth/logout", headers=auth, json=body).status_code == 200
        assert code(refresh(client, tokens["refresh_token"])) == "TOKEN_REVOKED"

    @one_database
    def test_without_a_token_is_401(self, client: FlaskClient) -> None:
        response = client.post("/api/auth/logout")
        assert (response.status_code, code(response)) == (401, "UNAUTHORIZED")

    @one_database
    def test_a_disabled_account_is_403(self, app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
        user_id = make_account(make_user)
        tokens = log_in(client)
        with app.app_context():
            db.session.get_one(User, user_id).is_active = False
            db.session.commit()
        assert code(client.post("/api/auth/logout", headers=headers(tokens))) == "ACCOUNT_DISABLED"


class TestCookies:
    @pytest.fixture
    def database_kind(self) -> str:
        return "sqlite"

    def csrf(self, client: FlaskClient) -> dict[str, str]:
        cookie = client.get_cookie("csrf_refresh_token", path="/")
        assert cookie is not None
        return {"X-CSRF-TOKEN": cookie.value}

    def test_are_for_our_pages_only(self, client: FlaskClient, make_user: MakeUser) -> None:
        make_account(make_user)
        cookies = {cookie.partition("=")[0]: cookie for cookie in login(client).headers.getlist("Set-Cookie")}
        assert cookies.keys() == {"refresh_token_cookie", "csrf_refresh_token"}
        for part in ("HttpOnly", "Path=/api/auth", "SameSite=Strict", "Max-Age=2592000"):
            assert part in cookies["refresh_token_cookie"]
        assert "HttpOnly" not in cookies["csrf_refresh_token"]
        assert "SameSite=Strict" in cookies["csrf_refresh_token"]
        assert "Secure" not in "".join(cookies.values()), "development has no TLS"

    def test_are_secure_in_production(self, settings: Settings, make_app: Callable[..., OpenAPI]) -> None:
        made = make_app(settings.model_copy(update={"env": "production", "public_url": "http://oriel.example"}))
        assert made.config["JWT_COOKIE_SECURE"] is True

    def test_refresh_with_the_csrf_header(self, client: FlaskClient, make_user: MakeUser) -> None:
        make_account(make_user)
        login(client)
        first = self.csrf(client)
        response = client.post("/api/auth/refresh", headers=first)
        assert response.status_code == 200
        assert profile_status(client, response.get_json()) == 200
        assert self.csrf(client) != first
        assert client.post("/api/auth/refresh", headers=self.csrf(client)).status_code == 200

    @pytest.mark.parametrize("path", ["refresh", "logout"])
    @pytest.mark.parametrize("sent", [{}, {"X-CSRF-TOKEN": ""}, {"X-CSRF-TOKEN": "wrong"}])
    def test_are_refused_without_it(
        self, client: FlaskClient, make_user: MakeUser, path: str, sent: dict[str, str]
    ) -> None:
        make_account(make_user)
        login(client)
        response = client.post(f"/api/auth/{path}", headers=sent)
        assert (response.status_code, code(response)) == (403, "CSRF_FAILED")
        assert client.post("/api/auth/refresh", headers=self.csrf(client)).status_code == 200, "nothing was ended"

    def test_of_another_session_do_not_help(self, app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
        make_account(make_user)
        login(client)
        attacker = app.test_client()
        login(attacker)
        assert code(client.post("/api/auth/refresh", headers=self.csrf(attacker))) == "CSRF_FAILED"

    def test_open_nothing_but_auth(self, client: FlaskClient, make_user: MakeUser) -> None:
        make_account(make_user)
        login(client)
        response = client.get("/api/user/profile", headers=self.csrf(client))
        assert (response.status_code, code(response)) == (401, "UNAUTHORIZED")

    def test_logging_out_takes_them_back(self, client: FlaskClient, make_user: MakeUser) -> None:
        make_account(make_user)
        login(client)
        token = client.get_cookie("refresh_token_cookie", path="/api/auth")
        assert token is not None
        assert client.post("/api/auth/logout", headers=self.csrf(client)).status_code == 200
        assert client.get_cookie("refresh_token_cookie", path="/api/auth") is None
        assert client.get_cookie("csrf_refresh_token", path="/") is None
        assert code(refresh(client, token.value)) == "TOKEN_REVOKED"

    def test_the_body_goes_before_the_cookie(self, client: FlaskClient, make_user: MakeUser) -> None:
        make_account(make_user)
        login(client)
        assert code(client.post("/api/auth/refresh", json={"refresh_token": "nonsense"})) == "TOKEN_INVALID"


def forged(app: OpenAPI, token: str, *, key: str = "", alg: str = "HS256", **claims: Any) -> str:
    """A token's claims, changed, signed with the real key or another."""
    real = app.config["JWT_SECRET_KEY"]
    read = jwt.decode(token, real, algorithms=["HS256"])
    return jwt.encode(read | claims, key or real, algorithm=alg)


def unsigned(token: str) -> str:
    """The token with the algorithm `none`."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


class TestBadTokens:
    @pytest.fixture
    def database_kind(self) -> str:
        return "sqlite"

    @pytest.fixture
    def tokens(self, client: FlaskClient, make_user: MakeUser) -> dict[str, Any]:
        make_account(make_user)
        return log_in(client)

    def as_access(self, client: FlaskClient, token: str) -> tuple[int, str]:
        response = client.get("/api/user/profile", headers={"Authorization": f"Bearer {token}"})
        return response.status_code, code(response)

    def as_refresh(self, client: FlaskClient, token: str) -> tuple[int, str]:
        response = refresh(client, token)
        client.set_cookie("refresh_token_cookie", token, path="/api/auth")
        by_cookie = client.post("/api/auth/refresh", headers={"X-CSRF-TOKEN": "x"})
        forget_cookies(client)
        assert by_cookie.status_code in (401, 403)
        return response.status_code, code(response)

    def test_an_access_token_refreshes_nothing_and_a_refresh_token_opens_nothing(
        self, client: FlaskClient, tokens: dict[str, Any]
    ) -> None:
        assert self.as_access(client, tokens["refresh_token"]) == (401, "TOKEN_INVALID")
        assert self.as_refresh(client, tokens["access_token"]) == (401, "TOKEN_INVALID")

    def test_unsigned_ones(self, client: FlaskClient, tokens: dict[str, Any]) -> None:
        assert self.as_access(client, unsigned(tokens["access_token"])) == (401, "TOKEN_INVALID")
        assert self.as_refresh(client, unsigned(tokens["refresh_token"])) == (401, "TOKEN_INVALID")

    def test_ones_signed_by_others_or_otherwise(
        self, app: OpenAPI, client: FlaskClient, tokens: dict[str, Any]
    ) -> None:
        other_key, real = "k" * 64, app.config["JWT_SECRET_KEY"]
        for changes in ({"key": other_key}, {"key": real, "alg": "HS512"}):
            assert self.as_access(client, forged(app, tokens["access_token"], **changes)) == (401, "TOKEN_INVALID")
            assert self.as_refresh(client, forged(app, tokens["refresh_token"], **changes)) == (401, "TOKEN_INVALID")

    def test_expired_ones(self, app: OpenAPI, client: FlaskClient, tokens: dict[str, Any]) -> None:
        assert self.as_access(client, forged(app, tokens["access_token"], exp=1)) == (401, "TOKEN_EXPIRED")
        assert self.as_refresh(client, forged(app, tokens["refresh_token"], exp=1)) == (401, "TOKEN_EXPIRED")

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "." * 5])
    def test_nonsense(self, client: FlaskClient, token: str) -> None:
        response = client.post("/api/auth/refresh", json={"refresh_token": token})
        assert (response.status_code, code(response)) == (401, "TOKEN_INVALID")

    def test_of_a_user_or_session_that_is_not_there(
        self, app: OpenAPI, client: FlaskClient, tokens: dict[str, Any], make_user: MakeUser
    ) -> None:
        assert self.as_refresh(client, forged(app, tokens["refresh_token"], sub="999")) == (401, "TOKEN_REVOKED")
        assert self.as_refresh(client, forged(app, tokens["refresh_token"], fam="none")) == (401, "TOKEN_INVALID")
        other = make_user()
        assert self.as_refresh(client, forged(app, tokens["refresh_token"], sub=str(other))) == (401, "TOKEN_INVALID")
        assert refresh(client, tokens["refresh_token"]).status_code == 200, "and nothing was ended by them"


def test_tokens_hold_no_address(client: FlaskClient, make_user: MakeUser) -> None:
    make_account(make_user)
    tokens = log_in(client)
    for name in ("access_token", "refresh_token"):
        claims = jwt.decode(tokens[name], options={"verify_signature": False})
        assert EMAIL not in str(claims)
        assert PASSWORD not in str(claims)
