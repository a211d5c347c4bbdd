"""Paying for a new job with a payment that was made and not used."""

from __future__ import annotations

from sqlalchemy import select

from oriel_fx.server.errors import PaymentNotFoundError, PaymentRequiredError, PaymentUsedError
from oriel_fx.server.models import Payment, RenderJob, User
from oriel_fx.server.payments.locks import AnySession, lock_row
from oriel_fx.server.states import PaymentStatus


def use_payment(session: AnySession, user: User, payment_id: str, price_cents: int, currency: str) -> Payment:
    """The payment of that public id, locked until the commit, if it covers a job of this price. Does not commit.

    The caller writes its `id` into the job's `payment_id`, whose unique constraint has the last word. Raises
    PaymentNotFoundError for none of this user's, PaymentUsedError, and PaymentRequiredError for one that is not
    completed, was refunded, or is too small or of another currency.
    """
    asked = select(Payment.id).where(Payment.public_id == payment_id, Payment.user_id == user.id)
    row_id = session.execute(asked).scalar_one_or_none()
    if row_id is None:
        raise PaymentNotFoundError
    payment = lock_row(session, Payment, row_id)
    used = session.execute(select(RenderJob.id).where(RenderJob.payment_id == row_id)).first()
    if used:
        raise PaymentUsedError
    details = {"payment_id": payment_id, "price_cents": price_cents, "currency": currency}
    if payment.status is not PaymentStatus.COMPLETED:
        raise PaymentRequiredError("This payment is not completed.", status=payment.status.value, **details)
    if payment.currency != currency or payment.amount < price_cents:
        raise PaymentRequiredError("This payment does not cover the price of the job.", **details)
    return payment
