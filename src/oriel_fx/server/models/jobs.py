"""Render jobs: the job, its uploads, its chunks, and the dead letters of those that gave up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oriel_fx.server.db import Base, utcnow
from oriel_fx.server.models.accounts import User
from oriel_fx.server.models.columns import enum, new_id
from oriel_fx.server.states import AssetKind, ChunkStatus, DeadLetterStatus, JobStatus


class RenderJob(Base):
    """One render bought by a user. `status` changes only through `renders.transitions.transition`."""

    __tablename__ = "render_job"
    __table_args__ = (
        Index("ix_render_job_user_id_created_at", "user_id", "created_at"),  # history
        Index("ix_render_job_status_created_at", "status", "created_at"),  # unpaid sweep, queue position, lists
        Index("ix_render_job_status_lease_expires_at", "status", "lease_expires_at"),  # jobs whose worker is gone
        Index("ix_render_job_status_next_attempt_at", "status", "next_attempt_at"),  # what the reconciler enqueues
        Index("ix_render_job_status_expires_at", "status", "expires_at"),  # expired uploads and videos
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(36), unique=True, default=new_id)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    # A payment pays for one job: unique.
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payment.id"), unique=True)
    status: Mapped[JobStatus] = mapped_column(enum(JobStatus), default=JobStatus.AWAITING_PAYMENT)
    audio_filename: Mapped[str] = mapped_column(String(255))
    render_config: Mapped[dict[str, Any]]
    video_url: Mapped[str | None] = mapped_column(String(500))
    error_message: Mapped[str | None] = mapped_column(Text)  # for the user
    error_detail: Mapped[str | None] = mapped_column(Text)  # for operators
    error_code: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    completed_at: Mapped[datetime | None]

    # What is to be rendered, and its price
    price_cents: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    duration_s: Mapped[float]
    n_frames: Mapped[int]
    width_px: Mapped[int]
    height_px: Mapped[int]
    fps: Mapped[str] = mapped_column(String(16))  # a fraction, as in 30000/1001
    title: Mapped[str | None] = mapped_column(String(500))

    # Where it is
    stage: Mapped[str] = mapped_column(String(32), default="")
    progress: Mapped[float] = mapped_column(default=0.0)  # 0 to 1
    eta_s: Mapped[float | None]
    version: Mapped[int] = mapped_column(default=0)  # raised by each transition; event streams compare it
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)  # those that failed
    crashes: Mapped[int] = mapped_column(default=0)  # workers that were lost with it
    next_attempt_at: Mapped[datetime | None]
    enqueued_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None] = mapped_column(String(128))
    lease_token: Mapped[int] = mapped_column(default=0)  # the fence: raised by each claim
    lease_expires_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)

    # What came of it
    upload_key: Mapped[str] = mapped_column(String(255))  # the song in storage; JobAsset has all uploads
    upload_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    video_key: Mapped[str | None] = mapped_column(String(255))
    video_bytes: Mapped[int | None] = mapped_column(BigInteger)
    poster_key: Mapped[str | None] = mapped_column(String(255))
    download_token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)  # the link in the mail
    download_token_revoked: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime | None]  # of the upload while unpaid, of the video once completed
    files_deleted_at: Mapped[datetime | None]
    refund_due_at: Mapped[datetime | None] = mapped_column(index=True)

    user: Mapped[User] = relationship(lazy="raise")
    assets: Mapped[list[JobAsset]] = relationship(back_populates="job", lazy="raise", passive_deletes=True)


class JobAsset(Base):
    """One upload of a job, by its key in storage."""

    __tablename__ = "job_asset"
    __table_args__ = (UniqueConstraint("job_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("render_job.id", ondelete="CASCADE"))
    kind: Mapped[AssetKind] = mapped_column(enum(AssetKind))
    storage_key: Mapped[str] = mapped_column(String(255), unique=True)
    filename: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(100))
    n_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    job: Mapped[RenderJob] = relationship(back_populates="assets", lazy="raise")


class Chunk(Base):
    """One chunk of a job that is rendered by several workers."""

    __tablename__ = "chunk"
    __table_args__ = (
        UniqueConstraint("job_id", "number"),
        Index("ix_chunk_status_lease_expires_at", "status", "lease_expires_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("render_job.id", ondelete="CASCADE"))
    number: Mapped[int]
    group_number: Mapped[int]  # the run of chunks that one worker draws
    first_frame: Mapped[int]
    n_frames: Mapped[int]
    status: Mapped[ChunkStatus] = mapped_column(enum(ChunkStatus), default=ChunkStatus.PENDING)
    frames_done: Mapped[int] = mapped_column(default=0)
    storage_key: Mapped[str | None] = mapped_column(String(255))
    sha256: Mapped[str | None] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(default=0)  # those that failed
    next_attempt_at: Mapped[datetime | None]
    enqueued_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None] = mapped_column(String(128))  # the fence: each claim has a name of its own
    lease_token: Mapped[int] = mapped_column(default=0)  # raised by each claim; names the next run
    lease_expires_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)


class DeadLetter(Base):
    """A job that gave up, for an operator to retry or drop."""

    __tablename__ = "dead_letter"
    __table_args__ = (Index("ix_dead_letter_status_created_at", "status", "created_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("render_job.id"), index=True)
    queue: Mapped[str] = mapped_column(String(64))
    function: Mapped[str] = mapped_column(String(255))
    args: Mapped[dict[str, Any]]
    error_code: Mapped[str] = mapped_column(String(64))
    error_detail: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int]
    status: Mapped[DeadLetterStatus] = mapped_column(enum(DeadLetterStatus), default=DeadLetterStatus.OPEN)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
