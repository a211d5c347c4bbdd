"""What becomes of a claimed job: completed, canceled, tried again later, or failed; each in one transaction."""

from __future__ import annotations

import hashlib
import random
import secrets
from dataclasses import dataclass
from datetime import timedelta

import structlog

from oriel_fx.errors import AssetError, OrielError, SongError, SpecError
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.errors import ObjectNotFoundError
from oriel_fx.server.jobs.claims import CANCEL_REASON, FREED, Claim
from oriel_fx.server.jobs.mirror import mirror
from oriel_fx.server.mail.messages import MailKind
from oriel_fx.server.mail.outbox import alert_admin, announce, queue_mail
from oriel_fx.server.models import DeadLetter, Payment, RenderJob, User
from oriel_fx.server.payments.refunds import request_refund
from oriel_fx.server.queue.base import RENDER_VIDEO, VIDEO_RENDERING
from oriel_fx.server.renders.cancel import finish_cancel
from oriel_fx.server.renders.transitions import transition
from oriel_fx.server.services import current_settings
from oriel_fx.server.states import JobStatus

# What another try cannot mend.
PERMANENT = (SongError, SpecError, AssetError, ObjectNotFoundError)
# What no try can mend either, but is our loss and no fault of the song or config: an operator hears of it.
UPLOAD_MISSING = "UPLOAD_MISSING"
_DETAIL_CHARS = 4000
_CAUSE_CHARS = 80
_log = structlog.get_logger("oriel_fx.jobs")


@dataclass(frozen=True)
class Stored:
    """A finished video in storage: its key and size in bytes, and its poster's key if it has one."""

    video_key: str
    video_bytes: int
    poster_key: str | None


@dataclass(frozen=True)
class Fault:
    """Why a job failed: a stable code, a sentence for its owner, and what an operator reads."""

    code: str
    message: str
    detail: str


def fault_of(error: Exception) -> Fault:
    """An exception as a fault. What the owner cannot change is not spelled out to them."""
    detail = f"{type(error).__name__}: {error}"[:_DETAIL_CHARS]
    if isinstance(error, ObjectNotFoundError):
        return Fault(UPLOAD_MISSING, "The uploaded song is no longer there; please upload it again.", detail)
    if isinstance(error, PERMANENT):
        return Fault(error.code, error.message, detail)
    code = error.code if isinstance(error, OrielError) else "INTERNAL"
    return Fault(code, "The video could not be made because of a fault on our side.", detail)


def complete(claim: Claim, stored: Stored) -> bool:
    """Write the finished job and the mail with its link, together. False where the job is no longer ours. Commits."""
    settings, now = current_settings(), utcnow()
    job = db.session.get_one(RenderJob, claim.job_id, populate_existing=True)
    token = secrets.token_urlsafe(32)
    expires_at = now + timedelta(seconds=settings.video_s)
    done = job.status is JobStatus.PROCESSING and transition(
        job,
        JobStatus.COMPLETED,
        lease_token=claim.token,
        **FREED
        | {
            "stage": "done",
            "progress": 1.0,
            # Not the storage's own address, which expires: this one leads its owner to a fresh one.
            "video_url": f"{settings.public}/api/render/download/{job.public_id}",
            "video_key": stored.video_key,
            "video_bytes": stored.video_bytes,
            "poster_key": stored.poster_key,
            "expires_at": expires_at,
            "download_token_hash": hashlib.sha256(token.encode()).hexdigest(),
            "download_token_revoked": False,
            "error_message": None,
            "error_code": None,
            "refund_due_at": None,
        },
    )
    if not done:
        db.session.rollback()
        return False
    mail = _mail(
        job,
        MailKind.COMPLETED,
        title=_title(job),
        url=f"{settings.public}/api/d/{token}",
        expires_at=expires_at,
    )
    db.session.commit()
    _announce(mail)
    return True


