"""What happened to a job, from its rows, and from log files where they are given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from oriel_fx.server.admin.jobs import find_job
from oriel_fx.server.db import db
from oriel_fx.server.models import AuditLog, DeadLetter, EmailMessage, Payment, RenderJob

_OF_JOB = {
    "created_at": "uploaded",
    "paid_at": "paid",
    "enqueued_at": "enqueued (last)",
    "started_at": "started (last)",
    "completed_at": "completed",
    "failed_at": "failed",
    "files_deleted_at": "files deleted",
}
_OF_PAYMENT = {
    "created_at": "checkout opened",
    "declined_at": "payment declined",
    "completed_at": "payment completed",
    "refund_requested_at": "refund asked for",
    "refunded_at": "refunded",
    "disputed_at": "payment disputed",
}
_NOT_SHOWN = ("timestamp", "event", "level", "logger", "job_id")


@dataclass(frozen=True)
class JobEvent:
    """Something that happened to a job."""

    at: datetime
    what: str
    detail: str


def job_events(job_id: str) -> list[JobEvent]:
    """What the database knows, oldest first. Raises NotThereError."""
    job = find_job(job_id)
    found = list(_stamps(job, _OF_JOB, ""))
    for payment in db.session.scalars(select(Payment).where(Payment.job_id == job.id)):
        found += _stamps(payment, _OF_PAYMENT, payment.public_id)
    for letter in db.session.scalars(select(DeadLetter).where(DeadLetter.job_id == job.id)):
        found.append(JobEvent(letter.created_at, f"dead letter {letter.id}", letter.error_detail))
        if letter.resolved_at:
            found.append(JobEvent(letter.resolved_at, f"dead letter {letter.id} {letter.status.value}", ""))
    for mail in db.session.scalars(select(EmailMessage).where(EmailMessage.job_id == job.id)):
        found.append(JobEvent(mail.created_at, f"mail {mail.kind} written", f"mail {mail.id}"))
        if mail.sent_at:
            found.append(JobEvent(mail.sent_at, f"mail {mail.kind} sent", f"mail {mail.id}"))
        elif mail.error:
            found.append(JobEvent(mail.created_at, f"mail {mail.kind} not sent", mail.error))
    deeds = select(AuditLog).where(AuditLog.target_type == "job", AuditLog.target_id == job.public_id)
    found += [JobEvent(deed.created_at, deed.action, f"by {deed.actor}") for deed in db.session.scalars(deeds)]
    if job.error_detail:
        found.append(JobEvent(job.failed_at or job.updated_at, job.error_code or "error", job.error_detail))
    return sorted(found, key=lambda event: event.at)


def logged_events(lines: Iterable[str], public_id: str) -> Iterator[JobEvent]:
    """The lines of our JSON logs that are about this job; other lines are passed over."""
    for line in lines:
        if public_id not in line:
            continue
        try:
            fields = json.loads(line)
            at = datetime.fromisoformat(fields["timestamp"])
        except (ValueError, KeyError, TypeError):
            continue
        if fields.get("job_id") == public_id:
            rest = " ".join(f"{name}={fields[name]}" for name in fields if name not in _NOT_SHOWN)
            what = f"{fields.get('level', 'info')}: {fields.get('event', '')}"
            yield JobEvent(at if at.tzinfo else at.replace(tzinfo=UTC), what, rest)


def _stamps(row: RenderJob | Payment, names: dict[str, str], detail: str) -> Iterator[JobEvent]:
    for column, what in names.items():
        at = getattr(row, column)
        if at is not None:
            yield JobEvent(at, what, detail)
