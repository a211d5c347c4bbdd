"""Opening a checkout: the row is committed first, so that a crash or an outage leaves something to go on with."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select

from oriel_fx.server.db import db
from oriel_fx.server.errors import (
    ConflictError,
    DuplicateSessionError,
    InvalidPaymentParametersError,
    JobNotFoundError,
    JobNotPayableError,
)
from oriel_fx.server.models import Payment, RenderJob, User
from oriel_fx.server.models.columns import new_id
from oriel_fx.server.payments.gateway import CheckoutSession, IdempotencyKeyReusedError, PaymentRefusedError
from oriel_fx.server.payments.locks import lock_payment, lock_row
from oriel_fx.server.payments.sync import ask_stripe
from oriel_fx.server.services import current_services, current_settings
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus, PaymentStatus

# Stripe wants 30 minutes at least, counted at its own clock when the call arrives.
_SHORTEST = timedelta(minutes=30, seconds=30)


def open_checkout(user: User, job_public_id: str) -> Payment:
    """A checkout for a job that waits for its payment; the payment has its session's id and address. Commits.

    Raises JobNotFoundError for no job of this user's, DuplicateSessionError while another is open,
    JobNotPayableError, InvalidPaymentParametersError, and PaymentsUnavailableError: then the next call goes on with
    the same row.
    """
    user_id, email = user.id, user.email
    asked = select(RenderJob.id).where(RenderJob.public_id == job_public_id, RenderJob.user_id == user_id)
    job_id = db.session.execute(asked).scalar_one_or_none()
    if job_id is None:
        raise JobNotFoundError
    payment_id = _committed_row(job_id, user_id)
    try:
        checkout = _create(payment_id, email)
    except IdempotencyKeyReusedError:
        # The address, or ours, has changed since the try that used the key; nobody was given what it made.
        _renew(payment_id)
        checkout = _create(payment_id, email)
    except PaymentRefusedError as error:
        raise InvalidPaymentParametersError(
            "The payment provider does not take this payment.", provider_code=error.provider_code
        ) from error
    return _keep(payment_id, checkout)


def _committed_row(job_id: int, user_id: int) -> int:
    """The id of the pending payment to go on with, new or left by a try that did not come through."""
    late = _pending_to_ask_about(job_id)
    if late is not None:
        # Its time is over and no webhook said how it ended: it may have been paid in the last minute.
        ask_stripe(late)
    now = current_services().clock()
    settings = current_settings()
    job = lock_row(db.session, RenderJob, job_id)
    _check_payable(job)
    payment = _pending(job_id)
    if payment is None:
        payment = Payment(user_id=user_id, job_id=job_id, amount=job.price_cents, currency=job.currency)
        payment.expires_at = _end(now, settings)
        db.session.add(payment)
    elif payment.stripe_session_id is not None:
        raise _duplicate(payment)
    elif _stale(payment, job, now):
        _fill(payment, job, now, settings)
    db.session.flush()
    payment_id = payment.id
    db.session.commit()
    return payment_id


def _pending(job_id: int) -> Payment | None:
    waiting = select(Payment).where(Payment.job_id == job_id, Payment.status == PaymentStatus.PENDING)
    return db.session.execute(waiting.execution_options(populate_existing=True)).scalar_one_or_none()


def _pending_to_ask_about(job_id: int) -> int | None:
    payment = _pending(job_id)
    over = (
        payment is not None
        and payment.stripe_session_id is not None
        and payment.submitted_at is None
        and payment.expires_at is not None
        and payment.expires_at <= current_services().clock()
    )
    payment_id = payment.id if payment is not None and over else None
    db.session.commit()
    return payment_id


def _check_payable(job: RenderJob) -> None:
    if job.status is not JobStatus.AWAITING_PAYMENT:
        raise JobNotPayableError(status=job.status.value)
    parked = select(Payment.id).where(Payment.job_id == job.id, Payment.status == PaymentStatus.PARKED)
    if db.session.execute(parked).first():
        raise JobNotPayableError("A payment for this job is being looked at by our staff.", status=job.status.value)
    over = job.expires_at is not None and job.expires_at <= current_services().clock()
    if over and _pending(job.id) is None:
        raise JobNotPayableError(
            "The time to pay for this job is over; upload the song again.", status=job.status.value
        )


def _stale(payment: Payment, job: RenderJob, now: datetime) -> bool:
    soon = payment.expires_at is None or payment.expires_at < now + _SHORTEST
    return soon or (payment.amount, payment.currency) != (job.price_cents, job.currency)


def _fill(payment: Payment, job: RenderJob, now: datetime, settings: Settings) -> None:
    """Make an old row new: what its key may have opened was never shown to anybody."""
    payment.idempotency_key = new_id()
    payment.amount, payment.currency = job.price_cents, job.currency
    payment.expires_at = _end(now, settings)


def _renew(payment_id: int) -> None:
    payment, job = lock_payment(db.session, payment_id)
    if payment.stripe_session_id is None and job is not None:
        _fill(payment, job, current_services().clock(), current_settings())
    db.session.commit()


def _end(now: datetime, settings: Settings) -> datetime:
    length = max(timedelta(seconds=settings.checkout_session_s), _SHORTEST + timedelta(seconds=60))
    return (now + min(length, timedelta(hours=23, minutes=59))).replace(microsecond=0)


def _create(payment_id: int, email: str) -> CheckoutSession:
    payment = db.session.get_one(Payment, payment_id, populate_existing=True)
    job = db.session.get_one(RenderJob, payment.job_id)
    assert payment.expires_at is not None
    home = f"{current_settings().public}/?job={job.public_id}"
    create = partial(
        current_services().payments.create_session,
        idempotency_key=payment.idempotency_key,
        amount_cents=payment.amount,
        currency=payment.currency,
        reference=payment.public_id,
        description=_description(job),
        expires_at=payment.expires_at,
    )
    db.session.commit()  # no transaction stays open while Stripe works
    return create(
        customer_email=email,
        success_url=f"{home}&checkout=paid&session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=f"{home}&checkout=canceled",
    )


def _description(job: RenderJob) -> str:
    title = (job.title or job.audio_filename)[:120]
    return f"Video for “{title}”, {job.width_px}×{job.height_px}"


def _keep(payment_id: int, checkout: CheckoutSession) -> Payment:
    """Write the session down, unless the job was canceled, or another request was first, while Stripe worked."""
    payment, job = lock_payment(db.session, payment_id)
    if payment.stripe_session_id is not None:
        raise _duplicate(payment)
    if job is None or job.status is not JobStatus.AWAITING_PAYMENT or payment.status is not PaymentStatus.PENDING:
        payment.status = PaymentStatus.EXPIRED
        db.session.commit()
        raise JobNotPayableError(status=job.status.value if job else "")
    if checkout.status != "open":
        # The key's session was expired by hand; the next call opens another.
        payment.status = PaymentStatus.EXPIRED
        db.session.commit()
        raise ConflictError
    payment.stripe_session_id = checkout.id
    payment.url = checkout.url
    payment.expires_at = checkout.expires_at
    db.session.commit()
    return payment


def _duplicate(payment: Payment) -> DuplicateSessionError:
    """The error with the open session; ends the transaction."""
    error = DuplicateSessionError(
        "The payment for this job is on its way." if payment.submitted_at else "",
        session_id=payment.stripe_session_id,
        payment_id=payment.public_id,
        url=None if payment.submitted_at else payment.url,
        expires_at=payment.expires_at.isoformat() if payment.expires_at else None,
    )
    db.session.rollback()
    return error
