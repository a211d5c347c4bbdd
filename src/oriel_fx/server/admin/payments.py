"""Payments, as operators see and refund them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import or_, select

from oriel_fx.server.admin.common import (
    FIRST_PAGE,
    Listing,
    NotThereError,
    Paging,
    RefusedError,
    audit,
    containing,
    listing,
)
from oriel_fx.server.db import db
from oriel_fx.server.errors import PaymentsUnavailableError
from oriel_fx.server.models import Payment, RenderJob, User
from oriel_fx.server.states import PaymentStatus

_log = structlog.get_logger("oriel_fx.admin")
REFUNDABLE = (PaymentStatus.COMPLETED, PaymentStatus.PARKED)


@dataclass(frozen=True)
class PaymentRow:
    """A payment in a list; `amount_cents` in `currency`."""

    id: str
    status: str
    amount_cents: int
    currency: str
    email: str
    job_id: str | None
    created_at: datetime
    completed_at: datetime | None
    refunded_at: datetime | None


@dataclass(frozen=True)
class PaymentDetails:
    """A payment with what Stripe calls its parts, and why it is where it is."""

    payment: PaymentRow
    stripe_session_id: str | None
    payment_intent: str | None
    expires_at: datetime | None
    submitted_at: datetime | None
    declined_at: datetime | None
    decline_code: str | None
    refund_id: str | None
    refund_reason: str | None
    refund_requested_at: datetime | None
    dispute_id: str | None
    disputed_at: datetime | None
    note: str | None


def list_payments(
    *, status: PaymentStatus | None = None, email: str = "", paging: Paging = FIRST_PAGE
) -> Listing[PaymentRow]:
    """Payments, newest first."""
    query = _rows()
    if status is not None:
        query = query.where(Payment.status == status)
    if email:
        query = query.where(User.email.like(containing(email.casefold()), escape="\\"))
    return listing(query.order_by(Payment.created_at.desc(), Payment.id.desc()), paging, _row)


def show_payment(payment_id: str) -> PaymentDetails:
    """One payment, by its id or any of Stripe's. Raises NotThereError."""
    payment = find_payment(payment_id)
    row = db.session.execute(_rows().where(Payment.id == payment.id)).one()
    return PaymentDetails(
        payment=_row(*row),
        stripe_session_id=payment.stripe_session_id,
        payment_intent=payment.payment_intent,
        expires_at=payment.expires_at,
        submitted_at=payment.submitted_at,
        declined_at=payment.declined_at,
        decline_code=payment.decline_code,
        refund_id=payment.refund_id,
        refund_reason=payment.refund_reason,
        refund_requested_at=payment.refund_requested_at,
        dispute_id=payment.dispute_id,
        disputed_at=payment.disputed_at,
        note=payment.note,
    )


def refund_payment(actor: str, payment_id: str) -> PaymentDetails:
    """Give all the money back. Commits the wish, then asks the provider; where that is away it follows by itself.

    Raises NotThereError, RefusedError.
    """
    payment = find_payment(payment_id)
    ask_refund(payment, f"operator:{actor}"[:64])
    audit(actor, "payments.refund", ("payment", payment.public_id), amount_cents=payment.amount)
    number = payment.id
    db.session.commit()
    carry_out(number)
    return show_payment(payment_id)


def ask_refund(payment: Payment, reason: str) -> None:
    """Mark a payment as to be refunded; does not commit. Raises RefusedError where there is nothing to give back."""
    from oriel_fx.server.payments.refunds import request_refund

    if not (payment.status in REFUNDABLE and request_refund(db.session, payment, reason)):
        raise RefusedError(
            f"A payment that is {payment.status.value} cannot be refunded.",
            "Only completed and parked payments hold money that can be given back.",
        )


def carry_out(payment_number: int) -> None:
    """Ask the provider now, after the commit. What fails is tried again by the reconciler."""
    from oriel_fx.server.payments.refunds import carry_out_refund

    try:
        carry_out_refund(payment_number)
    except PaymentsUnavailableError:
        _log.warning("refund waits: the provider is away", payment=payment_number)


def find_payment(payment_id: str) -> Payment:
    """The payment with this id, or this Stripe session, intent or refund. Raises NotThereError."""
    names = (Payment.public_id, Payment.stripe_session_id, Payment.payment_intent, Payment.refund_id)
    found = db.session.scalars(select(Payment).where(or_(*(name == payment_id for name in names))).limit(1)).first()
    if found is None:
        raise NotThereError(f"There is no payment {payment_id!r}.", "List them with `oriel admin payments list`.")
    return found


def _rows() -> Any:
    return (
        select(Payment, User.email, RenderJob.public_id)
        .join(User, User.id == Payment.user_id)
        .outerjoin(RenderJob, RenderJob.id == Payment.job_id)
    )


def _row(payment: Payment, email: str, job_id: str | None) -> PaymentRow:
    return PaymentRow(
        id=payment.public_id,
        status=payment.status.value,
        amount_cents=payment.amount,
        currency=payment.currency,
        email=email,
        job_id=job_id,
        created_at=payment.created_at,
        completed_at=payment.completed_at,
        refunded_at=payment.refunded_at,
    )
