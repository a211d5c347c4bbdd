"""Who gets in at /admin, and for how long; which forms count."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask_openapi import OpenAPI
from tests.server.admin.conftest import PASSWORD, Browser, Clock

from oriel_fx.server.admin.site.gate import IDLE_S, LONGEST_S
from oriel_fx.server.auth.passwords import hash_password
from oriel_fx.server.db import db
from oriel_fx.server.models import AuditLog, User
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import Role

PAGES = ("", "jobs/", "dead-letters/", "payments/", "users/", "mails/", "audit/", "users/1", "static/vendor/x.js")


@pytest.mark.parametrize("page", PAGES)
def test_strangers_see_only_the_login_page(browser: Browser, page: str) -> None:
    reply = browser.get(f"/admin/{page}")
    assert reply.status_code == 302
    assert reply.headers["Location"].startswith("/admin/login?next=")


def test_an_operator_gets_in_and_where_they_wanted_to(
    operator: Browser, audit_rows: Callable[[str], list[AuditLog]]
) -> None:
    assert "ops@oriel.example" in operator.get("/admin/").text
    assert len(audit_rows("admin.login")) == 1


def test_logging_in_leads_on_but_never_to_another_site(app: OpenAPI, make_user: Callable[..., int]) -> None:
    make_user(email="ops@oriel.example", password_hash=hash_password(PASSWORD), role=Role.ADMIN)
    for wanted, found in {
        "/admin/jobs/?status=failed": "/admin/jobs/?status=failed",
        "https://evil.example/admin/": "/admin/",
        "//evil.example/admin/": "/admin/",
        "/admin/\\evil.example": "/admin/",
        "/admin-evil": "/admin/",
        "/admin/login": "/admin/",
    }.items():
        browser = Browser(app)
        browser.get("/admin/login")
        reply = browser.post("/admin/login", email="ops@oriel.example", password=PASSWORD, next=wanted)
        assert reply.headers["Location"] == found, wanted


def test_users_and_the_disabled_are_refused(
    app: OpenAPI, make_user: Callable[..., int], audit_rows: Callable[[str], list[AuditLog]]
) -> None:
    hashed = hash_password(PASSWORD)
    make_user(email="ada@example.org", password_hash=hashed)
    make_user(email="off@example.org", password_hash=hashed, role=Role.ADMIN, is_active=False)
    for email, password, status in (
        ("ada@example.org", PASSWORD, 403),
        ("off@example.org", PASSWORD, 403),
        ("ada@example.org", "wrong", 422),
        ("nobody@example.org", PASSWORD, 422),
    ):
        browser = Browser(app)
        assert browser.log_in(email, password).status_code == status
        assert browser.get("/admin/").status_code == 302
    assert len(audit_rows("admin.login_refused")) == 1


def test_a_wrong_password_and_an_unknown_address_look_alike(app: OpenAPI, make_user: Callable[..., int]) -> None:
    make_user(email="ada@example.org", password_hash=hash_password(PASSWORD), role=Role.ADMIN)
    replies = [Browser(app).log_in(email, "wrong wrong wrong") for email in ("ada@example.org", "eve@example.org")]
    texts = [" ".join(line for line in reply.text.splitlines() if "csrf" not in line) for reply in replies]
    assert texts[0] == texts[1]


def test_a_form_needs_this_session_s_token(operator: Browser, make_user: Callable[..., int], app: OpenAPI) -> None:
    victim = make_user()
    other = Browser(app)
    other.get("/admin/login")
    for token in ("", "wrong", "ü", other.token):
        reply = operator.post("/admin/users/act", action="disable", key=str(victim), csrf_token=token)
        assert reply.status_code == 403
        assert "CSRF_FAILED" in reply.text
    with app.app_context():
        assert db.session.get_one(User, victim).is_active


def test_logging_in_and_out_need_a_token_too(browser: Browser, operator: Browser) -> None:
    assert operator.post("/admin/logout", csrf_token="").status_code == 403
    assert operator.get("/admin/").status_code == 200
    stranger = Browser(operator.client.application)  # type: ignore[arg-type]
    assert stranger.post("/admin/login", email="ops@oriel.example", password=PASSWORD).status_code == 403


def test_leaving_ends_the_session_for_copies_of_the_cookie_too(operator: Browser, app: OpenAPI) -> None:
    cookie = operator.client.get_cookie("oriel_admin", path="/admin")
    assert cookie
    assert operator.post("/admin/logout").status_code == 302
    thief = app.test_client()
    thief.set_cookie("oriel_admin", cookie.value, path="/admin")
    assert thief.get("/admin/").status_code == 302


def test_a_session_ends_when_idle_and_after_half_a_day(operator: Browser, clock: Clock) -> None:
    clock.forward(seconds=IDLE_S - 60)
    assert operator.get("/admin/").status_code == 200
    for _ in range(LONGEST_S // (IDLE_S - 60)):
        assert operator.get("/admin/").status_code == 200
        clock.forward(seconds=IDLE_S - 60)
    assert operator.get("/admin/").status_code == 302


def test_idle_operators_log_in_again(operator: Browser, clock: Clock) -> None:
    clock.forward(seconds=IDLE_S + 1)
    assert operator.get("/admin/").status_code == 302
    assert operator.log_in("ops@oriel.example").status_code == 302
    assert operator.get("/admin/").status_code == 200


@pytest.mark.parametrize("change", [{"role": Role.USER}, {"is_active": False}, {"token_version": 5}])
def test_it_ends_at_once_with_the_role_the_account_or_the_password(
    operator: Browser, app: OpenAPI, change: dict[str, object]
) -> None:
    with app.app_context():
        user = db.session.get_one(User, operator.user_id)  # type: ignore[attr-defined]
        for name, value in change.items():
            setattr(user, name, value)
        db.session.commit()
    assert operator.get("/admin/").status_code == 302
    assert operator.post("/admin/users/act", action="disable", key="1").status_code in (302, 403)


def test_the_cookie_and_the_pages_are_closed(operator: Browser, app: OpenAPI) -> None:
    login = Browser(app).get("/admin/login")
    assert {"HttpOnly", "Path=/admin", "SameSite=Lax"} <= set(login.headers["Set-Cookie"].split("; "))
    page = operator.get("/admin/")
    assert page.headers["Cache-Control"] == "no-store"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    for forbidden in ("<script", " style=", " onclick=", "javascript:"):
        assert forbidden not in page.text
    with operator.client.get("/admin/assets/admin.css") as sheet:
        assert "text/css" in sheet.headers["Content-Type"]
    assert operator.client.get("/admin/assets/../gate.py").status_code == 404


def test_the_cookie_is_secure_behind_https(settings: Settings, make_app: Callable[..., OpenAPI]) -> None:
    app = make_app(settings.model_copy(update={"public_url": "https://fx.example"}))
    assert "Secure" in Browser(app).get("/admin/login").headers["Set-Cookie"]


def test_guessing_is_slowed_down(
    settings: Settings, make_app: Callable[..., OpenAPI], make_user: Callable[..., int]
) -> None:
    make_user(email="ops@oriel.example", password_hash=hash_password(PASSWORD), role=Role.ADMIN)
    limited = settings.model_copy(update={"rate_limits": True, "rate_login_pair": "2 per minute"})
    browser = Browser(make_app(limited))
    codes = [browser.log_in("ops@oriel.example", "wrong wrong").status_code for _ in range(3)]
    assert codes == [422, 422, 429]
    refused = browser.log_in("ops@oriel.example")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "RATE_LIMITED" in refused.text
    assert browser.log_in("another@oriel.example", "wrong wrong").status_code == 422


def test_the_api_s_tokens_open_nothing_here(
    app: OpenAPI, make_user: Callable[..., int], bearer: Callable[[int], dict[str, str]]
) -> None:
    headers = bearer(make_user(role=Role.ADMIN))
    assert app.test_client().get("/admin/", headers=headers).status_code == 302
