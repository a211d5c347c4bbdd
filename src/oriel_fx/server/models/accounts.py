"""People: users, their refresh-token families, reset tokens and revoked tokens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from oriel_fx.server.db import Base, utcnow
from oriel_fx.server.models.columns import enum, new_id
from oriel_fx.server.states import Role


class User(Base):
    """An account. A deleted one keeps its row (payments refer to it) with its address and password erased."""

    __tablename__ = "user"
    __table_args__ = (Index("ix_user_created_at", "created_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)  # case-folded by whoever writes it
    password_hash: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    is_active: Mapped[bool] = mapped_column(default=True)
    role: Mapped[Role] = mapped_column(enum(Role), default=Role.USER)
    # A new address counts once its link was opened; the token's hash is in PasswordResetToken's manner.
    pending_email: Mapped[str | None] = mapped_column(String(254))
    pending_email_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    pending_email_expires_at: Mapped[datetime | None]
    # Raising it ends every session: access tokens carry it as the claim `ver`.
    token_version: Mapped[int] = mapped_column(default=0)
    password_changed_at: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class RefreshFamily(Base):
    """One login: the chain of refresh tokens that came from it, of which only `current_jti` is good."""

    __tablename__ = "refresh_family"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    current_jti: Mapped[str] = mapped_column(String(36), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    rotated_at: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None] = mapped_column(String(32))  # logout, reuse, password, disabled


class RevokedToken(Base):
    """A token that is refused although it has not expired; swept once it has."""

    __tablename__ = "revoked_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    jti: Mapped[str] = mapped_column(String(36), unique=True)
    token_type: Mapped[str] = mapped_column(String(16))  # access, refresh
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    family_id: Mapped[str | None] = mapped_column(String(36), index=True)
    revoked_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class PasswordResetToken(Base):
    """A reset link: only the SHA-256 of its token is kept, and it works once."""

    __tablename__ = "password_reset_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
