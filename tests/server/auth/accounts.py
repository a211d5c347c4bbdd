"""What the tests of accounts share: one good password with its hash made once, and a browser-less client's steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import select
from werkzeug.test import TestResponse

from oriel_fx.server.auth.passwords import hash_password
from oriel_fx.server.db import db
from oriel_fx.server.models import AuditLog, EmailMessage

EMAIL = "ada@example.org"
PASSWORD = "tidal-lantern-42"
ANOTHER = "wren quarry otter"


@cache
def password_hash() -> str:
    """Of PASSWORD."""
    return hash_password(PASSWORD)


def make_account(make_user: Callable[..., int], **values: Any) -> int:
    """An account with EMAIL and PASSWORD, and its id."""
    return make_user(**{"email": EMAIL, "password_hash": password_hash(), **values})


def login(client: FlaskClient, email: str = EMAIL, password: str = PASSWORD, **request: Any) -> TestResponse:
    """POST /api/auth/login."""
    return client.post("/api/auth/login", json={"email": email, "password": password}, **request)


def log_in(client: FlaskClient, email: str = EMAIL, password: str = PASSWORD) -> dict[str, Any]:
    """Tokens of a new session, as an API client keeps them: without the cookies."""
    response = login(client, email, password)
    assert response.status_code == 200, response.text
    forget_cookies(client)
    tokens: dict[str, Any] = response.get_json()
    return tokens


def forget_cookies(client: FlaskClient) -> None:
    """As a client that keeps none."""
    for path in ("/api/auth", "/"):
        for name in ("refresh_token_cookie", "csrf_refresh_token"):
            client.delete_cookie(name, path=path)


def refresh(client: FlaskClient, token: str) -> TestResponse:
    """POST /api/auth/refresh as an API client."""
    response = client.post("/api/auth/refresh", json={"refresh_token": token})
    forget_cookies(client)
    return response


def headers(tokens: dict[str, Any]) -> dict[str, str]:
    """Of a request with these tokens."""
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def code(response: TestResponse) -> str:
    """The error's code; checks the one shape."""
    body = response.get_json()
    assert body.keys() == {"error"}, body
    assert body["error"].keys() == {"code", "message", "details"}
    return str(body["error"]["code"])


def mails(app: OpenAPI, kind: str) -> list[EmailMessage]:
    """The mails of a kind, oldest first."""
    with app.app_context():
        asked = select(EmailMessage).where(EmailMessage.kind == kind).order_by(EmailMessage.id)
        return list(db.session.scalars(asked))


def token_in(mail: EmailMessage) -> str:
    """The token of the mail's link."""
    found = re.search(r"token=([\w-]+)", mail.body_text)
    assert found, mail.body_text
    return found[1]


def audited(app: OpenAPI) -> list[str]:
    """The actions on record, oldest first."""
    with app.app_context():
        return list(db.session.scalars(select(AuditLog.action).order_by(AuditLog.id)))
