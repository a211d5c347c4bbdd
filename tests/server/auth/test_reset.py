"""POST /api/auth/reset-password and /confirm."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import event, select
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
from oriel_fx.server.models import EmailMessage, PasswordResetToken
from oriel_fx.server.services import current_services
from oriel_fx.server.settings import Settings

one_database = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
MakeUser = Callable[..., int]


def ask(client: FlaskClient, email: str = EMAIL, **request: Any) -> TestResponse:
    return client.post("/api/auth/reset-password", json={"email": email}, **request)


def confirm(client: FlaskClient, token: str, password: str = ANOTHER) -> TestResponse:
    return client.post("/api/auth/reset-password/confirm", json={"token": token, "password": password})


def asked_for(app: OpenAPI, client: FlaskClient) -> str:
    """The token of the newest link."""
    assert ask(client).status_code == 202
    return token_in(mails(app, "reset_password")[-1])


def test_a_link_by_mail_sets_a_new_password_and_ends_every_session(
    app: OpenAPI, client: FlaskClient, make_user: MakeUser
) -> None:
    make_account(make_user)
    tokens = log_in(client)
    token = asked_for(app, client)
    assert confirm(client, token).status_code == 200
    assert client.get("/api/user/profile", headers=headers(tokens)).status_code == 401
    assert code(refresh(client, tokens["refresh_token"])) == "TOKEN_REVOKED"
    assert code(login(client, EMAIL, PASSWORD)) == "INVALID_CREDENTIALS"
    log_in(client, EMAIL, ANOTHER)
    assert [mail.to for mail in mails(app, "password_changed")] == [EMAIL]
    assert audited(app) == [*("auth.login", "auth.reset_requested", "auth.reset", "auth.login_failed", "auth.login")]


def test_the_mail_links_to_the_studio_and_the_token_is_kept_hashed(
    app: OpenAPI, client: FlaskClient, make_user: MakeUser
) -> None:
    make_account(make_user)
    token = asked_for(app, client)
    (mail,) = mails(app, "reset_password")
    assert mail.to == EMAIL
    assert f"http://localhost:8000/#/reset?token={token}" in mail.body_text
    assert "1 hour" in mail.body_text
    assert len(token) >= 43
    with app.app_context():
        row = db.session.scalars(select(PasswordResetToken)).one()
        assert row.token_hash == hashlib.sha256(token.encode()).hexdigest()
        assert timedelta(minutes=59) < row.expires_at - utcnow() <= timedelta(hours=1)


@one_database
def test_the_workers_are_told_of_the_mail(app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
    make_account(make_user)
    ask(client, "eve@example.org").close()
    with app.app_context():
        assert current_services().queue.depths()["high_priority"] == 0
    ask(client).close()  # they are told once the answer is sent
    with app.app_context():
        assert current_services().queue.depths()["high_priority"] == 1


def test_works_once(app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
    make_account(make_user)
    token = asked_for(app, client)
    assert confirm(client, token).status_code == 200
    again = confirm(client, token, "yet another good one")
    assert (again.status_code, code(again)) == (422, "INVALID_RESET_TOKEN")
    log_in(client, EMAIL, ANOTHER)


def test_of_two_at_once_one_works(app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
    make_account(make_user)
    token = asked_for(app, client)
    passwords = [f"harbour bell number {number}" for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda password: confirm(app.test_client(), token, password), passwords))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422]
    assert [login(client, EMAIL, password).status_code for password in passwords].count(200) == 1


@one_database
def test_works_for_an_hour(app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
    make_account(make_user)
    token = asked_for(app, client)
    with app.app_context():
        db.session.scalars(select(PasswordResetToken)).one().expires_at = utcnow() - timedelta(seconds=1)
        db.session.commit()
    assert code(confirm(client, token)) == "INVALID_RESET_TOKEN"


@one_database
def test_a_weak_password_is_refused_and_the_link_still_works(
    app: OpenAPI, client: FlaskClient, make_user: MakeUser
) -> None:
    make_account(make_user)
    token = asked_for(app, client)
    for weak in ("short", "password123", EMAIL):
        assert code(confirm(client, token, weak)) == "WEAK_PASSWORD"
    assert confirm(client, token).status_code == 200


@one_database
def test_one_link_ends_the_others(app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
    make_account(make_user)
    first, second = asked_for(app, client), asked_for(app, client)
    assert first != second
    assert confirm(client, first).status_code == 200
    assert code(confirm(client, second)) == "INVALID_RESET_TOKEN"


@one_database
def test_a_stranger_with_a_wrong_token_learns_nothing(client: FlaskClient) -> None:
    for token in ("x", "A" * 43):
        for password in (ANOTHER, "short"):
            assert code(confirm(client, token, password)) == "INVALID_RESET_TOKEN"
    for body in ({}, {"token": "", "password": ANOTHER}, {"token": "x" * 300, "password": ANOTHER}, {"token": "x"}):
        assert code(client.post("/api/auth/reset-password/confirm", json=body)) == "VALIDATION_FAILED"


@one_database
def test_a_disabled_account_gets_no_link(app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
    make_account(make_user, is_active=False)
    assert ask(client).status_code == 202
    assert mails(app, "reset_password") == []


@one_database
def test_what_is_no_address_is_422(client: FlaskClient) -> None:
    response = ask(client, "no address")
    assert (response.status_code, code(response)) == (422, "VALIDATION_FAILED")


def test_the_answer_and_the_work_are_the_same_for_every_address(
    app: OpenAPI, client: FlaskClient, make_user: MakeUser
) -> None:
    make_account(make_user)
    make_account(make_user, email="bob@example.org", is_active=False)
    answers, work = [], []
    for email in (EMAIL, "bob@example.org", "eve@example.org"):
        statements = record_statements(app)
        answer = ask(client, email)
        answers.append((answer.status_code, answer.data, sorted(set(answer.headers.keys()) - {"X-Request-ID"})))
        work.append([words for words in statements() if words not in (("INSERT", "password_reset_token"),)])
    assert answers[0] == answers[1] == answers[2]
    assert work[0] == work[1] == work[2], "apart from the row of the token itself"
    assert ("INSERT", "email_message") in work[2]
    with app.app_context():
        assert db.session.scalars(select(EmailMessage.to)).all() == [EMAIL], "but nobody else is written to"


def record_statements(app: OpenAPI) -> Callable[[], list[tuple[str, str]]]:
    """Verb and table of each statement from here on, until the result is called."""
    seen: list[tuple[str, str]] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        words = statement.replace('"', "").split()
        tables = [word for word in words if word in ("email_message", "password_reset_token", "audit_log", "user")]
        verb = words[0] if words[0] not in ("RELEASE", "ROLLBACK") else "END"
        seen.append((verb, tables[0] if tables and verb != "END" else ""))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)

    def stop() -> list[tuple[str, str]]:
        event.remove(engine, "before_cursor_execute", note)
        return seen

    return stop


@one_database
def test_nobodys_mailbox_is_flooded(app: OpenAPI, client: FlaskClient, make_user: MakeUser) -> None:
    make_account(make_user)
    answers = {ask(client).data for _ in range(8)}
    assert len(answers) == 1
    assert len(mails(app, "reset_password")) == 5


@one_database
def test_is_limited_for_each_place(settings: Settings, make_app: Callable[..., OpenAPI]) -> None:
    client = make_app(settings.model_copy(update={"rate_limits": True, "rate_reset": "2 per hour"})).test_client()
    assert [ask(client).status_code for _ in range(3)] == [202, 202, 429]
    refused = ask(client)
    assert code(refused) == "RATE_LIMITED"
    assert int(refused.headers["Retry-After"]) > 0
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    assert ask(client, "another@example.org", environ_base=elsewhere).status_code == 202


@one_database
def test_one_address_is_asked_for_a_few_times_an_hour_from_wherever(
    make_app: Callable[..., OpenAPI], settings: Settings, make_user: MakeUser
) -> None:
    make_user(email="ada@example.org")
    limited = {"rate_limits": True, "rate_reset": "2 per hour", "trusted_proxies": 1}
    client = make_app(settings.model_copy(update=limited)).test_client()

    def ask_from(number: int, email: str) -> int:
        elsewhere = {"X-Forwarded-For": f"203.0.113.{number}"}
        return client.post("/api/auth/reset-password", json={"email": email}, headers=elsewhere).status_code

    for email in ("ada@example.org", "nobody@example.org"):
        assert [ask_from(number, email) for number in range(3)] == [202, 202, 429]
        assert ask_from(9, email.upper()) == 429
    assert ask_from(10, "another@example.org") == 202
