"""POST /api/payments/create-session."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from tests.server.payments.conftest import Shop

from oriel_fx.server.breakers import breaker_states
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import User
from oriel_fx.server.states import JobStatus, PaymentStatus

URL = "/api/payments/create-session"
SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def test_a_job_that_waits_gets_a_checkout_at_its_own_price(shop: Shop) -> None:
    order = shop.order(price_cents=447, title="Glass — Hours")
    reply = shop.create(order)
    assert reply.status_code == 201
    made = reply.get_json()
    assert made.keys() == {"session_id", "url", "payment_id", "amount", "currency", "expires_at"}
    assert (made["amount"], made["currency"]) == (447, "usd")
    (session,) = shop.objects("checkout.session")
    assert session["id"] == made["session_id"]
    assert session["amount_total"] == 447
    assert session["client_reference_id"] == made["payment_id"]
    assert session["success_url"].startswith("http://localhost:8000/?")
    assert "Glass — Hours" in requests.get(made["url"], timeout=5).text
    assert shop.payment(made["session_id"]).status is PaymentStatus.PENDING


@SQLITE
def test_the_addresses_come_from_settings_never_from_the_host_header(shop: Shop) -> None:
    order = shop.order()
    reply = shop.client.post(URL, json={"job_id": order.public_id}, headers={**order.headers, "Host": "evil.example"})
    assert reply.status_code == 201
    assert "evil" not in str(shop.objects("checkout.session"))


@SQLITE
@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"job_id": ""}, {"job_id": 7}, {"job_id": "x" * 65}, {"job_id": "x", "amount": 1}],
    ids=["nothing", "a list", "no job", "empty", "a number", "too long", "a price of the client's"],
)
def test_bad_parameters_are_a_400(shop: Shop, body: Any) -> None:
    reply = shop.client.post(URL, json=body, headers=shop.order().headers)
    assert reply.status_code == 400
    assert reply.get_json()["error"]["code"] == "INVALID_PAYMENT_PARAMETERS"
    assert reply.get_json()["error"]["details"]["faults"]


@SQLITE
def test_only_for_those_who_are_logged_in(client: FlaskClient) -> None:
    assert client.post(URL, json={"job_id": "x"}).status_code == 401


def test_anothers_job_and_no_job_look_the_same(shop: Shop) -> None:
    order, other = shop.order(), shop.order()
    theirs = shop.client.post(URL, json={"job_id": other.public_id}, headers=order.headers)
    none = shop.client.post(URL, json={"job_id": "none"}, headers=order.headers)
    assert theirs.status_code == none.status_code == 404
    assert theirs.get_json() == none.get_json()
    assert theirs.get_json()["error"]["code"] == "JOB_NOT_FOUND"


def test_while_one_is_open_there_is_no_second(shop: Shop) -> None:
    order = shop.order()
    made = shop.create(order).get_json()
    again = shop.create(order)
    assert again.status_code == 409
    error = again.get_json()["error"]
    assert error["code"] == "DUPLICATE_PAYMENT_SESSION"
    assert error["details"]["session_id"] == made["session_id"]
    assert error["details"]["url"] == made["url"]
    assert error["details"]["expires_at"] is not None
    assert len(shop.objects("checkout.session")) == 1
    # Saying so takes no question to Stripe.
    shop.sandbox.stop()
    assert shop.create(order).status_code == 409


@pytest.mark.parametrize("status", [one for one in JobStatus if one is not JobStatus.AWAITING_PAYMENT])
@SQLITE
def test_a_job_that_needs_no_payment_gets_none(shop: Shop, status: JobStatus) -> None:
    reply = shop.create(shop.order(status=status))
    assert reply.status_code == 409
    assert reply.get_json()["error"]["code"] == "JOB_NOT_PAYABLE"
    assert reply.get_json()["error"]["details"] == {"status": status.value}
    assert not shop.objects("checkout.session")


@SQLITE
def test_nor_one_whose_time_is_over(shop: Shop) -> None:
    reply = shop.create(shop.order(expires_at=utcnow() - timedelta(seconds=1)))
    assert reply.get_json()["error"]["code"] == "JOB_NOT_PAYABLE"


@SQLITE
def test_nor_one_with_a_payment_that_an_operator_looks_at(shop: Shop) -> None:
    order = shop.order()
    session_id = shop.open(order)
    shop.at_stripe(f"sessions/{session_id}/pay", amount=1)
    shop.deliver()
    reply = shop.create(order)
    assert reply.get_json()["error"]["code"] == "JOB_NOT_PAYABLE"


@SQLITE
def test_a_price_that_stripe_does_not_take_is_a_400_and_no_outage(shop: Shop) -> None:
    reply = shop.create(shop.order(price_cents=10))
    assert reply.status_code == 400
    assert reply.get_json()["error"]["code"] == "INVALID_PAYMENT_PARAMETERS"
    assert breaker_states() == {"stripe": "closed"}


def test_when_stripe_is_down_the_next_try_goes_on_with_the_same_row(shop: Shop) -> None:
    order = shop.order()
    shop.at_stripe("outage", "PUT", calls=2)  # the SDK tries twice
    reply = shop.create(order)
    assert reply.status_code == 503
    assert reply.get_json()["error"]["code"] == "PAYMENTS_UNAVAILABLE"
    assert "Retry-After" in reply.headers
    (row,) = shop.payments(order)
    assert (row.status, row.stripe_session_id) == (PaymentStatus.PENDING, None)
    made = shop.create(order)
    assert made.status_code == 201
    assert made.get_json()["payment_id"] == row.public_id
    assert len(shop.payments(order)) == 1


def test_a_crash_after_stripes_reply_leaves_one_session(shop: Shop) -> None:
    order = shop.order()
    # Both tries of the SDK have their effect, which is one, and both replies are lost.
    shop.at_stripe("outage", "PUT", calls=2, after_effect=True)
    assert shop.create(order).status_code == 503
    (session,) = shop.objects("checkout.session")
    assert shop.open(order) == session["id"]
    assert len(shop.objects("checkout.session")) == 1


@SQLITE
def test_a_try_left_from_long_ago_gets_a_new_end_and_a_new_key(shop: Shop) -> None:
    order = shop.order()
    shop.at_stripe("outage", "PUT", calls=2)
    shop.create(order)
    (row,) = shop.payments(order)
    shop.change(row, expires_at=utcnow() + timedelta(minutes=5))
    made = shop.create(order)
    assert made.status_code == 201
    (after,) = shop.payments(order)
    assert after.idempotency_key != row.idempotency_key
    assert after.expires_at is not None
    assert after.expires_at > utcnow() + timedelta(minutes=30)


@SQLITE
def test_an_address_that_changed_between_two_tries_costs_nothing(shop: Shop) -> None:
    order = shop.order()
    shop.at_stripe("outage", "PUT", calls=2, after_effect=True)
    shop.create(order)
    with shop.app.app_context():
        db.session.get_one(User, order.user_id).email = "new@example.org"
        db.session.commit()
    session_id = shop.open(order)
    assert len(shop.payments(order)) == 1
    newest = shop.objects("checkout.session")[-1]
    assert (newest["id"], newest["customer_email"]) == (session_id, "new@example.org")


def test_two_requests_at_once_open_one_session(shop: Shop) -> None:
    order = shop.order()
    replies: list[int] = []
    start = threading.Barrier(3)

    def create() -> None:
        start.wait()
        replies.append(
            shop.app.test_client().post(URL, json={"job_id": order.public_id}, headers=order.headers).status_code
        )

    threads = [threading.Thread(target=create) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == [201, 409, 409]
    assert len(shop.objects("checkout.session")) == 1
    assert len(shop.payments(order)) == 1


def test_after_an_expired_session_there_is_a_new_one(shop: Shop) -> None:
    order = shop.order()
    first = shop.open(order)
    shop.at_stripe(f"sessions/{first}/expire")
    shop.deliver()
    assert shop.open(order) != first
    assert [payment.status for payment in shop.payments(order)] == [PaymentStatus.EXPIRED, PaymentStatus.PENDING]


def test_a_session_whose_end_nobody_told_is_asked_about_first(shop: Shop) -> None:
    order = shop.order()
    first = shop.open(order)
    shop.at_stripe(f"sessions/{first}/pay")  # in its last minute; the webhook is late
    shop.clock.forward(hours=2)
    reply = shop.create(order)
    assert reply.status_code == 409
    assert reply.get_json()["error"]["code"] == "JOB_NOT_PAYABLE"
    assert shop.job(order).status is JobStatus.QUEUED


@SQLITE
def test_stripe_hanging_is_a_503_within_the_limit_and_then_at_once(shop: Shop) -> None:
    order = shop.order()
    shop.at_stripe("outage", "PUT", calls=100, hang_s=30)
    began = time.monotonic()
    assert shop.create(order).status_code == 503
    assert time.monotonic() - began < shop.settings.request_timeout_s + 0.5
    shop.at_stripe("outage", "PUT", calls=100)
    for _ in range(4):
        assert shop.create(order).status_code == 503
    assert breaker_states() == {"stripe": "open"}
    began = time.monotonic()
    assert shop.create(order).status_code == 503
    assert time.monotonic() - began < 0.5
