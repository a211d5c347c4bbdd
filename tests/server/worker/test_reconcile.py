"""The reconciler: what rows say is due is done, what is abandoned is freed, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import redis
from flask_openapi import OpenAPI
from sqlalchemy import select, update

from oriel_fx.server.db import db, utcnow
from oriel_fx.server.mail.messages import MailKind
from oriel_fx.server.mail.outbox import queue_mail
from oriel_fx.server.models import DeadLetter, Payment, RenderJob
from oriel_fx.server.reconcile import Reconciled, reconcile
from oriel_fx.server.services import Services
from oriel_fx.server.states import DeadLetterStatus, JobStatus, PaymentStatus

Look = Callable[[str], RenderJob]
PAST, FUTURE = -timedelta(seconds=5), timedelta(minutes=5)


@pytest.fixture
def again(app: OpenAPI) -> Callable[[], Reconciled]:
    def run() -> Reconciled:
        with app.app_context():
            return reconcile()

    return run


def test_a_queued_job_that_is_not_in_the_queue_is_put_there_once(
    again: Callable[[], Reconciled], queued: Callable[..., str], services: Services, redis_url: str, look: Look
) -> None:
    names = [queued(), queued()]
    assert again().enqueued == 2
    assert again().enqueued == 0
    assert services.queue.depths()["video_rendering"] == 2
    assert [services.queue.position(f"render-{name}-0") for name in names] == [0, 1]
    with redis.Redis.from_url(redis_url) as connection:
        connection.flushall()
    stamped = look(names[0]).enqueued_at
    assert stamped is not None


def test_a_job_redis_has_forgotten_is_found_again_within_seconds(
    app: OpenAPI, queued: Callable[..., str], services: Services
) -> None:
    name = queued(enqueued_at=utcnow())
    with app.app_context():
        assert reconcile(utcnow()).enqueued == 0
        assert reconcile(utcnow() + timedelta(seconds=11)).enqueued == 1
    assert services.queue.position(f"render-{name}-0") == 0


def test_a_job_waits_for_its_next_attempt(again: Callable[[], Reconciled], queued: Callable[..., str]) -> None:
    queued(next_attempt_at=utcnow() + FUTURE)
    assert again().enqueued == 0


def test_a_job_whose_lease_ran_out_is_freed_and_enqueued(
    again: Callable[[], Reconciled], queued: Callable[..., str], look: Look, services: Services
) -> None:
    lost = queued(status=JobStatus.PROCESSING, lease_token=3, lease_owner="gone", lease_expires_at=utcnow() + PAST)
    alive = queued(status=JobStatus.PROCESSING, lease_token=1, lease_owner="here", lease_expires_at=utcnow() + FUTURE)
    done = again()
    assert (done.freed, done.enqueued) == (1, 1)
    job = look(lost)
    assert (job.status, job.crashes, job.attempts, job.lease_owner) == (JobStatus.QUEUED, 1, 0, None)
    assert look(alive).status is JobStatus.PROCESSING
    assert services.queue.position(f"render-{lost}-3") == 0


def test_an_abandoned_job_its_owner_canceled_is_not_started_again(
    again: Callable[[], Reconciled], queued: Callable[..., str], look: Look
) -> None:
    name = queued(status=JobStatus.PROCESSING, cancel_requested=True, lease_expires_at=utcnow() + PAST)
    again()
    assert look(name).status is JobStatus.CANCELED


def test_a_job_that_loses_worker_after_worker_is_given_up(
    app: OpenAPI, again: Callable[[], Reconciled], queued: Callable[..., str], look: Look
) -> None:
    name = queued(status=JobStatus.PROCESSING, crashes=20, lease_owner="box:1", lease_expires_at=utcnow() + PAST)
    again()
    job = look(name)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "WORKERS_LOST")
    assert job.error_detail is not None and "box:1" in job.error_detail
    with app.app_context():
        assert db.session.scalars(select(DeadLetter)).one().job_id == job.id


def test_mails_that_are_due_are_announced(
    app: OpenAPI, again: Callable[[], Reconciled], services: Services, redis_url: str
) -> None:
    with app.app_context():
        queue_mail(db.session, kind=MailKind.WELCOME, to="a@example.org", idempotency_key="welcome:1")
        db.session.commit()
    assert again().mails == 1
    again()
    assert services.queue.depths()["high_priority"] == 1


def test_a_failed_job_nobody_retried_is_refunded_after_its_day(
    app: OpenAPI, again: Callable[[], Reconciled], queued: Callable[..., str], look: Look
) -> None:
    name = queued(status=JobStatus.FAILED, refund_due_at=utcnow() + PAST)
    later = queued(status=JobStatus.FAILED, refund_due_at=utcnow() + FUTURE)
    with app.app_context():
        for one in (name, later):
            letter = {"queue": "video_rendering", "function": "f", "args": {}, "error_code": "X", "error_detail": ""}
            db.session.add(DeadLetter(job_id=look(one).id, attempts=3, **letter))
        db.session.commit()
    again()
    with app.app_context():
        paid = {job.public_id: db.session.get_one(Payment, job.payment_id).status for job in (look(name), look(later))}
        letters = {letter.job_id: letter.status for letter in db.session.scalars(select(DeadLetter))}
    assert paid == {name: PaymentStatus.REFUND_PENDING, later: PaymentStatus.COMPLETED}
    assert letters == {look(name).id: DeadLetterStatus.DROPPED, look(later).id: DeadLetterStatus.OPEN}


def test_the_queue_of_dead_letters_shows_the_open_ones_and_no_others(
    app: OpenAPI, again: Callable[[], Reconciled], queued: Callable[..., str], look: Look, services: Services
) -> None:
    names = [queued(status=JobStatus.FAILED, refund_due_at=utcnow() + FUTURE) for _ in range(3)]
    with app.app_context():
        for name in names:
            letter = {"queue": "video_rendering", "function": "f", "error_code": "X", "error_detail": ""}
            db.session.add(DeadLetter(job_id=look(name).id, attempts=3, args={"job": name}, **letter))
        db.session.commit()
    # Redis has forgotten them, or was away when they were written.
    assert again().letters_shown == 3
    assert services.queue.depths()["dead_letter"] == 3
    assert again().letters_shown == 0
    with app.app_context():
        # Dealt with while Redis was away.
        db.session.execute(update(DeadLetter).where(DeadLetter.job_id == look(names[0]).id).values(status="dropped"))
        db.session.execute(update(RenderJob).where(RenderJob.public_id == names[1]).values(refund_due_at=utcnow()))
        db.session.commit()
    again()
    again()
    assert services.queue.depths()["dead_letter"] == 1


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_without_a_queue_leases_are_freed_all_the_same(
    settings: object, make_app: Callable[..., OpenAPI], queued: Callable[..., str], look: Look
) -> None:
    alone = make_app(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"}))  # type: ignore[attr-defined]
    name = queued(status=JobStatus.PROCESSING, lease_expires_at=utcnow() + PAST)
    with alone.app_context():
        done = reconcile()
    assert (done.freed, done.enqueued) == (1, 0)
    assert look(name).enqueued_at is None
