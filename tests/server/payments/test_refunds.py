"""Money goes back once, whatever happens in between."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.server.payments.conftest import Order, Shop

from oriel_fx.server.breakers import reset_breakers
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.errors import PaymentsUnavailableError
from oriel_fx.server.models import Payment, User
from oriel_fx.server.payments.refunds import (
    DueRefund,
    carry_out_refund,
    due_refunds,
    refund_what_is_due,
    request_refund,
)
from oriel_fx.server.states import JobStatus, PaymentStatus

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def request(shop: Shop, session_id: str, reason: str = "canceled") -> int:
    """The wish, committed; the payment's id."""
    payment_id = shop.payment(session_id).id
    with shop.app.app_context():
        asked = request_refund(db.session, db.session.get_one(Payment, payment_id), reason)
        db.session.commit()
    assert asked
    return payment_id


def carry_out(shop: Shop, payment_id: int) -> bool:
    with shop.app.app_context():
        return carry_out_refund(payment_id)


def test_a_refund_is_a_wish_first_and_then_done_once(shop: Shop) -> None:
    _, session_id = shop.paid()
    payment_id = request(shop, session_id)
    payment = shop.payment(session_id)
    assert (payment.status, payment.refund_reason) == (PaymentStatus.REFUND_PENDING, "canceled")
    assert payment.refund_requested_at is not None
    assert not shop.objects("refund")
    assert carry_out(shop, payment_id) is True
    assert carry_out(shop, payment_id) is False
    payment = shop.payment(session_id)
    (refund,) = shop.objects("refund")
    assert (payment.status, payment.refund_id) == (PaymentStatus.REFUNDED, refund["id"])
    assert payment.refunded_at is not None
    assert refund["amount"] == 149
    shop.deliver()  # Stripe's own news of it
    assert len(shop.objects("refund")) == 1
    (mail,) = shop.mails("refunded")
    assert mail.user_id == payment.user_id


def test_the_wish_belongs_to_its_callers_transaction(shop: Shop) -> None:
    _, session_id = shop.paid()
    with shop.app.app_context():
        assert request_refund(db.session, db.session.get_one(Payment, shop.payment(session_id).id), "canceled")
        db.session.rollback()
    assert shop.payment(session_id).status is PaymentStatus.COMPLETED


def test_a_crash_between_stripe_and_the_commit_refunds_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _, session_id = shop.paid()
    payment_id = request(shop, session_id)

    # The process is gone after Stripe's reply; there is no other way to stop it just there.
    def crash(*_: object) -> None:
        raise SystemError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("oriel_fx.server.payments.refunds.record_refund", crash)
        with pytest.raises(SystemError):
            carry_out(shop, payment_id)
    assert len(shop.objects("refund")) == 1
    assert shop.payment(session_id).status is PaymentStatus.REFUND_PENDING
    assert carry_out(shop, payment_id) is True
    assert len(shop.objects("refund")) == 1
    assert shop.payment(session_id).refund_id == shop.objects("refund")[0]["id"]
    assert len(shop.mails("refunded")) == 1


@SQLITE
def test_a_reply_that_was_lost_refunds_once(shop: Shop) -> None:
    _, session_id = shop.paid()
    payment_id = request(shop, session_id)
    shop.at_stripe("outage", "PUT", calls=4, after_effect=True)
    for _ in range(2):
        with pytest.raises(PaymentsUnavailableError):
            carry_out(shop, payment_id)
    assert carry_out(shop, payment_id) is True
    assert len(shop.objects("refund")) == 1


def test_two_processes_at_once_refund_once(shop: Shop) -> None:
    _, session_id = shop.paid()
    payment_id = request(shop, session_id)
    start = threading.Barrier(3)

    def work() -> None:
        start.wait()
        carry_out(shop, payment_id)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shop.objects("refund")) == 1
    assert shop.payment(session_id).status is PaymentStatus.REFUNDED
    assert len(shop.mails("refunded")) == 1


