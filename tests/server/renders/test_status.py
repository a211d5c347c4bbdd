"""GET /api/render/status, and the presets and the schema."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import event
from tests.server.renders.conftest import error_of, sqlite_only

from oriel_fx.render import presets
from oriel_fx.render.schema import config_schema
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import Payment, RenderJob
from oriel_fx.server.renders.enqueue import render_timeout_s
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus, PaymentStatus

Make = Callable[..., int]
Name = Callable[[int], str]


@pytest.fixture
def status(client: FlaskClient, headers: dict[str, str], public_id: Name) -> Callable[[int], dict[str, Any]]:
    """What the endpoint says of a job."""

    def ask(job_id: int) -> dict[str, Any]:
        response = client.get(f"/api/render/status/{public_id(job_id)}", headers=headers)
        assert response.status_code == 200
        answer: dict[str, Any] = response.get_json()
        return answer

    return ask


def test_an_unpaid_job_says_its_price_and_where_to_pay(
    make_job: Make, user_id: int, status: Callable[[int], dict[str, Any]], app: OpenAPI
) -> None:
    job_id = make_job(user_id, expires_at=utcnow() + timedelta(hours=24), title="Glass Hours")
    found = status(job_id)
    assert (found["status"], found["price_cents"], found["currency"]) == ("awaiting_payment", 149, "usd")
    assert (found["progress"], found["queue_position"], found["payment"]) == (0, None, None)
    assert found["links"]["pay"] == "/api/payments/create-session"
    assert found["links"]["cancel"] and found["links"]["frame"] and found["links"]["download"] is None


def test_a_declined_payment_shows_until_it_is_paid(
    make_job: Make, user_id: int, status: Callable[[int], dict[str, Any]], app: OpenAPI
) -> None:
    job_id = make_job(user_id)
    with app.app_context():
        payment = Payment(
            user_id=user_id,
            job_id=job_id,
            amount=149,
            currency="usd",
            declined_at=utcnow(),
            decline_code="card_declined",
            expires_at=utcnow() + timedelta(hours=1),
            url="https://pay.example",
        )
        db.session.add(payment)
        db.session.commit()
        payment_id = payment.id
    found = status(job_id)["payment"]
    assert (found["status"], found["declined"], found["can_retry"]) == ("pending", True, True)
    assert (found["decline_code"], found["url"]) == ("card_declined", "https://pay.example")
    with app.app_context():
        db.session.get_one(Payment, payment_id).status = PaymentStatus.COMPLETED
        job = db.session.get_one(RenderJob, job_id)
        job.payment_id, job.status = payment_id, JobStatus.QUEUED
        db.session.commit()
    found = status(job_id)["payment"]
    assert (found["status"], found["declined"], found["can_retry"]) == ("completed", False, False)


def test_queued_jobs_say_how_many_are_ahead_of_them(
    make_job: Make, make_user: Make, user_id: int, status: Callable[[int], dict[str, Any]]
) -> None:
    now, other = utcnow(), make_user()
    make_job(other, JobStatus.PROCESSING, paid_at=now - timedelta(minutes=9))
    for minutes in (5, 4):
        make_job(other, JobStatus.QUEUED, paid_at=now - timedelta(minutes=minutes))
    mine = make_job(user_id, JobStatus.QUEUED, paid_at=now - timedelta(minutes=3))
    make_job(other, JobStatus.QUEUED, paid_at=now - timedelta(minutes=2))
    assert status(mine)["queue_position"] == 2


def test_a_rendering_job_says_how_far_it_is(
    make_job: Make, user_id: int, status: Callable[[int], dict[str, Any]]
) -> None:
    values = {"stage": "draw", "progress": 0.25, "eta_s": 12.5}
    found = status(make_job(user_id, JobStatus.PROCESSING, **values))
    assert {name: found[name] for name in values} == values


def test_a_failed_job_says_why_to_its_user_and_not_more(
    make_job: Make, user_id: int, status: Callable[[int], dict[str, Any]]
) -> None:
    told = {"error_code": "INVALID_AUDIO", "error_message": "The song cannot be decoded."}
    found = status(make_job(user_id, JobStatus.FAILED, error_detail="ffmpeg: /secret/path", **told))
    assert found["error"] == {"code": "INVALID_AUDIO", "message": "The song cannot be decoded."}
    assert "secret" not in str(found)


def test_it_takes_two_queries_whatever_the_job(
    app: OpenAPI, client: FlaskClient, headers: dict[str, str], make_job: Make, user_id: int, public_id: Name
) -> None:
    address = f"/api/render/status/{public_id(make_job(user_id, JobStatus.QUEUED))}"
    statements: list[str] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert client.get(address, headers=headers).status_code == 200
    assert len(statements) == 2  # who is it, and the job with all about it


@sqlite_only
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "status"),
        ("get", "events"),
        ("get", "download"),
        ("post", "cancel"),
        ("get", "frame"),
    ],
)
def test_a_job_is_its_owners_alone(
    client: FlaskClient,
    headers: dict[str, str],
    make_job: Make,
    make_user: Make,
    public_id: Name,
    method: str,
    path: str,
) -> None:
    others = public_id(make_job(make_user(), JobStatus.COMPLETED))
    for job_id in (others, "no-such-job", "%00", "a" * 64):
        response = getattr(client, method)(f"/api/render/{path}/{job_id}", headers=headers)
        assert error_of(response)[:2] in ((404, "JOB_NOT_FOUND"), (400, "BAD_REQUEST"))
    assert error_of(getattr(client, method)(f"/api/render/{path}/{others}"))[:2] == (401, "UNAUTHORIZED")
    wrong = "post" if method == "get" else "get"
    response = getattr(client, wrong)(f"/api/render/{path}/{others}", headers=headers)
    assert error_of(response)[:2] == (405, "METHOD_NOT_ALLOWED")


@sqlite_only
class TestExpiredToken:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"access_token_s": -10})

    @pytest.mark.parametrize("path", ["status/x", "events/x", "download/x", "frame/x"])
    def test_it_is_refused(self, client: FlaskClient, headers: dict[str, str], path: str) -> None:
        assert error_of(client.get(f"/api/render/{path}", headers=headers))[:2] == (401, "TOKEN_EXPIRED")


@sqlite_only
def test_presets_and_schema_are_public_and_cached(client: FlaskClient) -> None:
    found = client.get("/api/render/presets")
    listed = found.get_json()["presets"]
    assert [preset["name"] for preset in listed] == presets.names()
    assert all(preset["description"] and preset["config"] == presets.load(preset["name"]) for preset in listed)
    schema = client.get("/api/render/schema")
    assert schema.get_json() == config_schema()
    for response in (found, schema):
        assert "public" in response.headers["Cache-Control"]
        again = client.get(response.request.path, headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


@sqlite_only
def test_a_jobs_timeout_follows_from_its_frames(settings: Settings) -> None:
    def timeout(n_frames: int, width_px: int, height_px: int) -> int:
        job = RenderJob(n_frames=n_frames, width_px=width_px, height_px=height_px)
        return render_timeout_s(settings, job)

    assert timeout(30, 1280, 720) == settings.job_timeout_min_s == 600
    assert timeout(54_000, 3840, 2160) > 4 * timeout(54_000, 1920, 1080) * 0.99
