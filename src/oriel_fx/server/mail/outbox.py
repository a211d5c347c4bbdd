"""The outbox: mails are rows, written with their cause, sent later, each by one process at a time.

In the transaction of the cause:

    message_id = queue_mail(db.session, kind=MailKind.COMPLETED, to=user.email, idempotency_key=f"completed:{job.id}",
                            job=job, user=user, title=…, url=…, expires_at=…)
    db.session.commit()
    announce(message_id)

The worker calls `send_email(message_id)`; the reconciler calls `send_due()` for what the queue has forgotten.
"""

from __future__ import annotations

import hashlib
import random
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

import structlog
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, scoped_session

from oriel_fx.server.db import db
from oriel_fx.server.errors import QueueUnavailableError
from oriel_fx.server.mail.base import Mail, MailError
from oriel_fx.server.mail.messages import MailKind, compose
from oriel_fx.server.models import EmailMessage, RenderJob, User
from oriel_fx.server.queue.base import HIGH_PRIORITY, SEND_EMAIL
from oriel_fx.server.services import current_services, current_settings
from oriel_fx.server.states import EmailStatus

JOB_TIMEOUT_S = 60
# Longer than the longest try, or a second process would send what a first is still sending.
LEASE_S = 120
FIRST_WAIT_S = 30
LONGEST_WAIT_S = 4 * 3600
MAX_ATTEMPTS = 24  # with those waits: two and a half days
ALERT_EVERY_S = 3600

AnySession = Session | scoped_session[Any]
_log = structlog.get_logger("oriel_fx.mail")


def queue_mail(
    session: AnySession,
    *,
    kind: MailKind,
    to: str,
    idempotency_key: str,
    job: RenderJob | None = None,
    user: User | None = None,
    **values: object,
) -> int:
    """Write a mail into the outbox, in the session's transaction, and return its row's id; does not commit.

    A second mail of the same `idempotency_key` (128 characters at most) is not written: the answer is the first one's
    id. `values` are what `messages.VALUES` names for the kind. Raises ValueError for others, and for long keys.
    """
    if not 0 < len(idempotency_key) <= 128:
        raise ValueError("an idempotency key has 1 to 128 characters")
    words = compose(kind, current_settings().public, values)
    session.flush()  # the job or the user may be new
    row = {
        "to": to,
        "kind": kind.value,
        "subject": words.subject,
        "body_text": words.text,
        "body_html": words.html,
        "idempotency_key": idempotency_key,
        "job_id": job.id if job else None,
        "user_id": user.id if user else None,
        "created_at": current_services().clock(),
        "next_attempt_at": current_services().clock(),
    }
    return _insert_once(session, row)


def announce(message_id: int) -> None:
    """Tell the workers, after the commit. Without a queue nothing happens: the reconciler finds the row."""
    try:
        current_services().queue.enqueue(
            HIGH_PRIORITY, SEND_EMAIL, message_id, job_timeout_s=JOB_TIMEOUT_S, unique_id=f"mail-{message_id}"
        )
    except QueueUnavailableError:
        _log.warning("mail not announced: the queue is away", mail=message_id)


def alert_admin(session: AnySession, cause: str, detail: str) -> int | None:
    """Queue a mail to the operator, at most one for each cause in an hour; does not commit.

    The row's id to announce; None where there was one within the hour, or nobody is to be told.
    """
    to = current_settings().admin_mail
    now = current_services().clock()
    mark = f"alert:{hashlib.sha256(cause.encode()).hexdigest()[:32]}:"
    since = now - timedelta(seconds=ALERT_EVERY_S)
    recent = select(EmailMessage.id).where(
        EmailMessage.created_at > since, EmailMessage.idempotency_key.startswith(mark)
    )
    if not to or session.execute(recent.limit(1)).first():
        return None
    # The hour in the key: of two processes that both found nothing, one writes.
    key = f"{mark}{int(now.timestamp()) // ALERT_EVERY_S}"
    return queue_mail(session, kind=MailKind.ADMIN_ALERT, to=to, idempotency_key=key, cause=cause, detail=detail)


def send_email(message_id: int, now: datetime | None = None) -> bool:
    """Send one mail if it is due and nobody else is at it; whether it was sent now. Commits the session.

    A carrier's refusal is no exception here: it is written into the row, with the time of the next try.
    """
    claimed = _claim(message_id, now or current_services().clock())
    if claimed is None:
        return False
    attempt, mail, about = claimed
    with structlog.contextvars.bound_contextvars(**about):
        return _carry(message_id, attempt, mail)


def _carry(message_id: int, attempt: int, mail: Mail) -> bool:
    """Hand a claimed mail to its carrier, and write down what came of it; whether it was sent."""
    services = current_services()
    try:
        provider_id = services.mail.send(mail)
    except MailError as error:
        _failed(message_id, attempt, error.message, permanent=error.permanent)
        return False
    except Exception as error:
        # Of a kind no carrier should let through. The row must not wait for its lease and fail in silence.
        _log.exception("a carrier broke", mail=message_id)
        _failed(message_id, attempt, type(error).__name__, permanent=False)
        return False
    sent = {"status": EmailStatus.SENT, "sent_at": services.clock(), "provider_id": provider_id[:255]}
    # A text that was sent is not kept: its links open accounts, and tokens are stored hashed.
    _settle(message_id, attempt, sent | {"next_attempt_at": None, "error": None, "body_text": "", "body_html": ""})
    _log.info("mail sent", mail=message_id, attempt=attempt)
    return True


