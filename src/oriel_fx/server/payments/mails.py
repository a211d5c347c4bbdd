"""What a buyer is told of a payment by mail."""

from __future__ import annotations

from sqlalchemy import select

from oriel_fx.server.mail.messages import MailKind
from oriel_fx.server.mail.outbox import queue_mail
from oriel_fx.server.models import Payment, RenderJob, User
from oriel_fx.server.payments.locks import AnySession
from oriel_fx.server.payments.todo import Todo


def tell_buyer(session: AnySession, payment: Payment, job: RenderJob | None, kind: MailKind, todo: Todo) -> None:
    """Write a mail about a payment's sum and the song it paid for, or was meant for; once for each kind. No commit."""
    user = session.execute(select(User).where(User.id == payment.user_id)).scalar_one()
    if user.deleted_at is not None:
        return
    about = job or (session.get(RenderJob, payment.job_id) if payment.job_id else None)
    title = (about.title or about.audio_filename) if about else ""
    values = {"title": title, "amount_cents": payment.amount, "currency": payment.currency}
    key = f"{kind}:{payment.public_id}"
    todo.mail(queue_mail(session, kind=kind, to=user.email, idempotency_key=key, job=about, user=user, **values))
