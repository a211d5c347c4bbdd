"""An operator: at a terminal, and at the pages. Beside them the shop of the payments' tests, to have things to see."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import select
from tests.server.payments.conftest import (  # noqa: F401
    Clock,
    Order,
    Shop,
    clock,
    new_order,
    services,
    settings,
    shop,
)
from werkzeug.test import TestResponse

from oriel_fx.cli import main
from oriel_fx.server.auth.passwords import hash_password
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import AuditLog, DeadLetter, RenderJob
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus, Role

PASSWORD = "lantern tidal 42 oboe"
Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Terminal:
    """`oriel admin …` on the test's database, queue and storage, in this process."""

    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    def run(self, *words: object, stdin: str = "") -> Done:
        """One command, and how it ended."""
        self.monkeypatch.setattr(sys, "argv", ["oriel", "admin", *map(str, words)])
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        self.capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.run()
        out, err = self.capfd.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Done(sys.argv, code, out, err)

    def ok(self, *words: object, stdin: str = "") -> str:
        """One command that succeeds; what it printed."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *words: object, stdin: str = "") -> Any:
        """One command that succeeds, with --json."""
        return json.loads(self.ok(*words, "--json", stdin=stdin))

    def refused(self, *words: object, code: int = 1) -> str:
        """One command that fails with a sentence; the sentence."""
        done = self.run(*words)
        lines = done.stderr.splitlines()
        assert done.returncode == code, done
        assert lines[0].startswith("Error: ")
        assert lines[0].endswith(".")
        assert "Traceback" not in done.stderr
        return lines[0].removeprefix("Error: ")


@pytest.fixture
def terminal(
    app: OpenAPI,
    settings: Settings,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Terminal:
    for name, value in {
        "ORIEL_ENV": "development",
        "ORIEL_DATA_DIR": settings.data_dir,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "ORIEL_PUBLIC_URL": settings.public_url,
    }.items():
        monkeypatch.setenv(name, str(value))
    return Terminal(monkeypatch, capfd)


class Browser:
    """An operator's browser: keeps the cookie, and sends each form with the token of the page it is on."""

    def __init__(self, app: OpenAPI) -> None:
        self.client: FlaskClient = app.test_client()
        self.token = ""

    def get(self, path: str) -> TestResponse:
        """A page."""
        reply = self.client.get(path)
        found = re.search(r'name="csrf_token" value="([^"]+)"', reply.text)
        self.token = found[1] if found else self.token
        return reply

    def post(self, path: str, **fields: Any) -> TestResponse:
        """A form. `csrf_token` is the page's unless given."""
        return self.client.post(path, data={"csrf_token": self.token, **fields})

    def log_in(self, email: str, password: str = PASSWORD) -> TestResponse:
        """The login form."""
        self.get("/admin/login")
        return self.post("/admin/login", email=email, password=password)

    def act(self, page: str, action: str, *keys: object) -> str:
        """Mark rows, press a button, and read the page that follows."""
        self.get(f"/admin/{page}/")
        reply = self.post(f"/admin/{page}/act", action=action, key=[str(key) for key in keys])
        assert reply.status_code == 302, reply.text
        return self.get(reply.headers["Location"]).text


@pytest.fixture
def browser(app: OpenAPI) -> Browser:
    """Nobody's browser."""
    return Browser(app)


@pytest.fixture
def operator(app: OpenAPI, make_user: Callable[..., int], browser: Browser) -> Browser:
    """The browser of an operator who is logged in; the account is number `operator.user_id`."""
    user_id = make_user(email="ops@oriel.example", password_hash=hash_password(PASSWORD), role=Role.ADMIN)
    assert browser.log_in("ops@oriel.example").status_code == 302
    browser.user_id = user_id  # type: ignore[attr-defined]
    browser.get("/admin/jobs/")
    return browser


@pytest.fixture
def audit_rows(app: OpenAPI) -> Callable[[str], list[AuditLog]]:
    """What the audit log has of an action."""

    def rows(action: str) -> list[AuditLog]:
        with app.app_context():
            return list(db.session.scalars(select(AuditLog).where(AuditLog.action == action)))

    return rows


@pytest.fixture
def failed(shop: Shop) -> Iterator[tuple[Order, int, str]]:  # noqa: F811
    """A paid job that gave up, its dead letter's number, and its payment's session."""
    order, session_id = shop.paid()
    job = shop.job(order)
    shop.change(
        job,
        status=JobStatus.FAILED,
        failed_at=utcnow(),
        attempts=3,
        error_code="ENCODE",
        error_message="A fault on our side.",
        error_detail="EncodeError: no space left",
        refund_due_at=utcnow() + timedelta(hours=24),
    )
    with shop.app.app_context():
        letter = DeadLetter(
            job_id=order.job_id,
            queue="video_rendering",
            function="oriel_fx.server.worker.render_video",
            args={"job": order.public_id},
            error_code="ENCODE",
            error_detail="EncodeError: no space left",
            attempts=3,
        )
        db.session.add(letter)
        db.session.commit()
        number = letter.id
    yield order, number, session_id


def status_of(app: OpenAPI, job_id: int) -> JobStatus:
    """A job's status now."""
    with app.app_context():
        return db.session.get_one(RenderJob, job_id).status
