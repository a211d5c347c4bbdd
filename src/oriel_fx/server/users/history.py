"""A user's jobs, page by page, in two queries however many there are."""

from __future__ import annotations

import math

from sqlalchemy import func, select
from sqlalchemy.orm import aliased, load_only

from oriel_fx.server.db import db
from oriel_fx.server.models import Payment, RenderJob, User
from oriel_fx.server.services import current_services
from oriel_fx.server.states import JobStatus, PaymentStatus
from oriel_fx.server.users.schemas import History, HistoryItem

# Not the config, which may be large.
_SHOWN = (
    RenderJob.public_id,
    RenderJob.status,
    RenderJob.title,
    RenderJob.audio_filename,
    RenderJob.created_at,
    RenderJob.completed_at,
    RenderJob.duration_s,
    RenderJob.width_px,
    RenderJob.height_px,
    RenderJob.progress,
    RenderJob.price_cents,
    RenderJob.currency,
    RenderJob.expires_at,
    RenderJob.files_deleted_at,
    RenderJob.video_key,
    RenderJob.error_code,
    RenderJob.error_message,
)


def history(user: User, page: int, limit: int) -> History:
    """The page of the user's jobs, newest first; an empty one past the end."""
    total = db.session.scalar(select(func.count()).select_from(RenderJob).where(RenderJob.user_id == user.id)) or 0
    paid = aliased(Payment)
    # A job that is not paid for names no payment yet; the last that was opened for it is the one to show.
    last_opened = (
        select(Payment.status)
        .where(Payment.job_id == RenderJob.id)
        .order_by(Payment.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(RenderJob, func.coalesce(paid.status, last_opened))
        .outerjoin(paid, paid.id == RenderJob.payment_id)
        .where(RenderJob.user_id == user.id)
        .order_by(RenderJob.created_at.desc(), RenderJob.id.desc())
        .offset((page - 1) * limit)
        .limit(limit)
        .options(load_only(*_SHOWN, raiseload=True))
    )
    items = [_item(job, payment_status) for job, payment_status in rows]
    return History(items=items, page=page, limit=limit, total=total, pages=math.ceil(total / limit))


def _item(job: RenderJob, payment_status: PaymentStatus | None) -> HistoryItem:
    done = job.status in (JobStatus.COMPLETED, JobStatus.EXPIRED) and job.completed_at is not None
    return HistoryItem(
        job_id=job.public_id,
        status=job.status,
        title=job.title,
        audio_filename=job.audio_filename,
        created_at=job.created_at,
        completed_at=job.completed_at,
        duration_s=job.duration_s,
        width_px=job.width_px,
        height_px=job.height_px,
        progress=job.progress,
        price_cents=job.price_cents,
        currency=job.currency,
        payment_status=payment_status,
        video_ready=_is_ready(job),
        video_expires_at=job.expires_at if done else None,
        error_code=job.error_code,
        error_message=job.error_message,
    )


def _is_ready(job: RenderJob) -> bool:
    there = job.status is JobStatus.COMPLETED and job.video_key is not None and job.files_deleted_at is None
    return there and (job.expires_at is None or job.expires_at > current_services().clock())
