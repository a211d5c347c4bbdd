"""The sandbox at Stripe's place: what it remembers, what it sends, its page; and the whole way through real sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import requests
from flask_openapi import OpenAPI
from tests.server.payments.conftest import Clock, Order, Shop, listening
from tests.server.processes import free_port

from oriel_fx.server.breakers import breaker_states
from oriel_fx.server.db import utcnow
from oriel_fx.server.errors import PaymentsUnavailableError
from oriel_fx.server.payments.gateway import CheckoutSession, IdempotencyKeyReusedError, PaymentRefusedError
from oriel_fx.server.payments.sandbox import Sandbox, start_sandbox
from oriel_fx.server.payments.stripe import StripeGateway
from oriel_fx.server.settings import Settings, SettingsError, load_settings
from oriel_fx.server.states import JobStatus, PaymentStatus

NOBODY = "http://127.0.0.1:9/nobody"


@pytest.fixture
def database_kind() -> str:
    """The sandbox has its own."""
    return "sqlite"


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[Sandbox]:
    running = start_sandbox(settings, NOBODY)
    yield running
    running.stop()


def create(gateway: StripeGateway, **changed: object) -> CheckoutSession:
    call = {
        "idempotency_key": "key",
        "amount_cents": 149,
        "currency": "usd",
        "reference": "ref",
        "description": 'Video for <b>"Glass & Hours"</b>',
        "customer_email": "ö@example.org",
        "success_url": "http://localhost:8000/?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://localhost:8000/?canceled",
        "expires_at": utcnow().replace(microsecond=0) + timedelta(hours=1),
    }
    return gateway.create_session(**{**call, **changed})  # type: ignore[arg-type]


# The gateway, against it


def test_a_key_has_one_effect_and_one_meaning(settings: Settings, sandbox: Sandbox) -> None:
    gateway = StripeGateway(settings)
    until = utcnow() + timedelta(hours=1)
    first = create(gateway, expires_at=until)
    assert create(gateway, expires_at=until) == first
    with pytest.raises(IdempotencyKeyReusedError):
        create(gateway, amount_cents=150, expires_at=until)
    assert create(gateway, idempotency_key="other", expires_at=until).id != first.id


@pytest.mark.parametrize(
    "changed",
    [{"amount_cents": 10}, {"expires_at": utcnow() + timedelta(minutes=5)}, {"success_url": ""}],
    ids=["too little", "too short", "nowhere to go"],
)
def test_what_stripe_refuses_is_no_outage(settings: Settings, sandbox: Sandbox, changed: dict[str, object]) -> None:
    for _ in range(7):
        with pytest.raises(PaymentRefusedError):
            create(StripeGateway(settings), **changed)
    assert breaker_states() == {"stripe": "closed"}


def test_expiring_a_session_that_was_paid_says_so(settings: Settings, sandbox: Sandbox) -> None:
    gateway = StripeGateway(settings)
    opened = create(gateway)
    requests.post(f"{opened.url}/pay", allow_redirects=False, timeout=5)
    found = gateway.expire_session(opened.id)
    assert (found.status, found.payment_status) == ("complete", "paid")


def test_what_stripe_does_not_know(settings: Settings, sandbox: Sandbox) -> None:
    gateway = StripeGateway(settings)
    assert gateway.retrieve_session("cs_none") is None
    with pytest.raises(PaymentRefusedError):
        gateway.expire_session("cs_none")
    with pytest.raises(PaymentRefusedError):
        gateway.refund(idempotency_key="key", payment_intent="pi_none")


def test_without_a_sandbox_it_never_turns_to_stripe_itself(settings: Settings) -> None:
    with pytest.raises(PaymentsUnavailableError, match="oriel serve"):
        create(StripeGateway(settings))


def test_a_dead_stripe_is_an_outage_at_once(settings: Settings) -> None:
    gateway = StripeGateway(settings.model_copy(update={"stripe_api_url": f"http://127.0.0.1:{free_port()}"}))
    began = time.monotonic()
    with pytest.raises(PaymentsUnavailableError):
        gateway.retrieve_session("cs_1")
    assert time.monotonic() - began < 2


# What it is


def test_it_never_runs_in_production(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="never"):
        start_sandbox(settings.model_copy(update={"env": "production"}), NOBODY)


def test_its_secret_is_the_data_folders_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    secrets = {
        load_settings(env="development", data_dir=tmp_path_factory.mktemp("data")).stripe_webhook_secret
        for _ in range(2)
    }
    assert len(secrets) == 2


def test_a_restart_keeps_sessions_keys_and_its_address(settings: Settings) -> None:
    first = start_sandbox(settings, NOBODY)
    until = utcnow() + timedelta(hours=1)
    opened = create(StripeGateway(settings), expires_at=until)
    first.stop()
    second = start_sandbox(settings, NOBODY)
    try:
        assert second.url == first.url
        assert create(StripeGateway(settings), expires_at=until) == opened
        assert requests.get(opened.url or "", timeout=5).status_code == 200
    finally:
        second.stop()


def test_its_api_wants_a_key_and_knows_its_limits(sandbox: Sandbox) -> None:
    assert requests.post(f"{sandbox.url}/v1/refunds", timeout=5).status_code == 401
    key = {"Authorization": "Bearer sk_test_x"}
    unknown = requests.get(f"{sandbox.url}/v1/customers", headers=key, timeout=5)
    assert unknown.status_code == 404
    assert unknown.json()["error"]["type"] == "invalid_request_error"


# The page


def test_the_page_says_what_is_paid_and_escapes_it(settings: Settings, sandbox: Sandbox) -> None:
    opened = create(StripeGateway(settings))
    reply = requests.get(opened.url or "", timeout=5)
    assert reply.status_code == 200
    assert "Pay $1.49" in reply.text
    assert "Decline" in reply.text
    assert "<b>" not in reply.text
    assert "&lt;b&gt;" in reply.text
    assert 'lang="en"' in reply.text
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


def test_decline_then_pay(settings: Settings, sandbox: Sandbox) -> None:
    opened = create(StripeGateway(settings))
    declined = requests.post(f"{opened.url}/decline", timeout=5)
    assert declined.status_code == 200
    assert 'role="alert"' in declined.text
    paid = requests.post(f"{opened.url}/pay", allow_redirects=False, timeout=5)
    assert (paid.status_code, paid.headers["Location"]) == (303, f"http://localhost:8000/?session_id={opened.id}")
    again = requests.post(f"{opened.url}/pay", timeout=5)
    assert again.status_code == 400
    assert "paid already" in requests.get(opened.url or "", timeout=5).text


def test_a_page_that_is_over(settings: Settings, sandbox: Sandbox) -> None:
    gateway = StripeGateway(settings)
    opened = create(gateway)
    gateway.expire_session(opened.id)
    assert requests.get(opened.url or "", timeout=5).status_code == 410
    assert requests.get(f"{sandbox.url}/checkout/cs_none", timeout=5).status_code == 404


# Events through real sockets


def wait_for(found: Callable[[], object], what: str) -> None:
    until = time.monotonic() + 15
    while not found():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def test_a_buyer_pays_on_the_page_and_the_job_is_queued(
    app: OpenAPI, settings: Settings, new_order: Callable[..., Order], clock: Clock
) -> None:
    port = free_port()
    webhook = f"http://127.0.0.1:{port}/api/payments/webhook"
    sandbox = start_sandbox(settings, webhook, retry_delays_s=[0.1] * 50)
    try:
        shop = Shop(app, sandbox, settings, new_order, clock)
        order = shop.order()
        made = shop.create(order).get_json()
        shop.at_stripe("delivery", "PUT", copies=2)  # and every event comes twice
        requests.post(f"{made['url']}/decline", allow_redirects=False, timeout=5)
        requests.post(f"{made['url']}/pay", allow_redirects=False, timeout=5)
        # Nobody listens yet; the events wait and are sent again.
        wait_for(lambda: any(one["attempts"] for one in _deliveries(sandbox)), "no delivery was tried")
        assert shop.job(order).status is JobStatus.AWAITING_PAYMENT
        with listening(app, port):
            wait_for(lambda: all(one["delivered"] for one in _deliveries(sandbox)), str(_deliveries(sandbox)))
        assert shop.job(order).status is JobStatus.QUEUED
        assert shop.payment(made["session_id"]).status is PaymentStatus.COMPLETED
        assert not shop.objects("refund")
    finally:
        sandbox.stop()


def test_what_was_not_delivered_is_after_a_restart(
    app: OpenAPI, settings: Settings, new_order: Callable[..., Order]
) -> None:
    first = start_sandbox(settings, NOBODY)
    shop = Shop(app, first, settings, new_order, Clock())
    order = shop.order()
    shop.at_stripe(f"sessions/{shop.open(order)}/pay")
    first.stop()
    with listening(app) as address:
        second = start_sandbox(settings, f"{address}/api/payments/webhook")
        try:
            wait_for(lambda: shop.job(order).status is JobStatus.QUEUED, "the event never came")
        finally:
            second.stop()


def test_events_can_be_held_and_sent_in_another_order(shop: Shop) -> None:
    shop.at_stripe(f"sessions/{shop.open(shop.order())}/pay")
    held = requests.get(f"{shop.sandbox.url}/_sandbox/events", timeout=5).json()["held"]
    assert held == [event["id"] for event in shop.events()]
    for event_id in reversed(held):
        shop.at_stripe(f"events/{event_id}/send")
    wait_for(lambda: all(one["attempts"] for one in _deliveries(shop.sandbox)), "not all were tried")
    assert [one["event"] for one in _deliveries(shop.sandbox)] == held[::-1]


def _deliveries(sandbox: Sandbox) -> list[dict[str, object]]:
    return list(requests.get(f"{sandbox.url}/_sandbox/events", timeout=5).json()["deliveries"])
