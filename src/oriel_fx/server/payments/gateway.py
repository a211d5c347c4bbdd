"""Payments: what a provider is. `stripe.py` is the one: the real SDK, talking to Stripe or to the local sandbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from oriel_fx.errors import OrielError


class PaymentRefusedError(OrielError):
    """The provider understood the call and said no: another try of the same cannot help."""

    code = "PAYMENT_REFUSED"

    def __init__(self, message: str, provider_code: str = "") -> None:
        super().__init__(message)
        self.provider_code = provider_code


class IdempotencyKeyReusedError(OrielError):
    """The key was used before, with other parameters."""

    code = "IDEMPOTENCY_KEY_REUSED"


@dataclass(frozen=True)
class CheckoutSession:
    """A checkout as the provider sees it. Amounts in cents."""

    id: str
    url: str | None  # None once it is closed
    status: Literal["open", "complete", "expired"]
    payment_status: Literal["unpaid", "paid", "no_payment_required"]
    amount_cents: int
    currency: str
    payment_intent: str | None
    reference: str  # what create_session was given
    expires_at: datetime
    decline_code: str = ""  # of the last try, where it was declined
    money_failed: bool = False  # complete, but the money that was on its way did not come


@dataclass(frozen=True)
class Refund:
    """A refund as the provider sees it."""

    id: str
    status: Literal["pending", "succeeded", "failed", "canceled", "requires_action"]


@dataclass(frozen=True)
class GatewayEvent:
    """A webhook's event whose signature was right. `object` is its `data.object`, as plain JSON."""

    id: str
    type: str
    created_at: datetime
    object: dict[str, Any]
    payload: dict[str, Any] = field(repr=False)  # the whole event, for WebhookEvent


class PaymentGateway(Protocol):
    """A payment provider.

    Every call may raise PaymentsUnavailableError (503) within `request_timeout_s`, and at once while the breaker
    is open; and PaymentRefusedError. A call with an idempotency key may be repeated: the second has the first's
    result and no second effect.
    """

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
        """Open a checkout for one job. `reference` (the payment's public id) comes back in sessions and events.

        Raises IdempotencyKeyReusedError.
        """

    def retrieve_session(self, session_id: str) -> CheckoutSession | None:
        """The session as it is now; None where the provider knows none."""

    def expire_session(self, session_id: str) -> CheckoutSession:
        """Close an open session, and return it as it is then: it may have been paid a moment before."""

    def refund(self, *, idempotency_key: str, payment_intent: str) -> Refund:
        """Give back all that was not given back yet. One made before with this key is returned as it is now."""

    def parse_webhook(self, payload: bytes, signature: str) -> GatewayEvent:
        """Check the signature and its age, and read the event. Raises InvalidSignatureError (400)."""
