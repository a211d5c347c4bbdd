"""POST /api/render/cancel: at once, by the worker, too late, and twice; and where the money goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from tests.server.renders.conftest import error_of, sqlite_only
from werkzeug.test import TestResponse

from oriel_fx.server.db import db, utcnow
from oriel_fx.server.errors import PaymentsUnavailableError
from oriel_fx.server.models import Payment, RenderJob
from oriel_fx.server.renders.cancel import cancel_job, finish_cancel
from oriel_fx.server.renders.enqueue import enqueue_render, render_work_id
from oriel_fx.server.renders.transitions import transition
from oriel_fx.server.services import Services
from oriel_fx.server.states import JobStatus, PaymentStatus

Make = Callable[..., int]
Name = Callable[[int], str]


class NoGateway:
    """Stands in for a Stripe that cannot be reached; the sandbox's suite has one that answers."""

    def __getattr__(self, name: str) -> Any:
        def away(*_: Any, **__: Any) -> Any:
            raise PaymentsUnavailableError

        return away


@pytest.fixture(autouse=True)
def no_stripe(services: Services) -> None:
    services.__dict__["payments"] = NoGateway()


@pytest.fixture
def cancel(client: FlaskClient, headers: dict[str, str], public_id: Name) -> Callable[[int], TestResponse]:
    """Cancels a job."""
    return lambda job_id: client.post(f"/api/render/cancel/{public_id(job_id)}", headers=headers)


@pytest.fixture
def make_payment(app: OpenAPI, user_id: int) -> Callable[..., int]:
    """Inserts a payment and gives its id."""

    def make(**values: Any) -> int:
        with app.app_context():
            payment = Payment(user_id=user_id, amount=149, currency="usd", **values)
            db.session.add(payment)
            db.session.commit()
            return payment.id

    return make


@pytest.fixture
def payment_of(app: OpenAPI) -> Callable[[int], tuple[PaymentStatus, str | None]]:
    """A payment's status, and the reason of its refund."""

    def read(payment_id: int) -> tuple[PaymentStatus, str | None]:
        with app.app_context():
            payment = db.session.get_one(Payment, payment_id)
            return payment.status, payment.refund_reason

    return read


def test_an_unpaid_job_is_canceled_at_once_even_while_stripe_is_away(
    cancel: Callable[[int], TestResponse], make_job: Make, user_id: int, make_payment: Make
) -> None:
    job_id = make_job(user_id)
    make_payment(job_id=job_id, stripe_session_id="cs_1", expires_at=utcnow() + timedelta(hours=1))
    for _ in range(2):
        response = cancel(job_id)
        assert response.status_code == 200
        assert response.get_json() | {"job_id": ""} == {
            "job_id": "",
            "status": "canceled",
            "cancel_requested": False,
            "refund": "none",
        }


def test_a_paid_job_that_waits_is_canceled_and_refunded_once(
    app: OpenAPI,
    cancel: Callable[[int], TestResponse],
    make_job: Make,
    user_id: int,
    make_payment: Make,
    payment_of: Callable[[int], tuple[PaymentStatus, str | None]],
    services: Services,
) -> None:
    payment_id = make_payment(status=PaymentStatus.COMPLETED, payment_intent="pi_1")
    job_id = make_job(user_id, JobStatus.QUEUED, payment_id=payment_id, paid_at=utcnow())
    with app.app_context():
        job = db.session.get_one(RenderJob, job_id)
        enqueue_render(job)
        work = render_work_id(job)
    assert services.queue.position(work) == 0
    for _ in range(2):
        response = cancel(job_id)
        assert (response.status_code, response.get_json()["refund"]) == (200, "requested")
    # Stripe is away here: the row says that the money is due, and the reconciler sends it.
    assert payment_of(payment_id) == (PaymentStatus.REFUND_PENDING, "canceled by user")
    assert services.queue.position(work) is None


def test_while_it_is_rendered_the_worker_is_asked_and_the_money_goes_back_when_it_stops(
    app: OpenAPI,
    cancel: Callable[[int], TestResponse],
    make_job: Make,
    user_id: int,
    make_payment: Make,
    payment_of: Callable[[int], tuple[PaymentStatus, str | None]],
) -> None:
    payment_id = make_payment(status=PaymentStatus.COMPLETED, payment_intent="pi_1")
    job_id = make_job(user_id, JobStatus.PROCESSING, payment_id=payment_id, lease_token=3)
    for _ in range(2):
        response = cancel(job_id)
        assert response.status_code == 202
        assert response.get_json() | {"job_id": ""} == {
            "job_id": "",
            "status": "processing",
            "cancel_requested": True,
            "refund": "when_stopped",
        }
    assert payment_of(payment_id) == (PaymentStatus.COMPLETED, None)
    with app.app_context():
        job = db.session.get_one(RenderJob, job_id)
        assert not finish_cancel(db.session, job, "canceled by user", lease_token=2)
        assert finish_cancel(db.session, job, "canceled by user", lease_token=3)
        db.session.commit()
    assert payment_of(payment_id) == (PaymentStatus.REFUND_PENDING, "canceled by user")
    assert cancel(job_id).get_json()["refund"] == "requested"


@sqlite_only
@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.EXPIRED])
def test_what_has_ended_cannot_be_canceled(
    cancel: Callable[[int], TestResponse], make_job: Make, user_id: int, status: JobStatus
) -> None:
    assert error_of(cancel(make_job(user_id, status))) == (409, "JOB_NOT_CANCELABLE", {"status": status.value})


def test_a_job_that_moves_on_meanwhile_is_canceled_as_what_it_has_become(
    app: OpenAPI, make_job: Make, user_id: int, make_payment: Make
) -> None:
    payment_id = make_payment(status=PaymentStatus.COMPLETED, payment_intent="pi_1")
    job_id = make_job(user_id)
    with app.app_context():
        stale = db.session.get_one(RenderJob, job_id)
        assert stale.status is JobStatus.AWAITING_PAYMENT
        db.session.commit()
        with app.app_context():  # the webhook, on a session of its own
            assert transition(db.session.get_one(RenderJob, job_id), JobStatus.QUEUED, payment_id=payment_id)
            db.session.commit()
        done = cancel_job(db.session, stale, "test")
    assert (done.status, done.refund) == (JobStatus.CANCELED, "requested")
