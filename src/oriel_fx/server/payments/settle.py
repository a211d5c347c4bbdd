"""What a checkout's outcome does to its payment and its job. Webhooks and questions to Stripe both end here."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import update

from oriel_fx.server.mail.messages import MailKind
from oriel_fx.server.mail.outbox import alert_admin
from oriel_fx.server.models import Payment, RenderJob
from oriel_fx.server.payments.gateway import CheckoutSession
from oriel_fx.server.payments.locks import AnySession, lock_payment
from oriel_fx.server.payments.mails import tell_buyer
from oriel_fx.server.payments.refunds import park, request_refund
from oriel_fx.server.payments.todo import Todo
from oriel_fx.server.renders.transitions import transition
from oriel_fx.server.services import current_services, current_settings
from oriel_fx.server.states import JobStatus, PaymentStatus

_log = structlog.get_logger("oriel_fx.payments")
# What a payment may be when its money comes: events overtake one another, so it may have been given up.
_UNPAID = (PaymentStatus.PENDING, PaymentStatus.FAILED, PaymentStatus.EXPIRED)


def apply_session(session: AnySession, payment_id: int, checkout: CheckoutSession) -> Todo:
    """Bring the payment and its job up to what the provider says; what was applied before has no effect.

    Does not commit. What it returns is to be done after the commit, by `follow_up`.
    """
    payment, job = lock_payment(session, payment_id)
    todo = Todo()
    if not _is_this_one(session, payment, checkout, todo):
        return todo
    if checkout.status == "complete" and checkout.payment_status != "unpaid":
        _paid(session, payment, job, checkout, todo)
    elif payment.status is not PaymentStatus.PENDING:
        pass
    elif checkout.status == "expired":
        payment.status = PaymentStatus.EXPIRED
        _changed(session, job)
    elif checkout.money_failed:
        _money_failed(session, payment, job, checkout.decline_code)
    elif checkout.status == "complete" and payment.submitted_at is None:
        payment.submitted_at = current_services().clock()
        payment.payment_intent = checkout.payment_intent
        _changed(session, job)
    elif checkout.status == "open" and checkout.decline_code and checkout.decline_code != payment.decline_code:
        _declined(session, payment, job, checkout.decline_code, current_services().clock())
    return todo


def apply_decline(session: AnySession, payment_id: int, code: str, at: datetime) -> None:
    """A try to pay was declined; the checkout stays open for another. Does not commit."""
    payment, job = lock_payment(session, payment_id)
    if payment.status is PaymentStatus.PENDING and (payment.declined_at is None or payment.declined_at <= at):
        _declined(session, payment, job, code, at)


def apply_money_failed(session: AnySession, payment_id: int, code: str) -> None:
    """The money that was on its way did not come; a new checkout can be opened. Does not commit."""
    payment, job = lock_payment(session, payment_id)
    if payment.status is PaymentStatus.PENDING:
        _money_failed(session, payment, job, code)


def _is_this_one(session: AnySession, payment: Payment, checkout: CheckoutSession, todo: Todo) -> bool:
    if payment.stripe_session_id == checkout.id:
        return True
    if payment.stripe_session_id is None and checkout.status == "complete":
        # We were killed between Stripe's reply and our commit, and still somebody paid.
        payment.stripe_session_id = checkout.id
        return True
    if checkout.payment_status == "paid":
        detail = f"Session {checkout.id} was paid, and payment {payment.public_id} has {payment.stripe_session_id}."
        _log.error("paid session of no payment", session=checkout.id, payment=payment.public_id)
        todo.mail(alert_admin(session, f"Session {checkout.id} belongs to no payment", detail))
    return False


def _paid(session: AnySession, payment: Payment, job: RenderJob | None, checkout: CheckoutSession, todo: Todo) -> None:
    if payment.status not in _UNPAID:
        return
    now = current_services().clock()
    payment.payment_intent = checkout.payment_intent
    payment.completed_at = now
    if (checkout.amount_cents, checkout.currency) != (payment.amount, payment.currency):
        got, wanted = f"{checkout.amount_cents} {checkout.currency}", f"{payment.amount} {payment.currency}"
        park(session, payment, f"Paid {got}, the price was {wanted} (smallest units).", todo)
        _changed(session, job)
        return
    payment.status = PaymentStatus.COMPLETED
    session.flush()
    if job is None:
        tell_buyer(session, payment, None, MailKind.PAID, todo)
        return
    waits = job.status is JobStatus.AWAITING_PAYMENT
    if waits and transition(job, JobStatus.QUEUED, payment_id=payment.id, paid_at=now, expires_at=None):
        todo.renders.append(job.id)
        todo.closings.append(job.id)
        tell_buyer(session, payment, job, MailKind.PAID, todo)
    elif request_refund(session, payment, "second_payment" if job.payment_id else "late_payment"):
        todo.refunds.append(payment.id)


def _declined(session: AnySession, payment: Payment, job: RenderJob | None, code: str, at: datetime) -> None:
    payment.declined_at = at
    payment.decline_code = code or None
    _changed(session, job)


def _money_failed(session: AnySession, payment: Payment, job: RenderJob | None, code: str) -> None:
    now = current_services().clock()
    payment.status = PaymentStatus.FAILED
    payment.declined_at = now
    payment.decline_code = code or payment.decline_code
    if job is not None and job.status is JobStatus.AWAITING_PAYMENT and job.expires_at is not None:
        # The upload's day may be over by now, and the buyer is to have another try.
        job.expires_at = max(job.expires_at, now + timedelta(seconds=current_settings().checkout_session_s))
    _changed(session, job)


def _changed(session: AnySession, job: RenderJob | None) -> None:
    """Let the job's event streams see it."""
    if job is None:
        return
    session.flush()
    seen = update(RenderJob).where(RenderJob.id == job.id).values(version=RenderJob.version + 1)
    session.execute(seen, execution_options={"synchronize_session": False})
    session.refresh(job)
