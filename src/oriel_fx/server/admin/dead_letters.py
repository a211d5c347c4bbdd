"""Dead letters: jobs that gave up. Retrying one renders it again; dropping one gives the money back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from oriel_fx.server.admin import jobs
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
from oriel_fx.server.jobs.mirror import unmirror
from oriel_fx.server.models import DeadLetter, Payment, RenderJob, User
from oriel_fx.server.services import current_services
from oriel_fx.server.states import DeadLetterStatus, JobStatus, PaymentStatus

_USER = re.compile(r"user:(\d+)\Z")


@dataclass(frozen=True)
class LetterRow:
    """A dead letter, with the job it is about."""

    id: int
    status: str
    job_id: str | None
    email: str | None
    error_code: str
    error_detail: str
    attempts: int
    queue: str
    created_at: datetime
    resolved_at: datetime | None
    refund_due_at: datetime | None


def list_letters(
    *,
    status: DeadLetterStatus | None = DeadLetterStatus.OPEN,
    email: str = "",
    paging: Paging = FIRST_PAGE,
) -> Listing[LetterRow]:
    """Dead letters, newest first: the open ones; all with `status=None`."""
    query = _rows()
    if status is not None:
        query = query.where(DeadLetter.status == status)
    if email:
        query = query.where(User.email.like(containing(email.casefold()), escape="\\"))
    return listing(query.order_by(DeadLetter.created_at.desc(), DeadLetter.id.desc()), paging, _row)


def show_letter(letter_id: int) -> LetterRow:
    """One dead letter. Raises NotThereError."""
    row = db.session.execute(_rows().where(DeadLetter.id == letter_id)).first()
    if row is None:
        raise NotThereError(f"There is no dead letter {letter_id}.", "List them with `oriel admin dead-letter list`.")
    return _row(*row)


def retry_letter(actor: str, letter_id: int) -> LetterRow:
    """Render the letter's job once more. Commits, then enqueues. Raises NotThereError, RefusedError."""
    from oriel_fx.server.renders.enqueue import enqueue_render

    job = _job_of(letter_id)
    _close(letter_id, DeadLetterStatus.RETRIED, actor)
    try:
        if job.status is not JobStatus.FAILED:
            raise RefusedError(f"Its job is {job.status.value}.", "Drop the letter; nothing is refunded then.")
        jobs.again(job)
    except RefusedError:
        db.session.rollback()
        raise
    audit(actor, "dead_letter.retry", ("dead_letter", letter_id), job=job.public_id)
    db.session.commit()
    unmirror(letter_id)
    enqueue_render(job)
    return show_letter(letter_id)


def drop_letter(actor: str, letter_id: int) -> LetterRow:
    """Give the letter's job up for good, and its money back at once. Commits. Raises NotThereError, RefusedError."""
    from oriel_fx.server.payments.refunds import request_refund

    job = _job_of(letter_id)
    _close(letter_id, DeadLetterStatus.DROPPED, actor)
    payment = db.session.get(Payment, job.payment_id) if job.payment_id else None
    refunded = False
    if job.status is JobStatus.FAILED:
        job.refund_due_at = None
        if payment is not None and payment.status is PaymentStatus.COMPLETED:
            request_refund(db.session, payment, "dropped")
            refunded = True
    audit(actor, "dead_letter.drop", ("dead_letter", letter_id), job=job.public_id, refunded=refunded)
    db.session.commit()
    unmirror(letter_id)
    if refunded:
        jobs.carry_out_refund_of(job)
    return show_letter(letter_id)


def close_letters(job: RenderJob, actor: str) -> None:
    """Close a job's open letters as retried; does not commit."""
    of_job = update(DeadLetter).where(DeadLetter.job_id == job.id, DeadLetter.status == DeadLetterStatus.OPEN)
    now = current_services().clock()
    closed = db.session.execute(
        of_job.values(status=DeadLetterStatus.RETRIED, resolved_at=now, resolved_by=_number(actor)).returning(
            DeadLetter.id
        )
    ).all()
    unmirror(*(row[0] for row in closed))


def _job_of(letter_id: int) -> RenderJob:
    letter = db.session.get(DeadLetter, letter_id)
    if letter is None:
        raise NotThereError(f"There is no dead letter {letter_id}.", "List them with `oriel admin dead-letter list`.")
    if letter.job_id is None:
        raise RefusedError("This dead letter is about no job.", "Nothing can be done with it.")
    return db.session.get_one(RenderJob, letter.job_id)


def _close(letter_id: int, status: DeadLetterStatus, actor: str) -> None:
    """Of two operators at once one wins. Raises RefusedError for the other."""
    opened = update(DeadLetter).where(DeadLetter.id == letter_id, DeadLetter.status == DeadLetterStatus.OPEN)
    now = current_services().clock()
    closed = db.session.execute(
        opened.values(status=status, resolved_at=now, resolved_by=_number(actor)).returning(DeadLetter.id)
    ).first()
    if closed is None:
        db.session.rollback()
        raise RefusedError(f"Dead letter {letter_id} was dealt with before.", "See `oriel admin dead-letter list`.")


def _number(actor: str) -> int | None:
    found = _USER.match(actor)
    return int(found[1]) if found else None


def _rows() -> Any:
    return (
        select(DeadLetter, RenderJob.public_id, User.email, RenderJob.refund_due_at)
        .outerjoin(RenderJob, RenderJob.id == DeadLetter.job_id)
        .outerjoin(User, User.id == RenderJob.user_id)
    )


def _row(letter: DeadLetter, job_id: str | None, email: str | None, refund_due_at: datetime | None) -> LetterRow:
    return LetterRow(
        id=letter.id,
        status=letter.status.value,
        job_id=job_id,
        email=email,
        error_code=letter.error_code,
        error_detail=letter.error_detail,
        attempts=letter.attempts,
        queue=letter.queue,
        created_at=letter.created_at,
        resolved_at=letter.resolved_at,
        refund_due_at=refund_due_at,
    )
