"""Between the database and Stripe: what follows a commit, and asking Stripe where a webhook did not come."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select, update

from oriel_fx.server.db import db
from oriel_fx.server.errors import PaymentsUnavailableError
from oriel_fx.server.mail.outbox import announce
from oriel_fx.server.models import Payment, RenderJob
from oriel_fx.server.payments.gateway import PaymentRefusedError
from oriel_fx.server.payments.locks import lock_payment
from oriel_fx.server.payments.refunds import carry_out_refund
from oriel_fx.server.payments.settle import apply_session
from oriel_fx.server.payments.todo import Todo
from oriel_fx.server.renders.enqueue import enqueue_render
from oriel_fx.server.services import current_services
from oriel_fx.server.states import PaymentStatus

ASK_EVERY_S = 3  # of one payment, however often its buyer's page asks us
_GRACE_S = 120  # after a session's end, for its last webhook
_ASK_SUBMITTED_EVERY_S = 3600
_log = structlog.get_logger("oriel_fx.payments")


def follow_up(todo: Todo) -> None:
    """Do what a committed change left to do. What cannot be done now the reconciler finds in the rows."""
    for message_id in todo.mails:
        announce(message_id)
    for job_id in todo.renders:
        enqueue_render(db.session.get_one(RenderJob, job_id))
    try:
        for payment_id in todo.refunds:
            carry_out_refund(payment_id)
        for job_id in todo.closings:
            close_checkout(job_id)
    except PaymentsUnavailableError:
        _log.warning("left to the reconciler: stripe is away", refunds=todo.refunds, closings=todo.closings)


def ask_stripe(payment_id: int) -> None:
    """Apply what Stripe says about a payment's session now. Commits the session. Raises PaymentsUnavailableError."""
    payment = db.session.get_one(Payment, payment_id, populate_existing=True)
    session_id = payment.stripe_session_id
    db.session.commit()
    if session_id is None:
        return
    checkout = current_services().payments.retrieve_session(session_id)
    if checkout is None:
        _give_up(payment_id)
        return
    todo = apply_session(db.session, payment_id, checkout)
    db.session.commit()
    follow_up(todo)


def ask_if_late(payment: Payment) -> None:
    """Ask Stripe about a pending payment, not more often than every ASK_EVERY_S; says nothing when Stripe is away."""
    now = current_services().clock()
    before = now - timedelta(seconds=ASK_EVERY_S)
    due = or_(Payment.checked_at.is_(None), Payment.checked_at <= before)
    mine = (
        update(Payment)
        .where(Payment.id == payment.id, Payment.status == PaymentStatus.PENDING, due)
        .values(checked_at=now, updated_at=Payment.updated_at)
        .returning(Payment.id)
    )
    asked = db.session.execute(mine, execution_options={"synchronize_session": False}).first()
    db.session.commit()
    if asked is None:
        return
    try:
        ask_stripe(payment.id)
    except (PaymentsUnavailableError, PaymentRefusedError):
        _log.warning("stripe not asked: it is away", payment=payment.id)


def close_checkout(job_id: int) -> None:
    """Close the open checkout of a job that was canceled, or paid otherwise. Commits the session.

    One that was paid a moment before is refunded. Raises PaymentsUnavailableError: then the session stays open, and
    a payment through it is refunded when it comes.
    """
    waiting = select(Payment.id, Payment.stripe_session_id).where(
        Payment.job_id == job_id, Payment.status == PaymentStatus.PENDING
    )
    row = db.session.execute(waiting).first()
    db.session.commit()
    if row is None:
        return
    payment_id, session_id = row
    if session_id is None:
        _give_up(payment_id)
        return
    todo = apply_session(db.session, payment_id, current_services().payments.expire_session(session_id))
    db.session.commit()
    follow_up(todo)


def reconcile_payments(now: datetime, limit: int = 100) -> int:
    """Ask Stripe about payments whose webhook never came; how many. Stops when Stripe is away."""
    over = Payment.expires_at <= now - timedelta(seconds=_GRACE_S)
    asked_long_ago = or_(
        Payment.checked_at.is_(None), Payment.checked_at <= now - timedelta(seconds=_ASK_SUBMITTED_EVERY_S)
    )
    due = (
        select(Payment.id, Payment.stripe_session_id)
        .where(Payment.status == PaymentStatus.PENDING, over, or_(Payment.submitted_at.is_(None), asked_long_ago))
        .order_by(Payment.expires_at)
        .limit(limit)
    )
    rows = db.session.execute(due).all()
    db.session.commit()
    n_asked = 0
    for payment_id, session_id in rows:
        try:
            if session_id is None:
                _give_up(payment_id)
            else:
                _stamp(payment_id, now)
                ask_stripe(payment_id)
        except PaymentsUnavailableError:
            break
        n_asked += 1
    return n_asked


def _stamp(payment_id: int, now: datetime) -> None:
    asked = update(Payment).where(Payment.id == payment_id).values(checked_at=now, updated_at=Payment.updated_at)
    db.session.execute(asked, execution_options={"synchronize_session": False})
    db.session.commit()


def _give_up(payment_id: int) -> None:
    """A checkout nobody can pay through: Stripe does not know it, or its address was never given out."""
    payment, _ = lock_payment(db.session, payment_id)
    if payment.status is PaymentStatus.PENDING:
        payment.status = PaymentStatus.EXPIRED
    db.session.commit()
