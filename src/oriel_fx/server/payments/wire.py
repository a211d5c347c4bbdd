"""Stripe's objects, as plain JSON, read as ours. Nothing else knows their fields' names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from oriel_fx.server.payments.gateway import CheckoutSession, Refund


def session_of(data: Mapping[str, Any]) -> CheckoutSession:
    """A `checkout.session`; its payment intent may be expanded, and then says why a try failed."""
    intent = data.get("payment_intent")
    expanded: Mapping[str, Any] = intent if isinstance(intent, Mapping) else {}
    unpaid = data["status"] == "complete" and data["payment_status"] == "unpaid"
    return CheckoutSession(
        id=data["id"],
        url=data.get("url"),
        status=data["status"],
        payment_status=data["payment_status"],
        amount_cents=data["amount_total"] or 0,
        currency=str(data["currency"]).lower(),
        payment_intent=expanded["id"] if expanded else intent,
        reference=data.get("client_reference_id") or "",
        expires_at=moment(data["expires_at"]),
        decline_code=decline_of(expanded),
        money_failed=unpaid and expanded.get("status") == "requires_payment_method",
    )


def decline_of(intent: Mapping[str, Any]) -> str:
    """Why a `payment_intent`'s last try failed, in one word; empty where it did not."""
    error = intent.get("last_payment_error") or {}
    return str(error.get("decline_code") or error.get("code") or "")[:64]


def refund_of(data: Mapping[str, Any]) -> Refund:
    """A `refund`."""
    return Refund(id=data["id"], status=data["status"])


def intent_of(data: Mapping[str, Any]) -> str:
    """The payment intent's id in an object that belongs to one (a charge, a refund, a dispute); empty for none."""
    intent = data.get("payment_intent")
    return str(intent["id"] if isinstance(intent, Mapping) else intent or "")


def reference_of(data: Mapping[str, Any]) -> str:
    """The payment's public id that we put into an object's metadata; empty for none."""
    return str((data.get("metadata") or {}).get("reference") or "")


def moment(unix_s: float) -> datetime:
    """A time of Stripe's."""
    return datetime.fromtimestamp(unix_s, UTC)


# What Stripe knows of a buyer stays with Stripe.
_PERSONAL = frozenset(
    {
        "billing_details",
        "customer_details",
        "customer_email",
        "receipt_email",
        "receipt_url",
        "shipping",
        "collected_information",
        "payment_method_details",
    }
)


def without_people(data: Any) -> Any:
    """The same JSON without names, addresses and cards, for keeping."""
    if isinstance(data, Mapping):
        return {key: without_people(value) for key, value in data.items() if key not in _PERSONAL}
    if isinstance(data, list):
        return [without_people(value) for value in data]
    return data
