"""Records of effects: webhook events, mails, and what operators did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from oriel_fx.server.db import Base, utcnow
from oriel_fx.server.models.columns import enum
from oriel_fx.server.states import EmailStatus


class WebhookEvent(Base):
    """An event of Stripe's. Its row and its effect are committed together, so a replay finds it and does nothing."""

    __tablename__ = "webhook_event"

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(String(255), unique=True)
    type: Mapped[str] = mapped_column(String(100))
    payload: Mapped[dict[str, Any]]
    received_at: Mapped[datetime] = mapped_column(default=utcnow, index=True)
    processed_at: Mapped[datetime | None]


class EmailMessage(Base):
    """The outbox: a mail to send or sent. `idempotency_key` makes writing it twice impossible."""

    __tablename__ = "email_message"
    __table_args__ = (
        Index("ix_email_message_status_next_attempt_at", "status", "next_attempt_at"),
        Index("ix_email_message_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    to: Mapped[str] = mapped_column(String(254))
    kind: Mapped[str] = mapped_column(
        String(32), index=True
    )  # completed, failed, reset, confirm_address, admin_alert …
    subject: Mapped[str] = mapped_column(String(255))
    body_text: Mapped[str] = mapped_column(Text)
    body_html: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[EmailStatus] = mapped_column(enum(EmailStatus), default=EmailStatus.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(default=utcnow)
    idempotency_key: Mapped[str] = mapped_column(String(128), unique=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("render_job.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    sent_at: Mapped[datetime | None]
    provider_id: Mapped[str | None] = mapped_column(String(255))
    error: Mapped[str | None] = mapped_column(Text)
    lease_expires_at: Mapped[datetime | None]


class AuditLog(Base):
    """What an operator, or the system, did to whom."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_target", "target_type", "target_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow, index=True)
    actor: Mapped[str] = mapped_column(String(128))  # user:17, cli:root, system
    action: Mapped[str] = mapped_column(String(64))  # users.disable, payments.refund …
    target_type: Mapped[str] = mapped_column(String(32))
    target_id: Mapped[str] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