@SQLITE
def test_what_was_refunded_at_the_dashboard_is_not_refunded_again(shop: Shop) -> None:
    _, session_id = shop.paid()
    payment_id = request(shop, session_id)
    shop.at_stripe(f"intents/{shop.payment(session_id).payment_intent}/refund")
    assert carry_out(shop, payment_id) is True
    assert len(shop.objects("refund")) == 1
    assert shop.payment(session_id).status is PaymentStatus.REFUNDED


@SQLITE
def test_after_a_part_the_rest_is_refunded(shop: Shop) -> None:
    _, session_id = shop.paid()
    payment_id = request(shop, session_id)
    shop.at_stripe(f"intents/{shop.payment(session_id).payment_intent}/refund", amount=49)
    assert carry_out(shop, payment_id) is True
    assert [one["amount"] for one in shop.objects("refund")] == [49, 100]
    assert shop.payment(session_id).status is PaymentStatus.REFUNDED


@SQLITE
@pytest.mark.parametrize(
    "status", [one for one in PaymentStatus if one not in (PaymentStatus.COMPLETED, PaymentStatus.PARKED)]
)
def test_only_what_was_paid_and_is_here_can_go_back(shop: Shop, status: PaymentStatus) -> None:
    _, session_id = shop.paid()
    shop.change(shop.payment(session_id), status=status)
    with shop.app.app_context():
        assert not request_refund(db.session, db.session.get_one(Payment, shop.payment(session_id).id), "canceled")
        db.session.commit()
    assert shop.payment(session_id).status is status


@SQLITE
def test_a_parked_payment_goes_back_as_it_came(shop: Shop) -> None:
    session_id = shop.open(shop.order())
    shop.at_stripe(f"sessions/{session_id}/pay", amount=7)
    shop.deliver()
    assert carry_out(shop, request(shop, session_id, "operator")) is True
    assert [one["amount"] for one in shop.objects("refund")] == [7]


# Refunds that take their time, or fail


@SQLITE
def test_a_refund_on_its_way_ends_with_stripes_word(shop: Shop) -> None:
    _, session_id = shop.paid()
    shop.at_stripe("refund-status", "PUT", status="pending")
    assert carry_out(shop, request(shop, session_id)) is True
    payment = shop.payment(session_id)
    assert payment.status is PaymentStatus.REFUND_PENDING
    assert payment.refund_id is not None
    assert not shop.mails("refunded")
    shop.at_stripe(f"refunds/{payment.refund_id}/end", status="succeeded")
    shop.deliver()
    assert shop.payment(session_id).status is PaymentStatus.REFUNDED
    assert len(shop.mails("refunded")) == 1


@SQLITE
def test_or_by_asking_again(shop: Shop) -> None:
    _, session_id = shop.paid()
    shop.at_stripe("refund-status", "PUT", status="pending")
    payment_id = request(shop, session_id)
    carry_out(shop, payment_id)
    shop.at_stripe(f"refunds/{shop.payment(session_id).refund_id}/end", status="succeeded")
    carry_out(shop, payment_id)
    assert shop.payment(session_id).status is PaymentStatus.REFUNDED
    assert len(shop.objects("refund")) == 1


@SQLITE
def test_a_refund_that_fails_waits_for_an_operator_who_can_try_again(shop: Shop) -> None:
    _, session_id = shop.paid()
    shop.at_stripe("refund-status", "PUT", status="pending")
    carry_out(shop, request(shop, session_id))
    shop.at_stripe(f"refunds/{shop.payment(session_id).refund_id}/end", status="failed")
    shop.deliver()
    payment = shop.payment(session_id)
    assert (payment.status, payment.refund_id) == (PaymentStatus.PARKED, None)
    assert len(shop.mails("admin_alert")) == 1
    shop.at_stripe("refund-status", "PUT", status="succeeded")
    assert carry_out(shop, request(shop, session_id, "operator")) is True
    assert shop.payment(session_id).status is PaymentStatus.REFUNDED
    assert [one["status"] for one in shop.objects("refund")] == ["failed", "succeeded"]


