"""Giving money back, once. The wish is a row committed with its cause; carrying it out can be repeated at will."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import or_, select, update

from oriel_fx.server.db import db
from oriel_fx.server.errors import PaymentsUnavailableError
from oriel_fx.server.mail.messages import MailKind
from oriel_fx.server.mail.outbox import alert_admin, announce
from oriel_fx.server.models import Payment, RenderJob
from oriel_fx.server.payments.gateway import PaymentRefusedError, Refund
from oriel_fx.server.payments.locks import AnySession, lock_payment, lock_row
from oriel_fx.server.payments.mails import tell_buyer
from oriel_fx.server.payments.todo import Todo
from oriel_fx.server.renders.transitions import transition
from oriel_fx.server.services import current_services
from oriel_fx.server.states import JobStatus, PaymentStatus

_log = structlog.get_logger("oriel_fx.payments")


@dataclass(frozen=True)
class DueRefund:
    """A refund to carry out. `job_id`: of the job that came to nothing, where it is not requested yet."""

    payment_id: int
    job_id: int | None


def request_refund(session: AnySession, payment: Payment, reason: str) -> bool:
    """Mark a completed or parked payment for a refund, in the caller's transaction; whether it is to be carried out.

    `reason` is a word for operators: canceled, failed, late_payment, second_payment …. After the commit call
    `carry_out_refund(payment.id)`; the reconciler does where nobody does. A disputed payment is refunded once the
    dispute is won. False also for one that was refunded, or never paid.
    """
    payment = lock_row(session, Payment, payment.id)
    if payment.status not in (PaymentStatus.COMPLETED, PaymentStatus.PARKED, PaymentStatus.DISPUTED):
        return False
    payment.refund_reason = reason
    payment.refund_requested_at = current_services().clock()
    if payment.status is PaymentStatus.DISPUTED:
        return False
    payment.status = PaymentStatus.REFUND_PENDING
    session.flush()
    return True


def carry_out_refund(payment_id: int) -> bool:
    """Have the money sent back, if that is due; whether it is on its way now. Commits the session.

    Safe to repeat, also after a crash at any point: the key is the payment's, and what Stripe did before is found.
    Raises PaymentsUnavailableError.
    """
    payment = db.session.get_one(Payment, payment_id, populate_existing=True)
    key, intent, status = refund_key(payment), payment.payment_intent, payment.status
    db.session.commit()  # no transaction stays open while Stripe works
    if status is not PaymentStatus.REFUND_PENDING:
        return False
    todo = Todo()
    try:
        if intent is None:
            raise PaymentRefusedError("The payment has no payment intent.")
        refund = current_services().payments.refund(idempotency_key=key, payment_intent=intent)
    except PaymentRefusedError as error:
        _log.error("refund refused", payment=payment_id, provider_code=error.provider_code)
        _park(payment_id, f"The refund cannot be made: {error.message}", todo)
        done = False
    else:
        payment, _ = lock_payment(db.session, payment_id)
        record_refund(db.session, payment, refund, todo)
        done = payment.status in (PaymentStatus.REFUNDED, PaymentStatus.REFUND_PENDING)
    db.session.commit()
    for message_id in todo.mails:
        announce(message_id)
    return done


def record_refund(session: AnySession, payment: Payment, refund: Refund, todo: Todo) -> None:
    """Write down what became of a full refund, on a locked payment; does not commit."""
    if payment.refund_id is None:
        payment.refund_id = refund.id
    if refund.status == "succeeded":
        mark_refunded(session, payment, todo)
    elif refund.status in ("failed", "canceled") and payment.refund_id == refund.id:
        # The money is with us again, and another try by itself would fail again.
        payment.refund_id = None
        payment.refunded_at = None
        park(session, payment, f"The refund {refund.id} {refund.status}.", todo)


def mark_refunded(session: AnySession, payment: Payment, todo: Todo) -> None:
    """The buyer has the whole sum back: tell them, and stop the job it paid for. On a locked payment; no commit."""
    if payment.status is PaymentStatus.REFUNDED:
        return
    payment.status = PaymentStatus.REFUNDED
    payment.refunded_at = current_services().clock()
    session.flush()
    job = session.execute(select(RenderJob).where(RenderJob.payment_id == payment.id)).scalar_one_or_none()
    if job is not None:
        _stop(session, job)
    tell_buyer(session, payment, job, MailKind.REFUNDED, todo)


def park(session: AnySession, payment: Payment, note: str, todo: Todo) -> None:
    """Leave a payment to an operator, and tell them. On a locked payment; does not commit."""
    payment.status = PaymentStatus.PARKED
    add_note(payment, note)
    _log.error("payment parked", payment=payment.public_id, note=note)
    todo.mail(alert_admin(session, f"Payment {payment.public_id} is parked", note))


def add_note(payment: Payment, note: str) -> None:
    """One more line for operators."""
    payment.note = f"{payment.note}\n{note}" if payment.note else note


def refund_key(payment: Payment) -> str:
    """The idempotency key of a payment's refund; Stripe keeps it in the refund's metadata."""
    return f"refund-{payment.public_id}"


def due_refunds(now: datetime, limit: int = 100) -> list[DueRefund]:
    """What is to be refunded: requested and not done; of jobs that failed and had no successful retry in time; and of
    canceled ones, whose canceling should have requested it.
    """
    requested = (
        select(Payment.id)
        .where(Payment.status == PaymentStatus.REFUND_PENDING)
        .order_by(Payment.updated_at)
        .limit(limit)
    )
    given_up = (RenderJob.status == JobStatus.FAILED) & (RenderJob.refund_due_at <= now)
    unrendered = or_(given_up, RenderJob.status == JobStatus.CANCELED)
    unrequested = (
        select(Payment.id, RenderJob.id)
        .join(RenderJob, RenderJob.payment_id == Payment.id)
        .where(Payment.status == PaymentStatus.COMPLETED, unrendered)
        .order_by(RenderJob.id)
        .limit(limit)
    )
    found = [DueRefund(payment_id, None) for payment_id in db.session.scalars(requested)]
    found += [DueRefund(payment_id, job_id) for payment_id, job_id in db.session.execute(unrequested)]
    db.session.commit()
    return found


def refund_what_is_due(now: datetime, limit: int = 100) -> int:
    """Carry out the due refunds; how many are on their way. Stops at the first sign that Stripe is away."""
    n_done = 0
    for due in due_refunds(now, limit):
        try:
            if due.job_id is None or _request_for_unrendered(due.payment_id, due.job_id, now):
                n_done += carry_out_refund(due.payment_id)
        except PaymentsUnavailableError:
            break
    return n_done


def _request_for_unrendered(payment_id: int, job_id: int, now: datetime) -> bool:
    # Under the job's lock: a retry by an operator a moment ago keeps the money here.
    job = lock_row(db.session, RenderJob, job_id)
    payment = lock_row(db.session, Payment, payment_id)
    given_up = job.status is JobStatus.FAILED and job.refund_due_at is not None and job.refund_due_at <= now
    due = given_up or job.status is JobStatus.CANCELED
    requested = due and request_refund(db.session, payment, job.status.value)
    db.session.commit()
    return requested


def _park(payment_id: int, note: str, todo: Todo) -> None:
    payment, _ = lock_payment(db.session, payment_id)
    if payment.status is PaymentStatus.REFUND_PENDING:
        park(db.session, payment, note, todo)


def _stop(session: AnySession, job: RenderJob) -> None:
    if job.status is JobStatus.QUEUED and transition(job, JobStatus.CANCELED):
        return
    if job.status is JobStatus.PROCESSING:
        stopping = (
            update(RenderJob).where(RenderJob.id == job.id).values(cancel_requested=True, version=RenderJob.version + 1)
        )
        session.execute(stopping, execution_options={"synchronize_session": False})
