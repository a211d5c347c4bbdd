"""Payments."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oriel_fx.server.db import Base, utcnow
from oriel_fx.server.models.accounts import User
from oriel_fx.server.models.columns import enum, new_id
from oriel_fx.server.states import PaymentStatus

_OPEN = text("status = 'pending' AND job_id IS NOT NULL")


class Payment(Base):
    """One checkout. `job_id` is the job it was opened for; the job it pays for names it as `payment_id`."""

    __tablename__ = "payment"
    __table_args__ = (
        # One open session for each job, on both databases.
        Index("uq_payment_open_job", "job_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_payment_user_id_created_at", "user_id", "created_at"),
        Index("ix_payment_status_expires_at", "status", "expires_at"),
        Index("ix_payment_status_updated_at", "status", "updated_at"),  # refunds that are due, parked ones
        Index("ix_payment_job_id", "job_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(36), unique=True, default=new_id)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    # use_alter: the two tables refer to each other.
    job_id: Mapped[int | None] = mapped_column(
        ForeignKey("render_job.id", use_alter=True, name="fk_payment_job_id_render_job")
    )
    stripe_session_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    amount: Mapped[int]  # in cents
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[PaymentStatus] = mapped_column(enum(PaymentStatus), default=PaymentStatus.PENDING)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)
    completed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]

    idempotency_key: Mapped[str] = mapped_column(String(64), unique=True, default=new_id)
    url: Mapped[str | None] = mapped_column(Text)  # the checkout page
    payment_intent: Mapped[str | None] = mapped_column(String(255), unique=True)
    submitted_at: Mapped[datetime | None]  # the checkout is done, the money (a bank debit's, say) is on its way
    checked_at: Mapped[datetime | None]  # when the provider was last asked, because the webhook is late
    declined_at: Mapped[datetime | None]  # the last decline; the session may still be open for another try
    decline_code: Mapped[str | None] = mapped_column(String(64))
    refund_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    refund_reason: Mapped[str | None] = mapped_column(String(64))
    refund_requested_at: Mapped[datetime | None]
    refunded_at: Mapped[datetime | None]
    dispute_id: Mapped[str | None] = mapped_column(String(255))
    disputed_at: Mapped[datetime | None]
    note: Mapped[str | None] = mapped_column(Text)  # why it is parked, for operators

    user: Mapped[User] = relationship(lazy="raise")
