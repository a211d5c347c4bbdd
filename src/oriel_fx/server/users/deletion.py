"""Deleting an account: what is unfinished stops, what was paid for and not rendered is refunded, the rest is erased.

The row stays, without address and password: payments refer to it.
"""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import delete, or_, select, update

from oriel_fx.server.auth.audit import audit_user
from oriel_fx.server.auth.sessions import end_all_sessions
from oriel_fx.server.db import db
from oriel_fx.server.errors import JobNotCancelableError
from oriel_fx.server.models import EmailMessage, JobAsset, PasswordResetToken, Payment, RenderJob, User
from oriel_fx.server.services import current_services
from oriel_fx.server.states import EmailStatus, JobStatus, PaymentStatus

REASON = "account_deleted"
_UNFINISHED = (JobStatus.AWAITING_PAYMENT, JobStatus.QUEUED, JobStatus.PROCESSING)
_DELIVERED = (JobStatus.COMPLETED, JobStatus.EXPIRED)


def delete_account(user: User) -> None:
    """Delete the account and commit. It can be called again where it was cut short."""
    # First of all: a mail about a refund, which the next steps may write, is still to be sent.
    _erase_mails(user)
    _stop_jobs(user)
    _refund_undelivered(user)
    _erase_jobs(user)
    end_all_sessions(user, "deleted")
    db.session.execute(delete(PasswordResetToken).where(PasswordResetToken.user_id == user.id))
    user.email = f"deleted-{user.id}@deleted.invalid"
    user.password_hash = ""
    user.pending_email = user.pending_email_hash = user.pending_email_expires_at = None
    user.is_active = False
    user.deleted_at = current_services().clock()
    audit_user("users.deleted", user)
    db.session.commit()


def _stop_jobs(user: User) -> None:
    """Cancel what is unfinished; a worker that renders is asked to stop. Commits, job by job."""
    from oriel_fx.server.renders.cancel import cancel_job

    unfinished = select(RenderJob).where(RenderJob.user_id == user.id, RenderJob.status.in_(_UNFINISHED))
    for job in db.session.scalars(unfinished.order_by(RenderJob.id)).all():
        with suppress(JobNotCancelableError):  # it ended while we looked
            cancel_job(db.session(), job, REASON)


def _refund_undelivered(user: User) -> None:
    """Ask for what was paid and brought no video, where the cancelling has not. The reconciler carries it out."""
    from oriel_fx.server.payments.refunds import request_refund

    paid = select(Payment).outerjoin(RenderJob, RenderJob.payment_id == Payment.id)
    undelivered = or_(RenderJob.id.is_(None), RenderJob.status.not_in(_DELIVERED))
    mine = (Payment.user_id == user.id, Payment.status == PaymentStatus.COMPLETED)
    for payment in db.session.scalars(paid.where(*mine, undelivered).order_by(Payment.id)).all():
        request_refund(db.session(), payment, REASON)


def _erase_jobs(user: User) -> None:
    """Links stop working, what users named is forgotten, and the sweep finds the files due for deletion."""
    now = current_services().clock()
    mine = RenderJob.user_id == user.id
    db.session.flush()
    for statement in (
        update(RenderJob)
        .where(mine)
        .values(download_token_revoked=True, title=None, audio_filename="", render_config={}),
        update(RenderJob).where(mine, RenderJob.files_deleted_at.is_(None)).values(expires_at=now),
        update(JobAsset).where(JobAsset.job_id.in_(select(RenderJob.id).where(mine))).values(filename=""),
    ):
        db.session.execute(statement, execution_options={"synchronize_session": False})


def _erase_mails(user: User) -> None:
    """Mails that went are kept as records without words or address; those that wait are not sent."""
    mine = (EmailMessage.user_id == user.id,)
    nothing = {"to": "", "subject": "", "body_text": "", "body_html": ""}
    for statement in (
        update(EmailMessage)
        .where(*mine, EmailMessage.status == EmailStatus.PENDING)
        .values(status=EmailStatus.FAILED, next_attempt_at=None, error=REASON),
        update(EmailMessage).where(*mine).values(nothing),
    ):
        db.session.execute(statement, execution_options={"synchronize_session": False})
