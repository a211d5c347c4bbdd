"""A locked payment is one process's alone, and the next one sees what the first committed."""

from __future__ import annotations

import threading

from tests.server.payments.conftest import Shop

from oriel_fx.server.db import db
from oriel_fx.server.payments.locks import lock_payment
from oriel_fx.server.states import JobStatus, PaymentStatus


def test_the_second_waits_and_sees_what_the_first_did(shop: Shop) -> None:
    order = shop.order()
    payment_id = shop.payment(shop.open(order)).id
    begun, done, seen = threading.Event(), threading.Event(), []

    def second() -> None:
        with shop.app.app_context():
            db.session.connection()
            begun.set()
            payment, job = lock_payment(db.session, payment_id)
            seen.append((payment.status, job.status if job else None))
            db.session.commit()
        done.set()

    with shop.app.app_context():
        payment, job = lock_payment(db.session, payment_id)
        assert job is not None
        assert job.id == order.job_id
        waiting = threading.Thread(target=second)
        waiting.start()
        assert begun.wait(5)
        assert not done.wait(0.3), "the second did not wait"
        payment.status = PaymentStatus.COMPLETED
        job.status = JobStatus.QUEUED
        db.session.commit()
    waiting.join()
    assert seen == [(PaymentStatus.COMPLETED, JobStatus.QUEUED)]
