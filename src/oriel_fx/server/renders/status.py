"""Where a job is, in one query: the job, its payment, and how many are ahead of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import aliased

from oriel_fx.server.errors import JobNotFoundError
from oriel_fx.server.models import Payment, RenderJob
from oriel_fx.server.payments.locks import AnySession
from oriel_fx.server.payments.queries import describe
from oriel_fx.server.renders.schemas import JobError, JobLinks, JobState, PaymentState
from oriel_fx.server.states import JobStatus

FINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.EXPIRED})
CANCELABLE = frozenset({JobStatus.AWAITING_PAYMENT, JobStatus.QUEUED, JobStatus.PROCESSING})
_FAILED = JobError(code="RENDER_FAILED", message="The video could not be made.")


def own_job(session: AnySession, user_id: int, public_id: str) -> RenderJob:
    """The user's job. Raises JobNotFoundError, for others' jobs too."""
    mine = select(RenderJob).where(RenderJob.public_id == public_id, RenderJob.user_id == user_id)
    job = session.execute(mine).scalar_one_or_none()
    if job is None:
        raise JobNotFoundError
    return job


def job_state(session: AnySession, user_id: int, public_id: str, now: datetime) -> JobState:
    """Where the user's job is. One query. Raises JobNotFoundError."""
    row = session.execute(_state_query().where(RenderJob.public_id == public_id, RenderJob.user_id == user_id)).first()
    if row is None:
        raise JobNotFoundError
    job, payment, ahead = row
    return _as_state(job, payment, ahead, now)


def _state_query() -> Select[RenderJob, Payment | None, int | None]:
    other = aliased(RenderJob)
    ahead = (
        select(func.count())
        .where(
            other.status == JobStatus.QUEUED,
            func.coalesce(other.paid_at, other.created_at) < func.coalesce(RenderJob.paid_at, RenderJob.created_at),
        )
        .correlate(RenderJob)
        .scalar_subquery()
    )
    last_tried = (
        select(func.max(Payment.id)).where(Payment.job_id == RenderJob.id).correlate(RenderJob).scalar_subquery()
    )
    return select(RenderJob, Payment, case((RenderJob.status == JobStatus.QUEUED, ahead), else_=None)).outerjoin(
        Payment, Payment.id == func.coalesce(RenderJob.payment_id, last_tried)
    )


def _as_state(job: RenderJob, payment: Payment | None, ahead: int | None, now: datetime) -> JobState:
    failed = job.status is JobStatus.FAILED
    return JobState(
        job_id=job.public_id,
        status=job.status,
        stage=job.stage if job.status is JobStatus.PROCESSING else "",
        progress=1.0 if job.status is JobStatus.COMPLETED else min(1.0, max(0.0, job.progress)),
        eta_s=job.eta_s if job.status is JobStatus.PROCESSING else None,
        queue_position=ahead,
        title=job.title or "",
        duration_s=job.duration_s,
        price_cents=job.price_cents,
        currency=job.currency,
        payment=None if payment is None else _payment(payment, job.status, now),
        error=_error(job) if failed else None,
        cancel_requested=job.cancel_requested,
        created_at=job.created_at,
        completed_at=job.completed_at,
        expires_at=job.expires_at,
        links=_links(job),
    )


def _payment(payment: Payment, job_status: JobStatus, now: datetime) -> PaymentState:
    found = describe(payment, job_status, now)
    return PaymentState(
        payment_id=found.payment_id,
        status=payment.status,
        declined=found.declined,
        decline_code=found.decline_code,
        can_retry=found.can_retry,
        url=found.url,
    )


def _error(job: RenderJob) -> JobError:
    return JobError(code=job.error_code or _FAILED.code, message=job.error_message or _FAILED.message)


def _links(job: RenderJob) -> JobLinks:
    def link(kind: str) -> str:
        return f"/api/render/{kind}/{job.public_id}"

    there = job.files_deleted_at is None and job.status not in (JobStatus.EXPIRED, JobStatus.CANCELED)
    return JobLinks(
        self=link("status"),
        events=link("events"),
        frame=link("frame") if there else None,
        cancel=link("cancel") if job.status in CANCELABLE else None,
        pay="/api/payments/create-session" if job.status is JobStatus.AWAITING_PAYMENT else None,
        download=link("download") if job.status is JobStatus.COMPLETED and there else None,
    )
