"""What a buyer is told of a payment by mail."""

from __future__ import annotations

from sqlalchemy import select

from oriel_fx.server.mail.messages import MailKind
from oriel_fx.server.mail.outbox import queue_mail
from oriel_fx.server.models import Payment, RenderJob, User
from oriel_fx.server.payments.locks import AnySession
from oriel_fx.server.payments.todo import Todo


def tell_buyer(session: AnySession, payment: Payment, kind: MailKind, todo: Todo) -> None:
    """Write a mail about a payment's sum and its song, once for each kind. Does not commit."""
    user = session.execute(select(User).where(User.id == payment.user_id)).scalar_one()
    if user.deleted_at is not None:
        return
    job = session.execute(select(RenderJob).where(RenderJob.payment_id == payment.id)).scalar_one_or_none()
    about = job or (session.get(RenderJob, payment.job_id) if payment.job_id else None)
    title = (about.title or about.audio_filename) if about else ""
    values = {"title": title, "amount_cents": payment.amount, "currency": payment.currency}
    key = f"{kind}:{payment.public_id}"
    todo.mail(queue_mail(session, kind=kind, to=user.email, idempotency_key=key, job=about, user=user, **values))
