"""A shop: the application, a sandbox at Stripe's place, a buyer and a job; events come when a test lets them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
import stripe
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import TestResponse

from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import EmailMessage, Payment, RenderJob, WebhookEvent
from oriel_fx.server.payments.sandbox import Sandbox, start_sandbox
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings, reveal

Json = dict[str, Any]
WEBHOOK = "/api/payments/webhook"


class Clock:
    """The services' clock; `forward` moves it."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return utcnow() + self._ahead

    def forward(self, **time: float) -> None:
        """Move on by `hours=…`, `minutes=…`."""
        self._ahead += timedelta(**time)


@dataclass(frozen=True)
class Order:
    """A job that waits for its payment, and its buyer."""

    job_id: int
    public_id: str
    user_id: int
    headers: dict[str, str]


class Shop:
    """What a test does: as the buyer, as the buyer's bank, as Stripe, and looking at the database."""

    def __init__(
        self, app: OpenAPI, sandbox: Sandbox, settings: Settings, new_order: Callable[..., Order], clock: Clock
    ) -> None:
        self.app = app
        self.client: FlaskClient = app.test_client()
        self.sandbox = sandbox
        self.settings = settings
        self.order = new_order
        self.clock = clock

    # The buyer

    def create(self, order: Order) -> TestResponse:
        return self.client.post("/api/payments/create-session", json={"job_id": order.public_id}, headers=order.headers)

    def open(self, order: Order) -> str:
        """An open session's id."""
        reply = self.create(order)
        assert reply.status_code == 201, reply.json
        return str(reply.get_json()["session_id"])

    def status(self, order: Order, session_id: str) -> Json:
        reply = self.client.get(f"/api/payments/status/{session_id}", headers=order.headers)
        assert reply.status_code == 200, reply.json
        return dict(reply.get_json())

    def paid(self, **values: object) -> tuple[Order, str]:
        """An order that is paid, and its session's id."""
        order = self.order(**values)
        session_id = self.open(order)
        self.at_stripe(f"sessions/{session_id}/pay")
        self.deliver()
        return order, session_id

    # Stripe

    def at_stripe(self, path: str, method: str = "POST", **body: object) -> Json:
        """Order something of the sandbox."""
        reply = requests.request(method, f"{self.sandbox.url}/_sandbox/{path}", json=body, timeout=10)
        assert reply.ok, reply.text
        return dict(reply.json())

    def objects(self, kind: str) -> list[Json]:
        """What the sandbox has of a kind, such as `refund`."""
        return list(requests.get(f"{self.sandbox.url}/_sandbox/objects/{kind}", timeout=10).json())

    def events(self, *kinds: str) -> list[Json]:
        """All events so far, or those of these types."""
        found = requests.get(f"{self.sandbox.url}/_sandbox/events", timeout=10).json()["events"]
        return [event for event in found if not kinds or event["type"] in kinds]

    def event(self, kind: str) -> Json:
        """The last event of that type."""
        return self.events(kind)[-1]

    def post(self, event: Json, *, secret: str | None = None, at: int | None = None) -> TestResponse:
        """Deliver one event, signed."""
        payload = json.dumps(event)
        secret = reveal(self.settings.stripe_webhook_secret) if secret is None else secret
        signature = stripe.WebhookSignature.generate_signature_header(payload, secret, at)
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        return self.client.post(WEBHOOK, data=payload, headers=headers)

    def deliver(self, *kinds: str) -> None:
        """Deliver what was not delivered yet, in order; or the last of each of these types, in the order given."""
        chosen = [self.event(kind) for kind in kinds] if kinds else self.events()
        with self.app.app_context():
            known = set(db.session.scalars(select(WebhookEvent.event_id)))
        for event in chosen:
            if event["id"] not in known:
                reply = self.post(event)
                assert reply.status_code == 200, reply.json

    # The database

    def payment(self, session_id: str) -> Payment:
        with self.app.app_context():
            asked = select(Payment).where(Payment.stripe_session_id == session_id)
            return db.session.execute(asked).scalar_one()

    def payments(self, order: Order) -> list[Payment]:
        with self.app.app_context():
            asked = select(Payment).where(Payment.job_id == order.job_id).order_by(Payment.id)
            return list(db.session.scalars(asked))

    def job(self, order: Order) -> RenderJob:
        with self.app.app_context():
            return db.session.get_one(RenderJob, order.job_id)

    def change(self, row: Payment | RenderJob, **values: object) -> None:
        """Write values into a row, as another part of the service would."""
        with self.app.app_context():
            found = db.session.get_one(type(row), row.id)
            for name, value in values.items():
                setattr(found, name, value)
            db.session.commit()

    def mails(self, kind: str) -> list[EmailMessage]:
        with self.app.app_context():
            return list(db.session.scalars(select(EmailMessage).where(EmailMessage.kind == kind)))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """With an operator to write to; a test's indirect parameter changes more."""
    return settings.model_copy(update={"admin_mail": "ops@example.org", **getattr(request, "param", {})})


@pytest.fixture
def services(settings: Settings, clock: Clock) -> Services:
    return Services(settings, clock)


@pytest.fixture
def new_order(
    app: OpenAPI,
    make_user: Callable[..., int],
    make_job: Callable[..., int],
    bearer: Callable[[int], dict[str, str]],
) -> Callable[..., Order]:
    """Makes orders; `user_id` for another of the same buyer, the rest are columns of the job."""

    def make(user_id: int | None = None, **values: Any) -> Order:
        user_id = make_user() if user_id is None else user_id
        values = {"expires_at": utcnow() + timedelta(hours=24), **values}
        job_id = make_job(user_id, **values)
        with app.app_context():
            public_id = db.session.get_one(RenderJob, job_id).public_id
        return Order(job_id, public_id, user_id, bearer(user_id))

    return make


@pytest.fixture
def shop(app: OpenAPI, settings: Settings, new_order: Callable[..., Order], clock: Clock) -> Iterator[Shop]:
    """The shop, whose sandbox sends nothing by itself."""
    sandbox = start_sandbox(settings, "http://127.0.0.1:9/nobody")
    try:
        shop = Shop(app, sandbox, settings, new_order, clock)
        shop.at_stripe("delivery", "PUT", hold=True)
        yield shop
    finally:
        sandbox.stop()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass


@contextmanager
def listening(app: OpenAPI, port: int = 0) -> Iterator[str]:
    """The application on a real port; gives its address."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
