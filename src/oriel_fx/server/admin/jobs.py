"""Render jobs, as operators see them, give them another try, or cancel them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import inspect, or_, select

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
from oriel_fx.server.models import AuditLog, Chunk, DeadLetter, JobAsset, Payment, RenderJob, User
from oriel_fx.server.payments.locks import lock_row
from oriel_fx.server.renders.transitions import transition
from oriel_fx.server.states import ChunkStatus, DeadLetterStatus, JobStatus, PaymentStatus

_MIN_PREFIX = 6
_LINK_S = 15 * 60
# What a job starts again with.
_AFRESH: dict[str, Any] = {
    "attempts": 0,
    "crashes": 0,
    "next_attempt_at": None,
    "enqueued_at": None,
    "refund_due_at": None,
    "failed_at": None,
    "error_code": None,
    "error_message": None,
    "cancel_requested": False,
    "stage": "",
    "progress": 0.0,
}


@dataclass(frozen=True)
class JobRow:
    """A job in a list; `progress` is 0 to 1, the price in cents of `currency`."""

    id: str
    status: str
    email: str
    title: str
    duration_s: float
    progress: float
    attempts: int
    price_cents: int
    currency: str
    created_at: datetime
    error_code: str | None


@dataclass(frozen=True)
class JobDetails:
    """All that is known of a job; `video_link` opens the video for a quarter of an hour.

    `dead_letter` is the number of its open one.
    `groups` are those its chunks are drawn in while several workers share it, 0 where one renders it whole;
    `groups_done` are drawn, `drawn_by` names the processes that draw others now.
    """

    job: JobRow
    payment_id: str | None
    payment_status: str | None
    dead_letter: int | None
    audio_filename: str
    size: str
    fps: str
    n_frames: int
    render_config: dict[str, Any]
    stage: str
    groups: int
    groups_done: int
    drawn_by: str
    crashes: int
    cancel_requested: bool
    lease_owner: str | None
    lease_expires_at: datetime | None
    paid_at: datetime | None
    enqueued_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    next_attempt_at: datetime | None
    refund_due_at: datetime | None
    expires_at: datetime | None
    files_deleted_at: datetime | None
    error_message: str | None
    error_detail: str | None
    upload_bytes: int
    video_bytes: int | None
    video_link: str | None


def list_jobs(*, status: JobStatus | None = None, email: str = "", paging: Paging = FIRST_PAGE) -> Listing[JobRow]:
    """Jobs, newest first."""
    query = _rows()
    if status is not None:
        query = query.where(RenderJob.status == status)
    if email:
        query = query.where(User.email.like(containing(email.casefold()), escape="\\"))
    return listing(query.order_by(RenderJob.created_at.desc(), RenderJob.id.desc()), paging, _row)


def show_job(job_id: str) -> JobDetails:
    """One job. Raises NotThereError."""
    job = find_job(job_id)
    email = db.session.scalar(select(User.email).where(User.id == job.user_id)) or ""
    payment = db.session.get(Payment, job.payment_id) if job.payment_id else _newest_payment(job)
    n_bytes = sum(db.session.scalars(select(JobAsset.n_bytes).where(JobAsset.job_id == job.id)))
    return JobDetails(
        job=_row(job, email),
        payment_id=payment.public_id if payment else None,
        payment_status=payment.status.value if payment else None,
        dead_letter=_open_letter(job),
        audio_filename=job.audio_filename,
        size=f"{job.width_px}×{job.height_px}",
        fps=job.fps,
        n_frames=job.n_frames,
        render_config=dict(job.render_config),
        stage=job.stage,
        **_groups_of(job),
        crashes=job.crashes,
        cancel_requested=job.cancel_requested,
        lease_owner=job.lease_owner,
        lease_expires_at=job.lease_expires_at,
        paid_at=job.paid_at,
        enqueued_at=job.enqueued_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
        failed_at=job.failed_at,
        next_attempt_at=job.next_attempt_at,
        refund_due_at=job.refund_due_at,
        expires_at=job.expires_at,
        files_deleted_at=job.files_deleted_at,
        error_message=job.error_message,
        error_detail=job.error_detail,
        upload_bytes=n_bytes or job.upload_bytes,
        video_bytes=job.video_bytes,
        video_link=_video_link(job),
    )


def retry_job(actor: str, job_id: str) -> JobDetails:
    """Render a failed job once more, or one that waits for its next attempt now. Commits, then enqueues.

    Raises NotThereError, RefusedError.
    """
    from oriel_fx.server.renders.enqueue import enqueue_render

    job = find_job(job_id)
    if job.status is JobStatus.FAILED:
        again(job)
        audit(actor, "jobs.retry", ("job", job.public_id))
        resolve_letters(job, actor)
    elif job.status is JobStatus.QUEUED:
        job.next_attempt_at = None
        audit(actor, "jobs.retry", ("job", job.public_id))
    else:
        raise RefusedError(f"A job that is {job.status.value} cannot be retried.", "Failed and queued ones can.")
    db.session.commit()
    enqueue_render(job)
    return show_job(job.public_id)


def cancel_job(actor: str, job_id: str) -> JobDetails:
    """Stop a job and give its money back. Commits. Raises NotThereError, RefusedError."""
    from oriel_fx.server.errors import JobNotCancelableError
    from oriel_fx.server.renders.cancel import cancel_job as cancel

    job = find_job(job_id)
    if job.status not in (JobStatus.AWAITING_PAYMENT, JobStatus.QUEUED, JobStatus.PROCESSING):
        raise RefusedError(f"A job that is {job.status.value} cannot be canceled.", "It is over.")
    audit(actor, "jobs.cancel", ("job", job.public_id))
    written = next(row for row in db.session.new if isinstance(row, AuditLog))
    try:
        cancel(db.session(), job, "operator")
    except JobNotCancelableError:
        db.session.rollback()
        raise RefusedError("The job ended at this very moment.", "Look at it again.") from None
    if not inspect(written).persistent:
        # A race made the cancellation start over, and took our row with it.
        audit(actor, "jobs.cancel", ("job", job.public_id))
        db.session.commit()
    carry_out_refund_of(job)
    return show_job(job.public_id)


def again(job: RenderJob) -> None:
    """Put a failed job back among the queued; does not commit. Raises RefusedError."""
    # Locked, in the order that payments lock: a refund that begins at the same moment must not be overlooked.
    lock_row(db.session, RenderJob, job.id)
    payment = lock_row(db.session, Payment, job.payment_id) if job.payment_id else None
    if payment is not None and payment.status is not PaymentStatus.COMPLETED:
        raise RefusedError(
            f"Its payment is {payment.status.value}: the video would be given away.",
            "The owner can submit the song again.",
        )
    if job.files_deleted_at is not None:
        raise RefusedError("Its uploads were deleted.", "The owner can submit the song again.")
    if job.status is not JobStatus.FAILED or not transition(job, JobStatus.QUEUED, **_AFRESH):
        db.session.rollback()
        raise RefusedError("Someone else changed this job at the same moment.", "Look at it again.")


def resolve_letters(job: RenderJob, actor: str) -> None:
    """Close the job's open dead letters as retried; does not commit."""
    from oriel_fx.server.admin.dead_letters import close_letters

    close_letters(job, actor)


