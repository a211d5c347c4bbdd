"""Stripe's events. An event's row and its effect are one transaction: a replay finds the row and does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from oriel_fx.server.db import db
from oriel_fx.server.mail.outbox import alert_admin
from oriel_fx.server.models import Payment, WebhookEvent
from oriel_fx.server.payments import wire
from oriel_fx.server.payments.gateway import GatewayEvent
from oriel_fx.server.payments.locks import lock_payment
from oriel_fx.server.payments.refunds import add_note, mark_refunded, record_refund, refund_key, request_refund
from oriel_fx.server.payments.settle import apply_decline, apply_money_failed, apply_session
from oriel_fx.server.payments.sync import follow_up
from oriel_fx.server.payments.todo import Todo
from oriel_fx.server.services import current_services
from oriel_fx.server.states import PaymentStatus

_log = structlog.get_logger("oriel_fx.payments")
Handler = Callable[[GatewayEvent, int], Todo]


def receive(event: GatewayEvent) -> bool:
    """Record the event and apply it; False for one that was received before. Commits the session.

    Of two processes that receive the same event at once the second waits for the first's commit, and then finds it.
    """
    row = WebhookEvent(
        event_id=event.id,
        type=event.type[:100],
        payload=wire.without_people(event.payload),
        received_at=current_services().clock(),
    )
    db.session.add(row)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        return False
    todo = _apply(event)
    row.processed_at = current_services().clock()
    db.session.commit()
    follow_up(todo)
    return True


def _apply(event: GatewayEvent) -> Todo:
    handler = HANDLERS.get(event.type)
    if handler is None:
        return Todo()
    payment_id = _payment_of(event)
    if payment_id is None:
        # Another product's on the same account, or a payment that was never ours.
        _log.warning("event of no payment", event_type=event.type, event_id=event.id)
        return Todo()
    return handler(event, payment_id)


def _payment_of(event: GatewayEvent) -> int | None:
    """Which payment an event is about: by its session, its intent, or the reference we gave it."""
    data: Mapping[str, Any] = event.object
    kind = data.get("object")
    reference = str(data.get("client_reference_id") or "") or wire.reference_of(data)
    known = [Payment.public_id == reference] if reference else []
    if kind == "checkout.session":
        known.append(Payment.stripe_session_id == data["id"])
    intent = str(data["id"]) if kind == "payment_intent" else wire.intent_of(data)
    if intent:
        known.append(Payment.payment_intent == intent)
    if kind == "refund" and (key := str((data.get("metadata") or {}).get("key") or "")):
        known.append(Payment.public_id == key.removeprefix("refund-"))
    return db.session.execute(select(Payment.id).where(or_(*known)).limit(1)).scalar() if known else None


def _session(event: GatewayEvent, payment_id: int) -> Todo:
    return apply_session(db.session, payment_id, wire.session_of(event.object))


def _money_failed(event: GatewayEvent, payment_id: int) -> Todo:
    apply_money_failed(db.session, payment_id, "")
    return Todo()


def _declined(event: GatewayEvent, payment_id: int) -> Todo:
    apply_decline(db.session, payment_id, wire.decline_of(event.object), event.created_at)
    return Todo()


def _charge_refunded(event: GatewayEvent, payment_id: int) -> Todo:
    payment, _ = lock_payment(db.session, payment_id)
    todo = Todo()
    if payment.payment_intent is None:
        payment.payment_intent = wire.intent_of(event.object) or None  # overtook the event of the payment
    if event.object.get("refunded"):
        mark_refunded(db.session, payment, todo)
    else:
        add_note(payment, f"Refunded in part at Stripe: {event.object.get('amount_refunded')} {payment.currency}.")
    return todo


def _refund(event: GatewayEvent, payment_id: int) -> Todo:
    payment, _ = lock_payment(db.session, payment_id)
    todo = Todo()
    refund = event.object
    ours = (refund.get("metadata") or {}).get("key") == refund_key(payment)
    if ours or refund.get("amount", 0) >= payment.amount:
        record_refund(db.session, payment, wire.refund_of(refund), todo)
    return todo


def _disputed(event: GatewayEvent, payment_id: int) -> Todo:
    payment, _ = lock_payment(db.session, payment_id)
    todo = Todo()
    if payment.dispute_id == event.object["id"]:
        return todo  # its end overtook it
    payment.dispute_id = event.object["id"]
    payment.disputed_at = event.created_at
    if payment.status is not PaymentStatus.REFUNDED:
        payment.status = PaymentStatus.DISPUTED
    reason = str(event.object.get("reason") or "unknown")
    add_note(payment, f"Disputed: {reason}.")
    todo.mail(alert_admin(db.session, f"Payment {payment.public_id} is disputed", f"Stripe's reason: {reason}."))
    return todo


def _dispute_closed(event: GatewayEvent, payment_id: int) -> Todo:
    payment, _ = lock_payment(db.session, payment_id)
    todo = Todo()
    outcome = str(event.object.get("status"))
    payment.dispute_id = event.object["id"]
    payment.disputed_at = payment.disputed_at or event.created_at
    add_note(payment, f"The dispute ended: {outcome}.")
    todo.mail(alert_admin(db.session, f"The dispute of payment {payment.public_id} ended", f"It was {outcome}."))
    if outcome == "lost" and payment.status is not PaymentStatus.REFUNDED:
        payment.status = PaymentStatus.DISPUTED
    elif payment.status is PaymentStatus.DISPUTED:
        payment.status = PaymentStatus.COMPLETED
        db.session.flush()
        # What was to be refunded while the money was away is due now.
        wanted = payment.refund_requested_at is not None
        if wanted and request_refund(db.session, payment, payment.refund_reason or "dispute"):
            todo.refunds.append(payment.id)
    return todo


# docs/deploy.md tells operators to subscribe to all of these.
HANDLERS: dict[str, Handler] = {
    "checkout.session.completed": _session,
    "checkout.session.async_payment_succeeded": _session,
    "checkout.session.async_payment_failed": _money_failed,
    "checkout.session.expired": _session,
    "payment_intent.payment_failed": _declined,
    "charge.refunded": _charge_refunded,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.refund.updated": _refund,  # the older name
    "charge.dispute.created": _disputed,
    "charge.dispute.closed": _dispute_closed,
}
