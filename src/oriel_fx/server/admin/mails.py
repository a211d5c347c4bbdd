"""The outbox, as operators see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

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
from oriel_fx.server.mail.outbox import announce
from oriel_fx.server.mail.outbox import retry_mail as make_due
from oriel_fx.server.models import EmailMessage, RenderJob
from oriel_fx.server.states import EmailStatus


@dataclass(frozen=True)
class MailRow:
    """A mail in a list. Its text is not shown: it may hold a link that opens an account."""

    id: int
    status: str
    kind: str
    to: str
    subject: str
    job_id: str | None
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    next_attempt_at: datetime | None
    error: str | None


def list_mails(*, status: EmailStatus | None = None, email: str = "", paging: Paging = FIRST_PAGE) -> Listing[MailRow]:
    """Mails, newest first."""
    query = _rows()
    if status is not None:
        query = query.where(EmailMessage.status == status)
    if email:
        query = query.where(EmailMessage.to.like(containing(email.casefold()), escape="\\"))
    return listing(query.order_by(EmailMessage.created_at.desc(), EmailMessage.id.desc()), paging, _row)


def show_mail(mail_id: int) -> MailRow:
    """One mail. Raises NotThereError."""
    row = db.session.execute(_rows().where(EmailMessage.id == mail_id)).first()
    if row is None:
        raise NotThereError(f"There is no mail {mail_id}.", "List them with `oriel admin mail list`.")
    return _row(*row)


def retry_mail(actor: str, mail_id: int) -> MailRow:
    """Make a mail that failed, or waits, due now. Commits. Raises NotThereError, RefusedError."""
    found = show_mail(mail_id)
    if not make_due(db.session, mail_id):
        db.session.rollback()
        state = "was sent" if found.sent_at else "is being sent"
        raise RefusedError(f"Mail {mail_id} {state}.", "Nothing was changed.")
    audit(actor, "mail.retry", ("mail", mail_id), kind=found.kind)
    db.session.commit()
    announce(mail_id)
    return show_mail(mail_id)


def _rows() -> Any:
    return select(EmailMessage, RenderJob.public_id).outerjoin(RenderJob, RenderJob.id == EmailMessage.job_id)


def _row(mail: EmailMessage, job_id: str | None) -> MailRow:
    return MailRow(
        id=mail.id,
        status=mail.status.value,
        kind=mail.kind,
        to=mail.to,
        subject=mail.subject,
        job_id=job_id,
        attempts=mail.attempts,
        created_at=mail.created_at,
        sent_at=mail.sent_at,
        next_attempt_at=mail.next_attempt_at,
        error=mail.error,
    )
