"""POST /api/payments/webhook: signatures, replays, every event, in any order, twice at once."""

from __future__ import annotations

import json
import threading
import time

import pytest
from flask_openapi import OpenAPI
from sqlalchemy import func, select
from tests.server.payments.conftest import WEBHOOK, Shop

from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import WebhookEvent
from oriel_fx.server.states import JobStatus, PaymentStatus

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def n_events(app: OpenAPI) -> int:
    with app.app_context():
        return db.session.execute(select(func.count()).select_from(WebhookEvent)).scalar_one()


def test_a_paid_session_queues_its_job_once(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay")
    shop.deliver()
    payment, job = shop.payment(session_id), shop.job(order)
    assert payment.status is PaymentStatus.COMPLETED
    assert payment.completed_at is not None
    assert payment.payment_intent == shop.objects("payment_intent")[0]["id"]
    assert (job.status, job.payment_id, job.expires_at) == (JobStatus.QUEUED, payment.id, None)
    assert job.paid_at is not None
    assert job.enqueued_at is not None
    with shop.app.app_context():
        assert shop.app.extensions["oriel"].queue.depths()["video_rendering"] == 1
    (mail,) = shop.mails("paid")
    assert "$1.49" in mail.subject


def test_a_replay_is_a_200_and_nothing_more(shop: Shop) -> None:
    order, session_id = shop.paid()
    before, version = n_events(shop.app), shop.job(order).version
    reply = shop.post(shop.event("checkout.session.completed"))
    assert (reply.status_code, reply.get_json()) == (200, {"received": True, "replay": True})
    assert n_events(shop.app) == before
    assert shop.job(order).version == version
    assert shop.payment(session_id).status is PaymentStatus.COMPLETED


def test_the_same_news_in_another_event_changes_nothing(shop: Shop) -> None:
    order, _ = shop.paid()
    version = shop.job(order).version
    again = shop.event("checkout.session.completed") | {"id": "evt_other"}
    assert shop.post(again).get_json() == {"received": True, "replay": False}
    assert shop.job(order).version == version
    assert not shop.objects("refund")
    assert len(shop.mails("paid")) == 1


def test_two_workers_with_the_same_event_at_once(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay")
    event = shop.event("checkout.session.completed")
    start, replies = threading.Barrier(4), []

    def post() -> None:
        start.wait()
        reply = shop.post(event)
        replies.append((reply.status_code, reply.get_json()["replay"]))

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == [(200, False), (200, True), (200, True), (200, True)]
    assert shop.job(order).version == 1
    assert not shop.objects("refund")


def test_the_webhook_and_a_question_at_once_settle_it_once(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay")
    event, start = shop.event("checkout.session.completed"), threading.Barrier(2)
    client = shop.app.test_client()

    def ask() -> None:
        start.wait()
        client.get(f"/api/payments/status/{session_id}", headers=order.headers)

    asking = threading.Thread(target=ask)
    asking.start()
    start.wait()
    assert shop.post(event).status_code == 200
    asking.join()
    assert shop.job(order).status is JobStatus.QUEUED
    assert shop.job(order).version == 1
    assert shop.payment(session_id).status is PaymentStatus.COMPLETED
    assert not shop.objects("refund")


@SQLITE
def test_only_stripes_own_signature_counts(shop: Shop) -> None:
    event = {"id": "evt_1", "type": "checkout.session.completed", "created": 1, "data": {"object": {}}}
    wrong = shop.post(event, secret="whsec_somebody_elses")
    old = shop.post(event, at=int(time.time()) - shop.settings.stripe_webhook_tolerance_s - 5)
    body = json.dumps(event)
    none = shop.client.post(WEBHOOK, data=body, content_type="application/json")
    odd = shop.client.post(WEBHOOK, data=body, content_type="application/json", headers={"Stripe-Signature": "t=,v1=é"})
    bytes_ = shop.client.post(WEBHOOK, data=b"\xff\xfe", headers={"Stripe-Signature": "t=1,v1=00"})
    for reply in (wrong, old, none, odd, bytes_):
        assert reply.status_code == 400
        assert reply.get_json()["error"]["code"] == "INVALID_SIGNATURE"
    assert n_events(shop.app) == 0


@SQLITE
def test_a_body_changed_on_its_way_is_refused(shop: Shop) -> None:
    shop.open(shop.order())
    shop.at_stripe(f"sessions/{shop.objects('checkout.session')[0]['id']}/expire")
    event = shop.event("checkout.session.expired")
    good = shop.post(event).request.headers["Stripe-Signature"]
    changed = json.dumps(event | {"id": "evt_2"})
    headers = {"Stripe-Signature": good, "Content-Type": "application/json"}
    assert shop.client.post(WEBHOOK, data=changed, headers=headers).status_code == 400


@SQLITE
@pytest.mark.parametrize("payload", ["[]", "{}", '{"id": "evt_1", "type": "x", "created": "soon", "data": {}}', "1"])
def test_signed_nonsense_is_a_400(shop: Shop, payload: str) -> None:
    assert shop.post(json.loads(payload)).status_code == 400


@SQLITE
def test_events_nobody_waits_for_are_a_200_and_recorded(shop: Shop) -> None:
    event = {"id": "evt_1", "type": "customer.created", "created": 1, "data": {"object": {"id": "cus_1"}}}
    assert shop.post(event).status_code == 200
    strange = shop.order()
    session_id = shop.open(strange)
    shop.at_stripe(f"sessions/{session_id}/pay")
    other = shop.event("checkout.session.completed")
    other["data"]["object"] |= {"id": "cs_not_ours", "client_reference_id": "not ours", "metadata": {}}
    other["data"]["object"]["payment_intent"] = "pi_not_ours"
    assert shop.post(other).status_code == 200
    assert n_events(shop.app) == 2
    assert shop.job(strange).status is JobStatus.AWAITING_PAYMENT


@SQLITE
def test_who_paid_stays_with_stripe(shop: Shop) -> None:
    shop.paid()
    with shop.app.app_context():
        kept = [json.dumps(payload) for payload in db.session.scalars(select(WebhookEvent.payload))]
    assert kept
    assert not any("@example.org" in payload for payload in kept)


def test_what_breaks_half_way_leaves_nothing_and_comes_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay")
    event = shop.event("checkout.session.completed")

    # A crash after the effect and before the commit; there is no other way to stop a process just there.
    def crash() -> None:
        raise SystemError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(db.session, "commit", crash)
        assert shop.post(event).status_code == 500
    assert n_events(shop.app) == 0
    assert shop.job(order).status is JobStatus.AWAITING_PAYMENT
    assert shop.payment(session_id).status is PaymentStatus.PENDING
    assert shop.post(event).get_json() == {"received": True, "replay": False}
    assert shop.job(order).status is JobStatus.QUEUED


def test_a_payment_counts_when_we_were_killed_before_writing_its_session_down(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.change(shop.payment(session_id), stripe_session_id=None)
    shop.at_stripe(f"sessions/{session_id}/pay")
    shop.deliver("checkout.session.completed")
    assert shop.payment(session_id).status is PaymentStatus.COMPLETED
    assert shop.job(order).status is JobStatus.QUEUED


# Declines


def test_a_declined_card_shows_and_can_be_tried_again(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/decline", code="insufficient_funds")
    shop.deliver()
    status = shop.status(order, session_id)
    assert (status["status"], status["declined"], status["decline_code"]) == ("pending", True, "insufficient_funds")
    assert status["can_retry"] is True
    assert status["url"] is not None
    assert shop.job(order).version == 1  # its event stream sees it
    shop.at_stripe(f"sessions/{session_id}/pay")
    shop.deliver()
    status = shop.status(order, session_id)
    assert (status["status"], status["declined"], status["can_retry"]) == ("completed", False, False)
    assert shop.job(order).status is JobStatus.QUEUED


@SQLITE
def test_a_decline_that_comes_after_the_payment_is_old_news(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/decline")
    shop.at_stripe(f"sessions/{session_id}/pay")
    shop.deliver("checkout.session.completed", "payment_intent.payment_failed")
    assert shop.status(order, session_id)["declined"] is False
    assert shop.payment(session_id).declined_at is None


# Money that comes later


def test_money_on_its_way_keeps_the_job_waiting(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay", later=True)
    shop.deliver()
    assert shop.job(order).status is JobStatus.AWAITING_PAYMENT
    assert shop.payment(session_id).submitted_at is not None
    status = shop.status(order, session_id)
    assert (status["status"], status["can_retry"], status["url"]) == ("pending", False, None)
    again = shop.create(order)
    assert again.status_code == 409
    assert again.get_json()["error"]["details"]["session_id"] == session_id
    shop.at_stripe(f"sessions/{session_id}/money", arrives=True)
    shop.deliver()
    assert shop.job(order).status is JobStatus.QUEUED


def test_money_that_does_not_come_leaves_another_try(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay", later=True)
    shop.deliver()
    shop.change(shop.job(order), expires_at=utcnow())  # days later
    shop.at_stripe(f"sessions/{session_id}/money", arrives=False)
    shop.deliver()
    status = shop.status(order, session_id)
    assert (status["status"], status["declined"], status["can_retry"]) == ("failed", True, True)
    assert status["decline_code"] == "debit_not_authorized"
    assert shop.job(order).status is JobStatus.AWAITING_PAYMENT
    assert shop.open(order) != session_id


@SQLITE
def test_money_that_came_before_the_word_of_its_way(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay", later=True)
    shop.at_stripe(f"sessions/{session_id}/money", arrives=True)
    shop.deliver("checkout.session.async_payment_succeeded", "checkout.session.completed")
    assert shop.payment(session_id).status is PaymentStatus.COMPLETED
    assert shop.payment(session_id).submitted_at is None
    assert shop.job(order).version == 1


# Expired


def test_an_expired_session_ends_its_payment_and_not_the_job(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/expire")
    shop.deliver()
    assert shop.payment(session_id).status is PaymentStatus.EXPIRED
    assert shop.job(order).status is JobStatus.AWAITING_PAYMENT
    assert shop.status(order, session_id)["can_retry"] is True


@SQLITE
def test_an_expiry_that_comes_after_the_payment_is_ignored(shop: Shop) -> None:
    order, session_id = shop.paid()
    event = shop.event("checkout.session.completed")
    event["data"]["object"] |= {"status": "expired", "payment_status": "unpaid"}
    assert shop.post(event | {"id": "evt_late", "type": "checkout.session.expired"}).status_code == 200
    assert shop.payment(session_id).status is PaymentStatus.COMPLETED
    assert shop.job(order).status is JobStatus.QUEUED


# Wrong, late and double payments


@pytest.mark.parametrize("wrong", [{"amount": 1}, {"currency": "eur"}], ids=["amount", "currency"])
def test_another_sum_or_currency_is_parked_and_an_operator_told(shop: Shop, wrong: dict[str, object]) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay", **wrong)
    shop.deliver()
    payment = shop.payment(session_id)
    assert payment.status is PaymentStatus.PARKED
    assert payment.note is not None
    assert "149 usd" in payment.note
    assert shop.job(order).status is JobStatus.AWAITING_PAYMENT
    (mail,) = shop.mails("admin_alert")
    assert mail.to == "ops@example.org"
    assert payment.public_id in mail.subject
    assert shop.status(order, session_id)["status"] == "parked"


@pytest.mark.parametrize("status", [JobStatus.CANCELED, JobStatus.EXPIRED])
def test_a_payment_for_a_job_that_is_over_goes_back(shop: Shop, status: JobStatus) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay")
    shop.change(shop.job(order), status=status)
    shop.deliver()
    payment = shop.payment(session_id)
    assert (payment.status, payment.refund_reason) == (PaymentStatus.REFUNDED, "late_payment")
    (refund,) = shop.objects("refund")
    assert (refund["id"], refund["amount"]) == (payment.refund_id, 149)
    assert shop.job(order).status is status
    assert len(shop.mails("refunded")) == 1
    assert not shop.mails("paid")


def test_a_second_payment_for_a_paid_job_goes_back(shop: Shop) -> None:
    order = shop.order()
    first = shop.open(order)
    shop.change(shop.payment(first), status=PaymentStatus.EXPIRED)  # so we thought
    second = shop.open(order)
    shop.at_stripe(f"sessions/{first}/pay")
    shop.at_stripe(f"sessions/{second}/pay")
    shop.deliver()
    assert shop.payment(first).status is PaymentStatus.COMPLETED
    assert shop.payment(second).status is PaymentStatus.REFUNDED
    assert shop.payment(second).refund_reason == "second_payment"
    assert shop.job(order).payment_id == shop.payment(first).id
    assert shop.job(order).status is JobStatus.QUEUED
    assert len(shop.objects("refund")) == 1


def test_a_payment_closes_the_jobs_other_checkout(shop: Shop) -> None:
    order = shop.order()
    first = shop.open(order)
    shop.change(shop.payment(first), status=PaymentStatus.EXPIRED)
    second = shop.open(order)
    shop.at_stripe(f"sessions/{first}/pay")
    shop.deliver("checkout.session.completed")
    assert shop.payment(second).status is PaymentStatus.EXPIRED
    assert [one["status"] for one in shop.objects("checkout.session")] == ["complete", "expired"]


# Refunds and disputes at Stripe


def test_a_refund_from_the_dashboard_stops_a_job_that_waits(shop: Shop) -> None:
    order, session_id = shop.paid()
    shop.at_stripe(f"intents/{shop.payment(session_id).payment_intent}/refund")
    shop.deliver()
    payment = shop.payment(session_id)
    assert payment.status is PaymentStatus.REFUNDED
    assert payment.refund_id == shop.objects("refund")[0]["id"]
    assert shop.job(order).status is JobStatus.CANCELED
    assert len(shop.mails("refunded")) == 1


@SQLITE
def test_and_asks_a_worker_to_stop(shop: Shop) -> None:
    order, session_id = shop.paid()
    shop.change(shop.job(order), status=JobStatus.PROCESSING)
    shop.at_stripe(f"intents/{shop.payment(session_id).payment_intent}/refund")
    shop.deliver("charge.refunded")
    assert shop.job(order).status is JobStatus.PROCESSING
    assert shop.job(order).cancel_requested is True


@SQLITE
def test_a_refund_that_overtakes_its_payment_buys_nothing(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay")
    shop.at_stripe(f"intents/{shop.objects('payment_intent')[0]['id']}/refund")
    shop.deliver("charge.refunded", "checkout.session.completed")
    assert shop.payment(session_id).status is PaymentStatus.REFUNDED
    assert shop.job(order).status is JobStatus.AWAITING_PAYMENT
    assert shop.open(order) != session_id


@SQLITE
def test_a_part_given_back_is_noted_and_no_more(shop: Shop) -> None:
    order, session_id = shop.paid()
    shop.at_stripe(f"intents/{shop.payment(session_id).payment_intent}/refund", amount=49)
    shop.deliver()
    payment = shop.payment(session_id)
    assert payment.status is PaymentStatus.COMPLETED
    assert payment.note is not None
    assert "49 usd" in payment.note
    assert shop.job(order).status is JobStatus.QUEUED


def test_a_dispute_is_recorded_and_told(shop: Shop) -> None:
    order, session_id = shop.paid()
    dispute = shop.at_stripe(f"intents/{shop.payment(session_id).payment_intent}/dispute")
    shop.deliver()
    payment = shop.payment(session_id)
    assert (payment.status, payment.dispute_id) == (PaymentStatus.DISPUTED, dispute["id"])
    assert payment.disputed_at is not None
    assert len(shop.mails("admin_alert")) == 1
    assert shop.job(order).status is JobStatus.QUEUED
    shop.at_stripe(f"disputes/{dispute['id']}/close", status="won")
    shop.deliver()
    assert shop.payment(session_id).status is PaymentStatus.COMPLETED


@SQLITE
def test_a_lost_dispute_stays_one(shop: Shop) -> None:
    _, session_id = shop.paid()
    dispute = shop.at_stripe(f"intents/{shop.payment(session_id).payment_intent}/dispute")
    shop.at_stripe(f"disputes/{dispute['id']}/close", status="lost")
    shop.deliver()
    assert shop.payment(session_id).status is PaymentStatus.DISPUTED
    assert "lost" in (shop.payment(session_id).note or "")


@SQLITE
def test_the_end_of_a_dispute_may_overtake_its_beginning(shop: Shop) -> None:
    _, session_id = shop.paid()
    dispute = shop.at_stripe(f"intents/{shop.payment(session_id).payment_intent}/dispute")
    shop.at_stripe(f"disputes/{dispute['id']}/close", status="won")
    shop.deliver("charge.dispute.closed", "charge.dispute.created")
    assert shop.payment(session_id).status is PaymentStatus.COMPLETED
