"""Stripe, through its own SDK. In development the same code talks to the local sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pybreaker
import stripe
import structlog

from oriel_fx.server.breakers import breaker
from oriel_fx.server.errors import InvalidSignatureError, PaymentsUnavailableError
from oriel_fx.server.payments.gateway import (
    CheckoutSession,
    GatewayEvent,
    IdempotencyKeyReusedError,
    PaymentGateway,
    PaymentRefusedError,
    Refund,
)
from oriel_fx.server.payments.sandbox_address import read_address
from oriel_fx.server.payments.wire import moment, refund_of, session_of
from oriel_fx.server.settings import Settings, reveal

_SANDBOX_KEY = "sk_test_sandbox"
# Stripe's plain "no" to what we asked: the service is up.
_ANSWERS = (stripe.CardError, stripe.InvalidRequestError, stripe.IdempotencyError)
_log = structlog.get_logger("oriel_fx.payments")


class StripeGateway(PaymentGateway):
    """Stripe, or its sandbox."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: dict[str, stripe.StripeClient] = {}  # by address, for their open connections

    def create_session(
        self,
        *,
        idempotency_key: str,
        amount_cents: int,
        currency: str,
        reference: str,
        description: str,
        customer_email: str,
        success_url: str,
        cancel_url: str,
        expires_at: datetime,
    ) -> CheckoutSession:
        """Open a checkout for one job. Raises IdempotencyKeyReusedError, PaymentRefusedError."""
        with self._calling() as client:
            made = client.v1.checkout.sessions.create(
                {
                    "mode": "payment",
                    "client_reference_id": reference,
                    "customer_email": customer_email,
                    "expires_at": int(expires_at.timestamp()),
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": currency,
                                "unit_amount": amount_cents,
                                "product_data": {"name": description},
                            },
                        }
                    ],
                    "metadata": {"reference": reference},
                    # The intent's metadata comes with declines, refunds and disputes, which know no session.
                    "payment_intent_data": {"metadata": {"reference": reference}, "description": description},
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                },
                {"idempotency_key": idempotency_key},
            )
        return session_of(made.to_dict())

    def retrieve_session(self, session_id: str) -> CheckoutSession | None:
        """The session as it is now; None where Stripe knows none."""
        try:
            with self._calling() as client:
                found = client.v1.checkout.sessions.retrieve(session_id, {"expand": ["payment_intent"]})
        except PaymentRefusedError as error:
            if error.provider_code == "resource_missing":
                return None
            raise
        return session_of(found.to_dict())

    def expire_session(self, session_id: str) -> CheckoutSession:
        """Close an open session, and return it as it is then: it may have been paid a moment before."""
        try:
            with self._calling() as client:
                return session_of(client.v1.checkout.sessions.expire(session_id).to_dict())
        except PaymentRefusedError:
            # Only an open session can be expired.
            found = self.retrieve_session(session_id)
            if found is None:
                raise
            return found

    def refund(self, *, idempotency_key: str, payment_intent: str) -> Refund:
        """Give back all that was not given back yet. One made before with this key is returned as it is now."""
        # Stripe forgets keys after a day or so, and answers a repeated call with the state at that time: look first.
        with self._calling() as client:
            earlier = [one.to_dict() for one in client.v1.refunds.list({"payment_intent": payment_intent}).data]
        good = [one for one in earlier if one["status"] not in ("failed", "canceled")]
        for one in good:
            if (one.get("metadata") or {}).get("key") == idempotency_key:
                return refund_of(one)
        try:
            with self._calling() as client:
                made = client.v1.refunds.create(
                    {"payment_intent": payment_intent, "metadata": {"key": idempotency_key}},
                    # One that failed leaves its key used.
                    {"idempotency_key": f"{idempotency_key}-{len(earlier) - len(good)}"},
                )
        except PaymentRefusedError as error:
            if error.provider_code == "charge_already_refunded" and good:
                return refund_of(good[0])
            raise
        return refund_of(made.to_dict())

    def parse_webhook(self, payload: bytes, signature: str) -> GatewayEvent:
        """Check the signature and its age, and read the event. Raises InvalidSignatureError (400)."""
        settings = self._settings
        try:
            stripe.WebhookSignature.verify_header(
                payload, signature, reveal(settings.stripe_webhook_secret), settings.stripe_webhook_tolerance_s
            )
            event: dict[str, Any] = json.loads(payload)
            return GatewayEvent(
                id=str(event["id"]),
                type=str(event["type"]),
                created_at=moment(event["created"]),
                object=dict(event["data"]["object"]),
                payload=event,
            )
        except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError):
            raise InvalidSignatureError from None

    @contextmanager
    def _calling(self) -> Iterator[stripe.StripeClient]:
        """Round every call: the breaker, and Stripe's errors as ours."""
        try:
            with breaker("stripe", exclude=_ANSWERS).calling():
                yield self._client
        except pybreaker.CircuitBreakerError:
            raise PaymentsUnavailableError from None
        except stripe.IdempotencyError as error:
            raise IdempotencyKeyReusedError(error.user_message or "The key was used before.") from error
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            raise PaymentRefusedError(error.user_message or "Refused.", error.code or "") from error
        except stripe.StripeError as error:
            # Its text may hold the end of a key; the kind and the request's id are enough to look it up.
            _log.warning("stripe is away", error=type(error).__name__, request=error.request_id)
            raise PaymentsUnavailableError from error

    @property
    def _client(self) -> stripe.StripeClient:
        settings = self._settings
        address = settings.stripe_api_url
        if settings.sandbox and not address:
            # A command beside `oriel serve` finds the sandbox by the address it left in the data folder.
            address = read_address(settings.data_dir)
            if not address:
                raise PaymentsUnavailableError("The payment sandbox is not running; start it with `oriel serve`.")
        if address not in self._clients:
            self._clients[address] = self._made(address)
        return self._clients[address]

    def _made(self, address: str) -> stripe.StripeClient:
        limit_s = self._settings.request_timeout_s
        # Two tries of 0.4 and a pause of half a second between them fit into the limit.
        return stripe.StripeClient(
            reveal(self._settings.stripe_secret_key) or _SANDBOX_KEY,
            base_addresses={"api": address} if address else None,
            max_network_retries=1,
            http_client=stripe.RequestsClient(timeout=(limit_s * 0.2, limit_s * 0.4)),
        )
