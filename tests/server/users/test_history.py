"""GET /api/user/history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import event
from tests.server.auth.accounts import code

from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import Payment, RenderJob
from oriel_fx.server.states import JobStatus, PaymentStatus

one_database = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
Make = Callable[..., int]
Bearer = Callable[[int], dict[str, str]]


def pay(app: OpenAPI, job_id: int, status: PaymentStatus, *, used: bool) -> None:
    """A payment opened for the job; `used`: the job is paid with it."""
    with app.app_context():
        job = db.session.get_one(RenderJob, job_id)
        payment = Payment(user_id=job.user_id, job_id=job_id, amount=149, currency="usd", status=status)
        db.session.add(payment)
        db.session.flush()
        if used:
            job.payment_id = payment.id
        db.session.commit()


def page(client: FlaskClient, auth: dict[str, str], query: str = "") -> dict[str, Any]:
    response = client.get(f"/api/user/history{query}", headers=auth)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.get_json()
    return found


def test_tells_of_each_job_newest_first(
    app: OpenAPI, client: FlaskClient, make_user: Make, make_job: Make, bearer: Bearer
) -> None:
    mine, now = make_user(), utcnow()
    made = {"video_key": "videos/x.mp4", "completed_at": now, "title": "Glass Hours"}
    later = now + timedelta(days=30)
    unpaid = make_job(mine, created_at=now - timedelta(minutes=5), expires_at=now + timedelta(hours=24))
    done = make_job(mine, JobStatus.COMPLETED, created_at=now - timedelta(minutes=4), expires_at=later, **made)
    make_job(mine, JobStatus.COMPLETED, created_at=now - timedelta(minutes=3), expires_at=now, **made)
    make_job(
        mine, JobStatus.EXPIRED, created_at=now - timedelta(minutes=2), files_deleted_at=now, expires_at=now, **made
    )
    make_job(mine, JobStatus.FAILED, created_at=now - timedelta(minutes=1), error_code="X", error_message="It broke.")
    make_job(make_user(), JobStatus.COMPLETED)
    pay(app, unpaid, PaymentStatus.EXPIRED, used=False)
    pay(app, unpaid, PaymentStatus.PENDING, used=False)
    pay(app, done, PaymentStatus.COMPLETED, used=True)
    pay(app, done, PaymentStatus.REFUNDED, used=False)

    found = page(client, bearer(mine))
    assert (found["total"], found["page"], found["pages"], found["limit"]) == (5, 1, 1, 20)
    items = found["items"]
    assert [item["status"] for item in items] == ["failed", "expired", "completed", "completed", "awaiting_payment"]
    assert [item["video_ready"] for item in items] == [False, False, False, True, False]
    assert [item["payment_status"] for item in items] == [None, None, None, "completed", "pending"]
    failed, _, _, good, waiting = items
    assert (failed["error_code"], failed["error_message"]) == ("X", "It broke.")
    assert (good["title"], good["duration_s"], good["price_cents"], good["currency"]) == (
        "Glass Hours",
        30.0,
        149,
        "usd",
    )
    assert datetime.fromisoformat(good["video_expires_at"]) == later
    assert waiting["video_expires_at"] is None, "what expires there is the upload"
    with app.app_context():
        assert good["job_id"] == db.session.get_one(RenderJob, done).public_id


def test_goes_page_by_page_without_gap_or_repeat(
    client: FlaskClient, make_user: Make, make_job: Make, bearer: Bearer
) -> None:
    mine, moment = make_user(), utcnow()
    for _ in range(7):
        make_job(mine, created_at=moment)  # all at the same moment: the order has to be total
    pages = [page(client, bearer(mine), f"?limit=3&page={number}") for number in (1, 2, 3, 4)]
    assert [len(found["items"]) for found in pages] == [3, 3, 1, 0]
    assert {(found["total"], found["pages"]) for found in pages} == {(7, 3)}
    assert len({item["job_id"] for found in pages for item in found["items"]}) == 7


@pytest.mark.parametrize("n_jobs", [0, 1, 30])
def test_takes_three_queries_however_many_jobs(
    app: OpenAPI, client: FlaskClient, make_user: Make, make_job: Make, bearer: Bearer, n_jobs: int
) -> None:
    mine = make_user()
    for _ in range(n_jobs):
        pay(app, make_job(mine), PaymentStatus.COMPLETED, used=True)
    auth, statements = bearer(mine), list[str]()
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert len(page(client, auth, "?limit=100")["items"]) == n_jobs
    assert len(statements) == 3, "who asks, how many there are, and the page"


@one_database
@pytest.mark.parametrize("query", ["?page=0", "?page=x", "?limit=0", "?limit=101", f"?page={10**30}"])
def test_a_page_that_cannot_be_is_422(client: FlaskClient, make_user: Make, bearer: Bearer, query: str) -> None:
    response = client.get(f"/api/user/history{query}", headers=bearer(make_user()))
    assert (response.status_code, code(response)) == (422, "VALIDATION_FAILED")
