"""The application as a whole: its document, its page, headers, ids, limits, who may call what."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import structlog
from flask import request
from flask.testing import FlaskClient
from flask_jwt_extended import create_access_token
from flask_openapi import OpenAPI
from pydantic import BaseModel

from oriel_fx.server.auth.guard import admin_required, current_user, login_required
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.errors import REGISTRY, PaymentsUnavailableError
from oriel_fx.server.limits import by_account, by_address, limiter
from oriel_fx.server.logs import redact
from oriel_fx.server.models import RevokedToken, User
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import Role


@pytest.fixture
def database_kind() -> str:
    """One database is enough here."""
    return "sqlite"


def test_the_document_is_openapi_3_1(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    assert document["openapi"] == "3.1.0"
    assert "/ready" in document["paths"]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for code in REGISTRY:
        assert f"`{code}`" in document["info"]["description"]


def test_every_operation_documents_its_errors_in_the_one_shape(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert {"422", "429", "500", "503"} <= operation["responses"].keys(), (method, path)
            schema = operation["responses"]["422"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorResponse"}, (method, path)
            assert operation["summary"], (method, path)


def test_what_needs_a_token_says_so_in_the_document(app: OpenAPI, client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    for rule in app.url_map.iter_rules():
        marked = hasattr(app.view_functions[rule.endpoint], "__oriel_auth__")
        path = document["paths"].get(str(rule).replace("<", "{").replace(">", "}").replace("string:", ""), {})
        for method in (rule.methods or set()) & {"GET", "POST", "PUT", "DELETE"}:
            if operation := path.get(method.lower()):
                ways = operation.get("security", [])
                # An empty way among them says that a token may also be left out.
                assert bool(ways and {} not in ways) == marked, rule


def test_the_docs_page_needs_no_other_server(client: FlaskClient) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert "http" not in page.text
    for name in ("docs/css/swagger-ui.css", "docs/js/swagger-ui-bundle.js", "docs/start.js", "docs/images/swagger.svg"):
        reply = client.get(f"/api/{name}")
        assert reply.status_code == 200, name
        reply.close()
    assert client.get("/api/docs/../plugins.py").status_code == 404
    assert client.get("/api/docs/js/other.js").status_code == 404


def test_a_request_id_is_kept_or_made(client: FlaskClient) -> None:
    assert client.get("/health", headers={"X-Request-ID": "abc-12345"}).headers["X-Request-ID"] == "abc-12345"
    assert len(client.get("/health", headers={"X-Request-ID": "a b\tc"}).headers["X-Request-ID"]) == 24
    assert client.get("/nowhere").headers["X-Request-ID"]


def test_every_reply_has_the_security_headers(client: FlaskClient) -> None:
    for path in ("/health", "/nowhere", "/api/docs"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in headers
    assert client.get("/api/openapi.json").headers["Cache-Control"] == "no-store"


def test_cors_is_off_until_an_origin_is_named(settings: Settings, make_app: Callable[[Settings], OpenAPI]) -> None:
    origin = {"Origin": "https://studio.example"}
    assert (
        "Access-Control-Allow-Origin"
        not in make_app(settings).test_client().get("/api/openapi.json", headers=origin).headers
    )
    named = settings.model_copy(update={"cors_origins": ("https://studio.example",)})
    client = make_app(named).test_client()
    assert client.get("/api/openapi.json", headers=origin).headers["Access-Control-Allow-Origin"] == origin["Origin"]
    other = client.get("/api/openapi.json", headers={"Origin": "https://evil.example"}).headers
    assert "Access-Control-Allow-Origin" not in other


@pytest.mark.parametrize(("proxies", "seen"), [(0, "127.0.0.1"), (1, "198.51.100.2"), (2, "203.0.113.1")])
def test_only_trusted_proxies_name_the_client(
    settings: Settings, make_app: Callable[[Settings], OpenAPI], proxies: int, seen: str
) -> None:
    app = make_app(settings.model_copy(update={"trusted_proxies": proxies}))

    @app.get("/who")
    def who() -> dict[str, str]:
        return {"who": str(request.remote_addr)}

    headers = {"X-Forwarded-For": "192.0.2.66, 203.0.113.1, 198.51.100.2"}
    assert app.test_client().get("/who", headers=headers).get_json() == {"who": seen}


class Wanted(BaseModel):
    """A body."""

    name: str


def with_views(app: OpenAPI) -> FlaskClient:
    @app.get("/me")
    @login_required
    def me() -> dict[str, str]:
        return {"email": current_user().email}

    @app.get("/staff")
    @admin_required
    def staff() -> dict[str, str]:
        return {}

    return app.test_client()


def code_of(client: FlaskClient, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    reply = client.get(path, headers=headers)
    return reply.status_code, reply.get_json().get("error", {}).get("code", "")


def test_who_may_call_what(
    app: OpenAPI, make_user: Callable[..., int], bearer: Callable[[int], dict[str, str]]
) -> None:
    client = with_views(app)
    user, admin, off = make_user(), make_user(role=Role.ADMIN), make_user(is_active=False)
    assert code_of(client, "/me") == (401, "UNAUTHORIZED")
    assert client.get("/me").headers["WWW-Authenticate"] == "Bearer"
    assert code_of(client, "/me", {"Authorization": "Bearer x.y.z"}) == (401, "TOKEN_INVALID")
    assert code_of(client, "/me", bearer(user)) == (200, "")
    assert code_of(client, "/me", bearer(off)) == (403, "ACCOUNT_DISABLED")
    assert code_of(client, "/staff", bearer(user)) == (403, "FORBIDDEN")
    assert code_of(client, "/staff", bearer(admin)) == (200, "")


def test_a_stranger_is_told_nothing_about_a_body(app: OpenAPI) -> None:
    @app.post("/wanted")
    @login_required
    def wanted(body: Wanted) -> dict[str, str]:
        return {"name": body.name}

    client = app.test_client()
    for sent in (b"{", b"{}", b"[" * 100):
        assert client.post("/wanted", data=sent, content_type="application/json").status_code == 401


def test_an_expired_token(app: OpenAPI, make_user: Callable[..., int]) -> None:
    client, user = with_views(app), make_user()
    with app.app_context():
        token = create_access_token(str(user), expires_delta=timedelta(seconds=-1), additional_claims={"ver": 0})
    assert code_of(client, "/me", {"Authorization": f"Bearer {token}"}) == (401, "TOKEN_EXPIRED")


def endpoints(app: OpenAPI) -> Iterator[tuple[str, set[str], bool]]:
    """Each address of the API with its methods and whether it needs a login; parts of paths are filled with a word."""
    by_path: dict[str, tuple[set[str], bool]] = {}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "none", str(rule))
        if path.startswith(("/api/", "/health", "/ready", "/metrics")):
            methods, marked = by_path.get(path, (set(), False))
            marked = marked or hasattr(app.view_functions[rule.endpoint], "__oriel_auth__")
            by_path[path] = (methods | (rule.methods or set()), marked)
    for path, (methods, marked) in by_path.items():
        yield path, methods, marked


def test_every_endpoint_refuses_other_methods_in_the_one_shape(app: OpenAPI) -> None:
    client, n_asked = app.test_client(), 0
    for path, methods, _ in endpoints(app):
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - methods:
            reply = client.open(path, method=method)
            assert (reply.status_code, reply.get_json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED"), (method, path)
            n_asked += 1
    assert n_asked > 80


def test_every_endpoint_that_needs_a_login_refuses_who_has_none(
    app: OpenAPI, make_user: Callable[..., int], bearer: Callable[[int], dict[str, str]]
) -> None:
    client, user, off = app.test_client(), make_user(), make_user(is_active=False)
    with app.app_context():
        old = create_access_token(str(user), expires_delta=timedelta(seconds=-1), additional_claims={"ver": 0})
    tries = [
        ({}, (401, "UNAUTHORIZED")),
        ({"Authorization": f"Bearer {old}"}, (401, "TOKEN_EXPIRED")),
        ({"Authorization": "Bearer x.y.z"}, (401, "TOKEN_INVALID")),
        (bearer(off), (403, "ACCOUNT_DISABLED")),
    ]
    n_asked = 0
    for path, methods, marked in endpoints(app):
        for method in methods & {"GET", "POST", "PUT", "DELETE"} if marked else ():
            for headers, expected in tries:
                reply = client.open(path, method=method, headers=headers)
                assert (reply.status_code, reply.get_json()["error"]["code"]) == expected, (method, path)
                n_asked += 1
    assert n_asked >= 4 * 12


def test_what_ends_a_token(
    app: OpenAPI, make_user: Callable[..., int], bearer: Callable[[int], dict[str, str]]
) -> None:
    client = with_views(app)
    one, other, gone = make_user(), make_user(), make_user()
    headers = {user: bearer(user) for user in (one, other, gone)}
    with app.app_context():
        from flask_jwt_extended import decode_token

        jti = decode_token(headers[one]["Authorization"].removeprefix("Bearer "))["jti"]
        db.session.add(RevokedToken(jti=jti, token_type="access", user_id=one, expires_at=utcnow()))
        db.session.get_one(User, other).token_version += 1
        db.session.get_one(User, gone).deleted_at = utcnow()
        db.session.commit()
    for user in (one, other, gone):
        assert code_of(client, "/me", headers[user]) == (401, "TOKEN_REVOKED")


def limited(settings: Settings, make_app: Callable[[Settings], OpenAPI]) -> FlaskClient:
    app = make_app(settings.model_copy(update={"rate_limits": True}))

    @app.get("/few")
    @limiter.limit("2 per minute", key_func=by_account)
    def few() -> dict[str, str]:
        return {}

    return app.test_client()


def test_too_many_requests(settings: Settings, make_app: Callable[[Settings], OpenAPI]) -> None:
    client = limited(settings, make_app)
    replies = [client.get("/few") for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert replies[2].get_json()["error"]["code"] == "RATE_LIMITED"
    assert 0 < int(replies[2].headers["Retry-After"]) <= 61
    assert client.get("/few", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 200
    assert all(client.get("/health").status_code == 200 for _ in range(5))


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("not an address", "not an address"),
    ],
)
def test_one_line_has_one_count(app: OpenAPI, given: str, counted: str) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": given}):
        assert by_address() == counted


def test_the_limiter_puts_off_nobody_else(settings: Settings, make_app: Callable[[Settings], OpenAPI]) -> None:
    app = make_app(settings.model_copy(update={"rate_limits": True}))

    @app.get("/rare")
    @limiter.limit("9 per hour")
    def rare() -> dict[str, str]:
        if "away" in request.args:
            raise PaymentsUnavailableError
        return {}

    client = app.test_client()
    assert "Retry-After" not in client.get("/rare").headers
    away = client.get("/rare?away")
    assert (away.status_code, away.headers["Retry-After"]) == (503, "5"), "an outage is over sooner than the hour"


def test_the_limiter_counts_in_memory_while_redis_is_away(
    settings: Settings, make_app: Callable[[Settings], OpenAPI]
) -> None:
    away = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"})
    client = limited(away, make_app)
    assert [client.get("/few").status_code for _ in range(3)] == [200, 200, 429]


def test_logs_hold_no_secret_and_no_address() -> None:
    line = {
        "event": "mail to a.b@example.org with sk_live_12345678 at redis://u:pw@host",
        "password": "hunter2",
        "headers": {"Authorization": "Bearer eyJhbGciOiJI.abc.def"},
        "args": ["whsec_12345678"],
        "error": "redis://:hidden@10.1.2.3:6379 from 203.0.113.9",
        "sql": "UPDATE user SET x='$argon2id$v=19$m=1,t=2$c2FsdA$aGFzaA'",
        "here": "127.0.0.1:8000",
    }
    text = json.dumps(redact(line))
    for secret in (
        "example.org",
        "sk_live_12345678",
        "hunter2",
        "eyJ",
        "whsec_1",
        "u:pw",
        ":hidden",
        "10.1.2.3",
        "203.0",
        "argon2",
    ):
        assert secret not in text
    assert "127.0.0.1:8000" in text


def test_each_request_is_a_line_with_its_ids_and_without_its_path(
    client: FlaskClient, make_user: Callable[..., int], bearer: Callable[[int], dict[str, str]]
) -> None:
    user, headers = make_user(), {"X-Request-ID": "my-request-2"}
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        client.get("/api/render/status/00000000-aaaa", headers=headers | bearer(user))
        client.get("/api/d/a-token-that-opens-a-video", headers=headers)
        client.get("/health", headers=headers)
    found, link, alive = [line for line in lines if line["event"] == "request"]
    assert (found["request_id"], found["user_id"], found["job_id"]) == ("my-request-2", user, "00000000-aaaa")
    assert (found["endpoint"], found["status"], found["log_level"]) == ("renders.status", 404, "info")
    assert "a-token" not in str(link)
    assert alive["log_level"] == "debug"


def test_a_failure_is_logged_with_its_request_id(app: OpenAPI, capsys: pytest.CaptureFixture[str]) -> None:
    @app.get("/boom")
    def boom() -> str:
        structlog.get_logger("oriel_fx.test").info("about to fail", email="a@example.org")
        raise ZeroDivisionError

    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        app.test_client().get("/boom", headers={"X-Request-ID": "my-request-1"})
    assert [line["request_id"] for line in lines] == ["my-request-1"] * 3
    assert lines[1]["code"] == "INTERNAL"
    assert (lines[2]["event"], lines[2]["status"]) == ("request", 500)