def carry_out_refund_of(job: RenderJob) -> None:
    """Make the job's refund now, if one was asked for."""
    from oriel_fx.server.admin.payments import carry_out

    payment = db.session.get(Payment, job.payment_id) if job.payment_id else None
    if payment is not None and payment.status is PaymentStatus.REFUND_PENDING:
        number = payment.id
        db.session.commit()
        carry_out(number)


def find_job(job_id: str) -> RenderJob:
    """The job with this id, or whose id alone begins so. Raises NotThereError."""
    given = job_id.strip().lower()
    names = [RenderJob.public_id == given]
    if len(given) >= _MIN_PREFIX and all(char in "0123456789abcdef-" for char in given):
        names.append(RenderJob.public_id.startswith(given))
    found = db.session.scalars(select(RenderJob).where(or_(*names)).limit(2)).all()
    if len(found) != 1:
        few = "more than one job" if found else "no job"
        raise NotThereError(f"There is {few} {job_id!r}.", "List them with `oriel admin jobs list`.")
    return found[0]


def _video_link(job: RenderJob) -> str | None:
    from oriel_fx.server.renders.downloads import video_filename
    from oriel_fx.server.services import current_services

    if job.status is not JobStatus.COMPLETED or job.video_key is None or job.files_deleted_at is not None:
        return None
    return current_services().storage.signed_url(job.video_key, _LINK_S, video_filename(job))


def _open_letter(job: RenderJob) -> int | None:
    is_open = (DeadLetter.job_id == job.id) & (DeadLetter.status == DeadLetterStatus.OPEN)
    return db.session.scalar(select(DeadLetter.id).where(is_open).order_by(DeadLetter.id.desc()).limit(1))


def _newest_payment(job: RenderJob) -> Payment | None:
    newest = select(Payment).where(Payment.job_id == job.id).order_by(Payment.id.desc()).limit(1)
    return db.session.scalars(newest).first()


def _groups_of(job: RenderJob) -> dict[str, Any]:
    rows = db.session.execute(
        select(Chunk.group_number, Chunk.status, Chunk.lease_owner).where(Chunk.job_id == job.id)
    ).all()
    groups = {group for group, _, _ in rows}
    undone = {group for group, status, _ in rows if status is not ChunkStatus.DONE}
    owners = {owner.rpartition(":")[0] for _, status, owner in rows if owner and status is ChunkStatus.RENDERING}
    return {"groups": len(groups), "groups_done": len(groups - undone), "drawn_by": ", ".join(sorted(owners))}


def _rows() -> Any:
    return select(RenderJob, User.email).join(User, User.id == RenderJob.user_id)


def _row(job: RenderJob, email: str) -> JobRow:
    return JobRow(
        id=job.public_id,
        status=job.status.value,
        email=email,
        title=job.title or job.audio_filename,
        duration_s=job.duration_s,
        progress=job.progress,
        attempts=job.attempts,
        price_cents=job.price_cents,
        currency=job.currency,
        created_at=job.created_at,
        error_code=job.error_code,
    )
