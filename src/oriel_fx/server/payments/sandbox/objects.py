"""What happens in the sandbox: sessions, intents, charges, refunds, disputes, and the events each change sends."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from oriel_fx.server.payments.sandbox.store import Store

API_VERSION = "2026-01-28.sandbox"
Json = dict[str, Any]


class StripeFaultError(Exception):
    """An error in Stripe's shape."""

    def __init__(self, status: int, message: str, *, kind: str = "invalid_request_error", **fields: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, **fields}}


class Till:
    """The sandbox's objects. Every method leaves them, and the events that tell of it, written together."""

    def __init__(self, store: Store, base_url: Callable[[], str], wake: Callable[[], None]) -> None:
        self.store = store
        self._base_url = base_url
        self._wake = wake

    # Sessions

    def create_session(self, params: Json) -> Json:
        """`POST /v1/checkout/sessions`. Raises StripeFaultError as Stripe would."""
        if params.get("mode") != "payment":
            raise StripeFaultError(400, "The sandbox only knows mode=payment.", param="mode")
        _need(params, "success_url")
        amount, currency, name = _line_items(params)
        now = int(time.time())
        expires_at = int(params.get("expires_at", now + 86400))
        if not now + 1800 <= expires_at <= now + 86400:
            raise StripeFaultError(
                400,
                "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours away.",
                param="expires_at",
            )
        session_id = _new_id("cs_test")
        session: Json = {
            "id": session_id,
            "object": "checkout.session",
            "amount_subtotal": amount,
            "amount_total": amount,
            "cancel_url": params.get("cancel_url"),
            "client_reference_id": params.get("client_reference_id"),
            "created": now,
            "currency": currency,
            "customer_email": params.get("customer_email"),
            "customer_details": {"email": params.get("customer_email")},
            "expires_at": expires_at,
            "livemode": False,
            "metadata": params.get("metadata") or {},
            "mode": "payment",
            "payment_intent": None,
            "payment_method_types": ["card"],
            "payment_status": "unpaid",
            "status": "open",
            "success_url": params["success_url"],
            "url": f"{self._base_url()}/checkout/{session_id}",
            # Not on Stripe's wire: what the page shows and the intent will carry.
            "_name": name,
            "_intent": params.get("payment_intent_data") or {},
        }
        self.store.put(session)
        return session

    def session(self, session_id: str) -> Json:
        """A session, expired by now if its time is over. Raises StripeFaultError (404)."""
        with self.store.together():
            session = self._get("checkout.session", session_id)
            if session["status"] == "open" and session["expires_at"] <= time.time():
                self._close(session)
            return session

    def expire(self, session_id: str) -> Json:
        """`POST /v1/checkout/sessions/:id/expire`. Raises StripeFaultError for one that is not open."""
        with self.store.together():
            session = self.session(session_id)
            _must_be_open(session)
            self._close(session)
            return session

    def expire_old(self) -> None:
        """Close what is over, as Stripe does by itself."""
        for session in self.store.all("checkout.session"):
            if session["status"] == "open":
                self.session(session["id"])

    def _close(self, session: Json) -> None:
        session |= {"status": "expired", "url": None}
        self.store.put(session)
        self._send("checkout.session.expired", session)

    # The buyer

    def pay(self, session_id: str, *, later: bool = False, amount: int | None = None, currency: str = "") -> Json:
        """The buyer pays. `later`: by a way whose money is still to come. An amount or currency makes a mismatch."""
        with self.store.together():
            session = self.session(session_id)
            _must_be_open(session)
            if amount is not None:
                session["amount_total"] = amount
            if currency:
                session["currency"] = currency
            intent = self._intent_of(session)
            session |= {"status": "complete", "url": None, "payment_intent": intent["id"]}
            if later:
                intent["status"] = "processing"
                self.store.put(intent)
                self.store.put(session)
                self._send("payment_intent.processing", intent)
                self._send("checkout.session.completed", session)
            else:
                self._paid(session, intent, "checkout.session.completed")
            return session

    def decline(self, session_id: str, code: str = "generic_decline") -> Json:
        """The buyer's card is declined; the session stays open."""
        with self.store.together():
            session = self.session(session_id)
            _must_be_open(session)
            intent = self._intent_of(session)
            self._declined(intent, code)
            self.store.put(session | {"payment_intent": intent["id"]})
            return session

    def money_arrives(self, session_id: str, *, arrives: bool) -> Json:
        """The money of a `later` payment comes, or does not."""
        with self.store.together():
            session = self.session(session_id)
            intent = self._get("payment_intent", session["payment_intent"] or "")
            if intent["status"] != "processing":
                raise StripeFaultError(400, "No money is on its way.")
            if arrives:
                self._paid(session, intent, "checkout.session.async_payment_succeeded")
            else:
                self._declined(intent, "debit_not_authorized")
                self._send("checkout.session.async_payment_failed", session)
            return session

    def _intent_of(self, session: Json) -> Json:
        if session["payment_intent"]:
            return self._get("payment_intent", session["payment_intent"])
        return {
            "id": _new_id("pi"),
            "object": "payment_intent",
            "amount": session["amount_total"],
            "created": int(time.time()),
            "currency": session["currency"],
            "description": session["_intent"].get("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": session["_intent"].get("metadata") or {},
            "status": "requires_payment_method",
        }

    def _paid(self, session: Json, intent: Json, event: str) -> None:
        charge: Json = {
            "id": _new_id("ch"),
            "object": "charge",
            "amount": session["amount_total"],
            "amount_refunded": 0,
            "created": int(time.time()),
            "currency": session["currency"],
            "disputed": False,
            "livemode": False,
            "metadata": intent["metadata"],
            "paid": True,
            "payment_intent": intent["id"],
            "refunded": False,
            "status": "succeeded",
        }
        session |= {"payment_status": "paid", "payment_intent": intent["id"]}
        intent |= {"status": "succeeded", "amount": session["amount_total"], "latest_charge": charge["id"]}
        intent |= {"currency": session["currency"], "last_payment_error": None}
        for one in (charge, intent, session):
            self.store.put(one)
        self._send("payment_intent.succeeded", intent)
        self._send("charge.succeeded", charge)
        self._send(event, session)

    def _declined(self, intent: Json, code: str) -> None:
        error = {
            "type": "card_error",
            "code": "card_declined",
            "decline_code": code,
            "message": "Your card was declined.",
        }
        intent |= {"status": "requires_payment_method", "last_payment_error": error}
        self.store.put(intent)
        self._send("payment_intent.payment_failed", intent)

    # Money back

    def refund(self, params: Json, *, status: str | None = None) -> Json:
        """`POST /v1/refunds`, or one from the dashboard. `status` is how it ends at once; `pending` ends later."""
        _need(params, "payment_intent")
        with self.store.together():
            intent = self._get("payment_intent", params["payment_intent"])
            charge = self._charge_of(intent)
            left = charge["amount"] - charge["amount_refunded"]
            if charge["disputed"]:
                raise StripeFaultError(400, "The charge is disputed and cannot be refunded.", code="charge_disputed")
            if left <= 0:
                raise StripeFaultError(
                    400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
                )
            amount = int(params.get("amount", left))
            if not 0 < amount <= left:
                raise StripeFaultError(400, f"Refund amount ({amount}) is greater than what is left.", param="amount")
            refund: Json = {
                "id": _new_id("re"),
                "object": "refund",
                "amount": amount,
                "charge": charge["id"],
                "created": int(time.time()),
                "currency": charge["currency"],
                "metadata": params.get("metadata") or {},
                "payment_intent": intent["id"],
                "reason": params.get("reason"),
                "status": status or self.store.setting("refund_status", "succeeded"),
            }
            self.store.put(refund)
            charge["amount_refunded"] += amount
            charge["refunded"] = charge["amount_refunded"] >= charge["amount"]
            self.store.put(charge)
            self._send("refund.created", refund)
            if refund["status"] == "succeeded":
                self._send("charge.refunded", charge)
            return refund

    def end_refund(self, refund_id: str, status: str) -> Json:
        """A pending refund ends: `succeeded`, `failed` or `canceled`."""
        with self.store.together():
            refund = self._get("refund", refund_id) | {"status": status}
            charge = self._get("charge", refund["charge"])
            self.store.put(refund)
            if status == "succeeded":
                self._send("charge.refunded", charge)
            else:
                charge["amount_refunded"] -= refund["amount"]
                charge["refunded"] = False
                self.store.put(charge)
            self._send("refund.failed" if status == "failed" else "refund.updated", refund)
            return refund

    def refunds(self, payment_intent: str) -> list[Json]:
        """`GET /v1/refunds?payment_intent=`: the newest first."""
        found = self.store.all("refund")
        return [one for one in reversed(found) if payment_intent in ("", one["payment_intent"])]

    def dispute(self, payment_intent: str) -> Json:
        """The buyer's bank takes the money back."""
        with self.store.together():
            intent = self._get("payment_intent", payment_intent)
            charge = self._charge_of(intent) | {"disputed": True}
            dispute: Json = {
                "id": _new_id("du"),
                "object": "dispute",
                "amount": charge["amount"],
                "charge": charge["id"],
                "created": int(time.time()),
                "currency": charge["currency"],
                "metadata": {},
                "payment_intent": intent["id"],
                "reason": "fraudulent",
                "status": "needs_response",
            }
            self.store.put(charge)
            self.store.put(dispute)
            self._send("charge.dispute.created", dispute)
            return dispute

    def close_dispute(self, dispute_id: str, status: str) -> Json:
        """A dispute ends: `won`, `lost` or `warning_closed`."""
        with self.store.together():
            dispute = self._get("dispute", dispute_id) | {"status": status}
            self.store.put(dispute)
            self.store.put(self._get("charge", dispute["charge"]) | {"disputed": status == "lost"})
            self._send("charge.dispute.closed", dispute)
            return dispute

    def _charge_of(self, intent: Json) -> Json:
        if not intent["latest_charge"]:
            raise StripeFaultError(400, "This PaymentIntent does not have a successful charge to refund.")
        return self._get("charge", intent["latest_charge"])

    # Events

    def _send(self, kind: str, data: Json) -> None:
        event: Json = {
            "id": _new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": int(time.time()),
            "data": {"object": public(data)},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        self.store.put(event)
        wishes = self.store.setting("delivery", {})
        due_at = None if wishes.get("hold") else time.time() + float(wishes.get("delay_s", 0))
        for _ in range(int(wishes.get("copies", 1))):
            self.store.schedule(event["id"], due_at)
        self._wake()

    def resend(self, event_id: str, *, copies: int = 1) -> None:
        """Deliver an event now, whether it was before or is held."""
        with self.store.together():
            self._get("event", event_id)
            self.store.release(event_id)
            for _ in range(copies):
                self.store.schedule(event_id, time.time())
        self._wake()

    def _get(self, kind: str, object_id: str) -> Json:
        found = self.store.get(kind, object_id)
        if found is None:
            raise StripeFaultError(404, f"No such {kind}: '{object_id}'", code="resource_missing", param="id")
        return found


def public(data: Json) -> Json:
    """An object as Stripe shows it."""
    return {key: value for key, value in data.items() if not key.startswith("_")}


def _new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def _need(params: Json, name: str) -> None:
    if not params.get(name):
        raise StripeFaultError(400, f"Missing required param: {name}.", code="parameter_missing", param=name)


def _must_be_open(session: Json) -> None:
    if session["status"] != "open":
        raise StripeFaultError(400, f"This Checkout Session is {session['status']}, not open.", code="session_not_open")


def _line_items(params: Json) -> tuple[int, str, str]:
    try:
        items = [params["line_items"][key] for key in sorted(params["line_items"])]
        prices = [item["price_data"] for item in items]
        total = sum(
            int(price["unit_amount"]) * int(item["quantity"]) for price, item in zip(prices, items, strict=True)
        )
        currency, name = str(prices[0]["currency"]).lower(), str(prices[0]["product_data"]["name"])
    except (KeyError, IndexError, TypeError, ValueError):
        raise StripeFaultError(400, "Missing required param: line_items.", param="line_items") from None
    if total < 50:
        raise StripeFaultError(
            400, "The Checkout Session's total amount must convert to at least 50 cents.", code="amount_too_small"
        )
    return total, currency, name
