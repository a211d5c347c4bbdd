"""GET /api/payments/status/{session_id}, and asking Stripe where a webhook is late."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select
from tests.server.payments.conftest import Shop

from oriel_fx.server.db import db
from oriel_fx.server.models import RenderJob
from oriel_fx.server.payments.queries import checkout_of, money_under_way
from oriel_fx.server.payments.sync import close_checkout, reconcile_payments
from oriel_fx.server.states import JobStatus, PaymentStatus

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def test_an_open_session(shop: Shop) -> None:
    order = shop.order()
    made = shop.create(order).get_json()
    status = shop.status(order, made["session_id"])
    assert status == {
        "session_id": made["session_id"],
        "payment_id": made["payment_id"],
        "job_id": order.public_id,
        "job_status": "awaiting_payment",
        "status": "pending",
        "amount": 149,
        "currency": "usd",
        "declined": False,
        "decline_code": None,
        "can_retry": True,
        "url": made["url"],
        "created_at": status["created_at"],
        "expires_at": made["expires_at"],
        "completed_at": None,
        "refunded_at": None,
    }


def test_anothers_session_and_none_look_the_same(shop: Shop) -> None:
    order, other = shop.order(), shop.order()
    theirs = shop.client.get(f"/api/payments/status/{shop.open(other)}", headers=order.headers)
    none = shop.client.get("/api/payments/status/cs_none", headers=order.headers)
    assert theirs.status_code == none.status_code == 404
    assert theirs.get_json() == none.get_json()
    assert theirs.get_json()["error"]["code"] == "PAYMENT_NOT_FOUND"


@SQLITE
def test_only_for_those_who_are_logged_in(shop: Shop) -> None:
    assert shop.client.get("/api/payments/status/cs_1").status_code == 401


def test_a_payment_whose_webhook_is_late_is_found_by_asking(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay")
    status = shop.status(order, session_id)
    assert (status["status"], status["job_status"]) == ("completed", "queued")
    assert shop.job(order).enqueued_at is not None
    # And the webhook, when it comes, changes nothing more.
    version = shop.job(order).version
    shop.deliver()
    assert shop.job(order).version == version
    assert not shop.objects("refund")


def test_a_decline_whose_webhook_is_late_is_found_too(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/decline", code="expired_card")
    assert shop.status(order, session_id)["decline_code"] == "expired_card"


@SQLITE
def test_money_that_failed_to_come_is_found_too(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay", later=True)
    shop.at_stripe(f"sessions/{session_id}/money", arrives=False)
    assert shop.status(order, session_id)["status"] == "failed"


@SQLITE
def test_stripe_is_not_asked_at_every_look(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.status(order, session_id)
    shop.at_stripe(f"sessions/{session_id}/pay")
    assert shop.status(order, session_id)["status"] == "pending"
    shop.clock.forward(seconds=4)
    assert shop.status(order, session_id)["status"] == "completed"


@SQLITE
@pytest.mark.parametrize("settings", [{"request_timeout_s": 2}], indirect=True)
def test_while_stripe_is_away_the_status_is_what_is_known(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.sandbox.stop()
    began = time.monotonic()
    assert shop.status(order, session_id)["status"] == "pending"
    assert time.monotonic() - began < 2.5


@SQLITE
def test_a_session_that_stripe_does_not_know_can_be_opened_anew(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.change(shop.payment(session_id), stripe_session_id="cs_of_another_account")
    status = shop.status(order, "cs_of_another_account")
    assert (status["status"], status["can_retry"]) == ("expired", True)
    assert shop.create(order).status_code == 201


# Without anybody asking


def test_the_reconciler_finds_payments_nobody_told_of(shop: Shop) -> None:
    paid, left, tried = shop.order(), shop.order(), shop.order()
    paid_session, left_session = shop.open(paid), shop.open(left)
    shop.at_stripe("outage", "PUT", calls=2)
    shop.create(tried)
    shop.at_stripe(f"sessions/{paid_session}/pay")
    shop.at_stripe(f"sessions/{left_session}/expire")
    with shop.app.app_context():
        assert reconcile_payments(shop.clock()) == 0  # not before their time is over
        shop.clock.forward(hours=2)
        assert reconcile_payments(shop.clock()) == 3
        assert reconcile_payments(shop.clock()) == 0
    assert shop.job(paid).status is JobStatus.QUEUED
    assert shop.payment(left_session).status is PaymentStatus.EXPIRED
    assert [one.status for one in shop.payments(tried)] == [PaymentStatus.EXPIRED]


@SQLITE
def test_the_reconciler_stops_when_stripe_is_away(shop: Shop) -> None:
    session_id = shop.open(shop.order())
    shop.clock.forward(hours=2)
    shop.at_stripe("outage", "PUT", calls=2)
    with shop.app.app_context():
        assert reconcile_payments(shop.clock()) == 0
    assert shop.payment(session_id).status is PaymentStatus.PENDING


# A checkout whose job was canceled


def test_closing_a_checkout_expires_its_session(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.change(shop.job(order), status=JobStatus.CANCELED)
    with shop.app.app_context():
        close_checkout(order.job_id)
        close_checkout(order.job_id)
    assert shop.payment(session_id).status is PaymentStatus.EXPIRED
    assert shop.objects("checkout.session")[0]["status"] == "expired"


def test_closing_one_that_was_just_paid_sends_the_money_back(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay")
    shop.change(shop.job(order), status=JobStatus.CANCELED)
    with shop.app.app_context():
        close_checkout(order.job_id)
    assert shop.payment(session_id).status is PaymentStatus.REFUNDED
    assert len(shop.objects("refund")) == 1


# What other domains ask


@SQLITE
def test_uploads_are_kept_while_somebody_may_be_paying(shop: Shop) -> None:
    untouched, opened, parked, over = (shop.order() for _ in range(4))
    shop.open(opened)
    shop.at_stripe(f"sessions/{shop.open(parked)}/pay", amount=7)
    shop.at_stripe(f"sessions/{shop.open(over)}/expire")
    shop.deliver()
    with shop.app.app_context():
        kept = set(db.session.scalars(select(RenderJob.id).where(money_under_way())))
    assert kept == {opened.job_id, parked.job_id}
    assert untouched.job_id not in kept


@SQLITE
def test_where_paying_for_a_job_stands(shop: Shop) -> None:
    order = shop.order()

    def checkout() -> object:
        with shop.app.app_context():
            return checkout_of(db.session, db.session.get_one(RenderJob, order.job_id), shop.clock())

    assert checkout() is None
    session_id = shop.open(order)
    found = checkout()
    assert found is not None
    assert (found.session_id, found.status, found.can_retry) == (session_id, "pending", True)  # type: ignore[attr-defined]
