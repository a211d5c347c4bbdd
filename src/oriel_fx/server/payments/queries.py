"""What other domains ask about payments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select

from oriel_fx.server.models import Payment, RenderJob
from oriel_fx.server.payments.locks import AnySession
from oriel_fx.server.states import JobStatus, PaymentStatus


@dataclass(frozen=True)
class Checkout:
    """Where paying for a job stands. `can_retry`: the buyer can pay now, at `url` or after another create-session."""

    session_id: str | None
    payment_id: str
    status: str
    declined: bool
    decline_code: str | None
    can_retry: bool
    url: str | None
    expires_at: datetime | None


def money_under_way() -> ColumnElement[bool]:
    """SQL, true of render jobs that somebody may be paying for: their uploads are kept, whatever `expires_at` says."""
    waiting = Payment.status.in_([PaymentStatus.PENDING, PaymentStatus.PARKED])
    return select(Payment.id).where(Payment.job_id == RenderJob.id, waiting).exists()


def latest_payment(session: AnySession, job_id: int) -> Payment | None:
    """The last payment opened for a job."""
    asked = select(Payment).where(Payment.job_id == job_id).order_by(Payment.id.desc()).limit(1)
    return session.execute(asked).scalar_one_or_none()


def checkout_of(session: AnySession, job: RenderJob, now: datetime) -> Checkout | None:
    """Where paying for the job stands, for its status and its event stream; None where nobody has begun to pay."""
    payment = latest_payment(session, job.id)
    return None if payment is None else describe(payment, job.status, now)


def describe(payment: Payment, job_status: JobStatus | None, now: datetime) -> Checkout:
    """A payment as its buyer may see it."""
    waiting = payment.status is PaymentStatus.PENDING and payment.submitted_at is None
    is_open = waiting and payment.expires_at is not None and payment.expires_at > now
    unpaid = payment.status in (PaymentStatus.PENDING, PaymentStatus.FAILED, PaymentStatus.EXPIRED)
    closed = payment.status in (PaymentStatus.FAILED, PaymentStatus.EXPIRED) or (waiting and not is_open)
    return Checkout(
        session_id=payment.stripe_session_id,
        payment_id=payment.public_id,
        status=payment.status.value,
        declined=unpaid and payment.declined_at is not None,
        decline_code=payment.decline_code if unpaid else None,
        can_retry=job_status is JobStatus.AWAITING_PAYMENT and (is_open or closed),
        url=payment.url if is_open else None,
        expires_at=payment.expires_at if is_open else None,
    )