def cancel(claim: Claim) -> bool:
    """End a job its owner wants stopped, and ask for its refund. Commits."""
    job = db.session.get_one(RenderJob, claim.job_id, populate_existing=True)
    done = job.status is JobStatus.PROCESSING and finish_cancel(
        db.session, job, CANCEL_REASON, lease_token=claim.token, **FREED
    )
    db.session.commit()
    return done


def fail(job: RenderJob, fault: Fault, *, permanent: bool, lease_token: int | None = None) -> bool:
    """End a job that cannot be made: its owner is told, and gets the money back, at once where no try can help.

    Otherwise it becomes a dead letter, and the money goes back after a day unless an operator's retry succeeds.
    False where the job is no longer ours. Commits.
    """
    settings, now = current_settings(), utcnow()
    values = {
        **FREED,
        "error_code": fault.code,
        "error_message": fault.message,
        "error_detail": fault.detail,
        "refund_due_at": None if permanent else now + timedelta(seconds=settings.refund_after_s),
    }
    if not transition(job, JobStatus.FAILED, lease_token=lease_token, **values):
        db.session.rollback()
        return False
    mails = [
        _mail(
            job,
            MailKind.FAILED,
            title=_title(job),
            reason=fault.message,
            amount_cents=job.price_cents,
            currency=job.currency,
        )
    ]
    letter = None
    if permanent:
        _refund(job)
    else:
        letter = DeadLetter(
            job_id=job.id,
            queue=VIDEO_RENDERING,
            function=RENDER_VIDEO,
            args={"job": job.public_id},
            error_code=fault.code,
            error_detail=fault.detail,
            attempts=job.attempts,
        )
        db.session.add(letter)
    if letter or fault.code == UPLOAD_MISSING:
        # By the kind of error, not by our code for it: INTERNAL alone would hide a second fault behind a first.
        cause = f"render: {fault.code} {fault.detail.partition(':')[0]}"[:_CAUSE_CHARS]
        mails.append(alert_admin(db.session, cause, f"Job {job.public_id}: {fault.detail}"))
    db.session.commit()
    _log.error("job failed", job_id=job.public_id, code=fault.code, permanent=permanent, detail=fault.detail)
    for mail in mails:
        _announce(mail)
    if letter:
        mirror(letter)
    return True


def workers_lost(job: RenderJob, crashes: int, last: str | None) -> bool:
    """Give up a job that has lost too many workers; False where it is no longer as it was read. Commits."""
    fault = Fault(
        "WORKERS_LOST",
        "The video could not be made because of a fault on our side.",
        f"{crashes} workers were lost with it; the last was {last}.",
    )
    return fail(job, fault, permanent=False, lease_token=job.lease_token)


def _refund(job: RenderJob) -> None:
    # Carried out by the reconciler: Stripe may be away, and the job has failed all the same.
    payment = db.session.get(Payment, job.payment_id) if job.payment_id else None
    if payment is not None:
        request_refund(db.session, payment, "failed")


def retry_wait_s(failures: int) -> float:
    """Seconds to wait after so many failures: four times as long each time, give or take a quarter."""
    return float(current_settings().retry_base_s * 4.0 ** (failures - 1) * random.uniform(0.75, 1.25))


def _mail(job: RenderJob, kind: MailKind, **values: object) -> int | None:
    """Write a mail to the job's owner in this transaction. A mail that cannot be written undoes nothing else."""
    user = db.session.get(User, job.user_id)
    if user is None or user.deleted_at is not None:
        return None
    # A job that failed, was retried and failed again is told of twice.
    key = f"{kind}:{job.public_id}:{job.lease_token}"
    try:
        with db.session.begin_nested():
            return queue_mail(db.session, kind=kind, to=user.email, idempotency_key=key, job=job, user=user, **values)
    except Exception:
        _log.exception("mail not written", job_id=job.public_id, kind=kind.value)
        return None


def _announce(message_id: int | None) -> None:
    if message_id is not None:
        announce(message_id)


def _title(job: RenderJob) -> str:
    return job.title or job.audio_filename