def send_due(now: datetime | None = None, limit: int = 100) -> int:
    """Send what is due, oldest first, `limit` at most; how many went. Safe beside other senders."""
    return sum(send_email(message_id, now) for message_id in due(now, limit))


def due(now: datetime | None = None, limit: int = 100) -> list[int]:
    """The ids of mails that are due and that nobody is sending, oldest first."""
    asked = select(EmailMessage.id).where(_is_due(now or current_services().clock()))
    found = list(db.session.scalars(asked.order_by(EmailMessage.next_attempt_at, EmailMessage.id).limit(limit)))
    db.session.commit()  # no transaction stays open while mails are sent
    return found


def retry_mail(session: AnySession, message_id: int) -> bool:
    """Make a mail that failed, or waits, due now with all its tries; False where it was sent or is being sent."""
    now = current_services().clock()
    again = update(EmailMessage).where(
        EmailMessage.id == message_id, EmailMessage.status != EmailStatus.SENT, _nobody_sends(now)
    )
    fresh = again.values(status=EmailStatus.PENDING, attempts=0, next_attempt_at=now, lease_expires_at=None)
    return _changed(session, fresh.returning(EmailMessage.id)) is not None


def message_id_of(idempotency_key: str, mail_from: str) -> str:
    """The Message-ID: the same at every try, and telling nothing of the key."""
    domain = parseaddr(mail_from)[1].rpartition("@")[2] or "localhost"
    return f"<{hashlib.sha256(idempotency_key.encode()).hexdigest()[:40]}@{domain}>"


def wait_s(attempts: int) -> float:
    """How long to wait after so many tries: doubling from FIRST_WAIT_S to LONGEST_WAIT_S, give or take a quarter."""
    whole = min(FIRST_WAIT_S * 2.0 ** min(attempts - 1, 30), LONGEST_WAIT_S)
    return whole * random.uniform(0.75, 1.25)


def _insert_once(session: AnySession, row: dict[str, Any]) -> int:
    dialect = session.get_bind().dialect.name
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    written = insert(EmailMessage).values(row).on_conflict_do_nothing(index_elements=["idempotency_key"])
    new_id: int | None = session.execute(written.returning(EmailMessage.id)).scalar()
    if new_id is not None:
        return new_id
    key = EmailMessage.idempotency_key == row["idempotency_key"]
    return session.execute(select(EmailMessage.id).where(key)).scalar_one()


def _nobody_sends(now: datetime) -> ColumnElement[bool]:
    return or_(EmailMessage.lease_expires_at.is_(None), EmailMessage.lease_expires_at <= now)


def _is_due(now: datetime) -> ColumnElement[bool]:
    waited = or_(EmailMessage.next_attempt_at.is_(None), EmailMessage.next_attempt_at <= now)
    return (EmailMessage.status == EmailStatus.PENDING) & waited & _nobody_sends(now)


def _claim(message_id: int, now: datetime) -> tuple[int, Mail, dict[str, object]] | None:
    """Take the lease; which attempt this is, the mail, and for the log what it is about.

    None where it is not due or another has it.
    """
    until = now + timedelta(seconds=LEASE_S)
    claim = update(EmailMessage).where(EmailMessage.id == message_id, _is_due(now))
    row = _changed(
        db.session,
        claim.values(attempts=EmailMessage.attempts + 1, lease_expires_at=until).returning(
            EmailMessage.attempts,
            EmailMessage.to,
            EmailMessage.subject,
            EmailMessage.body_text,
            EmailMessage.body_html,
            EmailMessage.idempotency_key,
            EmailMessage.kind,
            EmailMessage.user_id,
            EmailMessage.job_id,
        ),
    )
    if row is None:
        db.session.commit()
        return None
    attempt, to, subject, text, html, key, kind, user_id, job = row
    job_id = db.session.scalar(select(RenderJob.public_id).where(RenderJob.id == job)) if job else None
    db.session.commit()
    about = {"kind": kind, "user_id": user_id, "job_id": job_id}
    told = {name: value for name, value in about.items() if value is not None}
    return attempt, Mail(to, subject, text, html, message_id_of(key, current_settings().mail_from)), told


def _failed(message_id: int, attempt: int, why: str, *, permanent: bool) -> None:
    over = permanent or attempt >= MAX_ATTEMPTS
    waiting = {"next_attempt_at": current_services().clock() + timedelta(seconds=wait_s(attempt))}
    given_up = {"status": EmailStatus.FAILED, "next_attempt_at": None}
    _settle(message_id, attempt, (given_up if over else waiting) | {"error": why[:1000]})
    log = _log.error if over else _log.warning
    log("mail not sent", mail=message_id, attempt=attempt, given_up=over, permanent=permanent)


def _settle(message_id: int, attempt: int, values: dict[str, Any]) -> None:
    """Write the outcome and give the lease back, unless another process has taken the mail over since."""
    mine = update(EmailMessage).where(
        EmailMessage.id == message_id, EmailMessage.status == EmailStatus.PENDING, EmailMessage.attempts == attempt
    )
    _changed(db.session, mine.values(lease_expires_at=None, **values).returning(EmailMessage.id))
    db.session.commit()


def _changed(session: AnySession, statement: Any) -> Any:
    """The row an UPDATE … RETURNING changed, if any."""
    return session.execute(statement, execution_options={"synchronize_session": False}).first()