@SQLITE
def test_a_refund_that_stripe_refuses_waits_for_an_operator(shop: Shop) -> None:
    _, session_id = shop.paid()
    payment_id = request(shop, session_id)
    shop.at_stripe(f"intents/{shop.payment(session_id).payment_intent}/dispute")
    assert carry_out(shop, payment_id) is False
    assert shop.payment(session_id).status is PaymentStatus.PARKED
    assert "disputed" in (shop.payment(session_id).note or "")


@SQLITE
def test_a_disputed_payment_is_refunded_once_the_dispute_is_won(shop: Shop) -> None:
    _, session_id = shop.paid()
    dispute = shop.at_stripe(f"intents/{shop.payment(session_id).payment_intent}/dispute")
    shop.deliver()
    with shop.app.app_context():
        assert not request_refund(db.session, db.session.get_one(Payment, shop.payment(session_id).id), "canceled")
        db.session.commit()
    shop.at_stripe(f"disputes/{dispute['id']}/close", status="won")
    shop.deliver()
    assert shop.payment(session_id).status is PaymentStatus.REFUNDED


@SQLITE
def test_a_refunded_job_that_waits_is_not_rendered(shop: Shop) -> None:
    order, session_id = shop.paid()
    carry_out(shop, request(shop, session_id, "operator"))
    assert shop.job(order).status is JobStatus.CANCELED


# The reconciler


def failed(shop: Shop, due_in: timedelta) -> tuple[Order, str]:
    order, session_id = shop.paid()
    shop.change(shop.job(order), status=JobStatus.FAILED, refund_due_at=utcnow() + due_in)
    return order, session_id


def test_the_reconciler_refunds_what_is_due_and_nothing_else(shop: Shop) -> None:
    _, wished = shop.paid()
    wished_id = request(shop, wished)
    order, due = failed(shop, timedelta(seconds=-1))
    _, later = failed(shop, timedelta(hours=1))
    _, fine = shop.paid()
    with shop.app.app_context():
        assert due_refunds(utcnow()) == [
            DueRefund(wished_id, None),
            DueRefund(shop.payment(due).id, order.job_id),
        ]
        assert refund_what_is_due(utcnow()) == 2
        assert refund_what_is_due(utcnow()) == 0
    states = [shop.payment(one).status for one in (wished, due, later, fine)]
    assert states == [PaymentStatus.REFUNDED] * 2 + [PaymentStatus.COMPLETED] * 2
    assert shop.payment(due).refund_reason == "failed"
    assert shop.job(order).status is JobStatus.FAILED


@SQLITE
def test_a_canceled_job_whose_refund_nobody_requested_is_found(shop: Shop) -> None:
    order, session_id = shop.paid()
    shop.change(shop.job(order), status=JobStatus.CANCELED)
    with shop.app.app_context():
        assert refund_what_is_due(utcnow()) == 1
    assert shop.payment(session_id).refund_reason == "canceled"


@SQLITE
def test_a_retry_in_the_last_moment_keeps_the_money(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order, session_id = failed(shop, timedelta(seconds=-1))
    with shop.app.app_context():
        due = due_refunds(utcnow())
        # An operator's retry, between the list and the refund.
        monkeypatch.setattr("oriel_fx.server.payments.refunds.due_refunds", lambda *_: due)
        shop.change(shop.job(order), status=JobStatus.QUEUED)
        assert refund_what_is_due(utcnow()) == 0
    assert shop.payment(session_id).status is PaymentStatus.COMPLETED


@SQLITE
def test_while_stripe_is_away_the_wish_stays(shop: Shop) -> None:
    _, session_id = shop.paid()
    request(shop, session_id)
    shop.at_stripe("outage", "PUT", calls=2)
    with shop.app.app_context():
        assert refund_what_is_due(utcnow()) == 0
        assert shop.payment(session_id).status is PaymentStatus.REFUND_PENDING
        reset_breakers()
        assert refund_what_is_due(utcnow()) == 1


@SQLITE
def test_nobody_writes_to_a_deleted_account(shop: Shop) -> None:
    order, session_id = shop.paid()
    with shop.app.app_context():
        db.session.execute(update(User).where(User.id == order.user_id).values(deleted_at=utcnow()))
        db.session.commit()
    assert carry_out(shop, request(shop, session_id)) is True
    assert not shop.mails("refunded")
