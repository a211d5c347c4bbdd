"""What an operator is told to see to: what, since when, and what to do."""

from __future__ import annotations

import json
from datetime import timedelta

from flask_openapi import OpenAPI
from tests.server.admin.conftest import Browser, Order, Shop, Terminal
from tests.server.storage.emulator import service_account

from oriel_fx.server.admin import problems
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.jobs.rq_worker import make_worker
from oriel_fx.server.models import EmailMessage, Payment
from oriel_fx.server.services import Services
from oriel_fx.server.states import EmailStatus, JobStatus, PaymentStatus

LONG_AGO = utcnow() - timedelta(hours=2)


def whats(terminal: Terminal, code: int = 1) -> list[str]:
    """What `oriel admin problems` names; asked twice, as text and as JSON."""
    done = terminal.run("problems", "--json")
    assert done.returncode == code, done
    found = json.loads(done.stdout)
    text = terminal.run("problems").stdout
    assert all(one["what"] in text and one["do"] in text and one["command"] in text for one in found)
    return [one["what"] for one in found]


def test_nothing_is_wrong_where_everything_runs(
    terminal: Terminal, services: Services, redis_url: str, operator: Browser
) -> None:
    services.queue.beat("scheduler")
    worker = make_worker(redis_url, ["video_rendering", "high_priority"])
    worker.register_birth()
    try:
        assert whats(terminal, 0) == []
        assert "All is well" in terminal.run("problems").stdout
        assert "All is well" in operator.get("/admin/").text
    finally:
        worker.register_death()


def test_processes_that_do_not_run_are_named(terminal: Terminal, services: Services) -> None:
    none = ["The scheduler is silent", "No worker renders videos", "No worker sends mails"]
    assert whats(terminal) == none
    services.queue.beat("scheduler")
    assert whats(terminal) == none[1:]


def test_an_absent_redis_is_one_problem_and_not_four(terminal: Terminal, failed: tuple[Order, int, str]) -> None:
    terminal.monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
    assert whats(terminal) == ["Redis cannot be reached", "1 job gave up"]


def test_songs_that_we_lost_are_named_for_a_week(terminal: Terminal, shop: Shop, services: Services) -> None:
    order = shop.paid()[0]
    lost = {"status": JobStatus.FAILED, "error_code": "UPLOAD_MISSING"}
    shop.change(shop.job(order), **lost, failed_at=LONG_AGO)
    assert whats(terminal)[3:] == ["The song of 1 paid job was gone from storage this week"]
    shop.change(shop.job(order), failed_at=LONG_AGO - timedelta(days=7))
    assert whats(terminal)[3:] == []


def test_what_waits_too_long_is_named_with_its_first_moment(
    terminal: Terminal, app: OpenAPI, shop: Shop, failed: tuple[Order, int, str], operator: Browser
) -> None:
    late, lost = shop.paid()[0], shop.paid()[0]
    shop.change(shop.job(late), status=JobStatus.QUEUED, paid_at=LONG_AGO, next_attempt_at=None)
    shop.change(shop.job(lost), status=JobStatus.PROCESSING, lease_expires_at=LONG_AGO)
    with app.app_context():
        [parked, slow] = db.session.query(Payment).filter(Payment.job_id.in_([late.job_id, lost.job_id]))
        parked.status = PaymentStatus.PARKED
        slow.status, slow.refund_requested_at = PaymentStatus.REFUND_PENDING, LONG_AGO
        for number, status in enumerate((EmailStatus.PENDING, EmailStatus.FAILED)):
            mail = {"to": "a@example.org", "kind": "welcome", "subject": "", "body_text": "", "body_html": ""}
            db.session.add(EmailMessage(idempotency_key=f"k{number}", status=status, created_at=LONG_AGO, **mail))
        db.session.commit()
    found = whats(terminal)
    assert found[3:] == [
        "1 job gave up",
        "1 job lost the worker, and no other took over",
        "1 paid job waiting for more than 15 minutes",
        "1 payment parked",
        "1 refund on its way for an hour",
        "1 mail not sent yet",
        "1 mail given up in a week",
    ]
    page = operator.get("/admin/").text
    assert "10 things to see to" in page
    assert f"{LONG_AGO:%Y-%m-%d %H:%M:%S}" in page and "2 h ago" in page
    assert 'href="/admin/payments/?status=parked"' in page
    assert operator.get("/admin/payments/?status=parked").status_code == 200


def test_a_full_disk_and_absent_storage_are_named(terminal: Terminal) -> None:
    # A full disk cannot be had on demand, and what is free on a real one changes between two questions.
    terminal.monkeypatch.setattr(problems.shutil, "disk_usage", lambda folder: (10**11, 995 * 10**8, 5 * 10**8))
    assert any("0.5 GB are free on this machine" in what for what in whats(terminal))
    terminal.monkeypatch.setenv("ORIEL_STORAGE", "gcs")
    terminal.monkeypatch.setenv("ORIEL_GCS_BUCKET", "none")
    terminal.monkeypatch.setenv("ORIEL_GCS_ENDPOINT", "http://127.0.0.1:9")
    terminal.monkeypatch.setenv("ORIEL_GCS_CREDENTIALS_JSON", service_account())
    assert "Storage does not answer" in whats(terminal)
