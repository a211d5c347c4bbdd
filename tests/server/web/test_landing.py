"""The page at `/`, and what the links of mails do there, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from playwright.sync_api import Page, expect, sync_playwright
from sqlalchemy import select
from tests.server.auth.accounts import ANOTHER, EMAIL, PASSWORD, login, make_account
from tests.server.payments.conftest import listening

from oriel_fx.render.engines.browser.chromium import find_chromium
from oriel_fx.server.db import db
from oriel_fx.server.models import EmailMessage, User
from oriel_fx.server.users.profile import ask_for_address


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a browser; what it finds wrong fails the test."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium().path, args=["--no-sandbox"])
        made = browser.new_page()
        faults: list[str] = []
        made.on("pageerror", lambda error: faults.append(str(error)))
        yield made
        browser.close()
        assert faults == []


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/", "A video for your song"),
        ("/?checkout=paid&job=x", "Thank you"),
        ("/?checkout=canceled", "Nothing was paid"),
    ],
)
def test_it_says_where_somebody_is(client: FlaskClient, address: str, says: str) -> None:
    reply = client.get(address)
    assert reply.status_code == 200
    assert f"<h1>{says}</h1>" in reply.text
    assert "http" not in reply.text, "it needs no other server"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    for name in ("landing.css", "landing.js"):
        asset = client.get(f"/web/{name}")
        assert asset.status_code == 200
        asset.close()
    assert client.get("/web/../__init__.py").status_code == client.get("/web/landing.html").status_code == 404


def link(app: OpenAPI, kind: str) -> str:
    """The link of the last mail of a kind, without the service's address."""
    with app.app_context():
        last = select(EmailMessage.body_text).where(EmailMessage.kind == kind).order_by(EmailMessage.id.desc())
        body = db.session.scalars(last.limit(1)).one()
    return next(word for word in body.split() if "token=" in word).removeprefix("http://localhost:8000")


def test_a_forgotten_password_is_changed(
    app: OpenAPI, client: FlaskClient, make_user: Callable[..., int], page: Page
) -> None:
    make_account(make_user)
    assert client.post("/api/auth/reset-password", json={"email": EMAIL}).status_code == 202
    with listening(app) as url:
        page.goto(url + link(app, "reset_password"))
        expect(page.get_by_role("heading")).to_have_text("Choose a new password")
        field = page.get_by_label("New password")
        expect(field).to_be_focused()
        field.fill("password1234")
        field.press("Enter")
        expect(page.get_by_role("status").first).to_contain_text("too easy to guess")
        field.fill(ANOTHER)
        page.get_by_role("button").click()
        expect(page.get_by_text("Your password is changed.")).to_be_visible()
        assert "token" not in page.url
    assert login(client, EMAIL, ANOTHER).status_code == 200
    assert login(client, EMAIL, PASSWORD).status_code == 422


def test_a_new_address_is_confirmed_and_a_link_works_once(
    app: OpenAPI, client: FlaskClient, make_user: Callable[..., int], page: Page
) -> None:
    user_id = make_account(make_user)
    with app.app_context():
        ask_for_address(db.session.get_one(User, user_id), "new@example.org")
        db.session.commit()
    with listening(app) as url:
        for answer in ("Your new address is confirmed.", "The link is wrong, used or expired"):
            page.goto("about:blank")
            page.goto(url + link(app, "confirm_address"))
            page.get_by_role("button").click()
            expect(page.get_by_text(answer)).to_be_visible()
    assert login(client, "new@example.org").status_code == 200
