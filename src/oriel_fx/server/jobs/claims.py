"""Claiming a job, and keeping it: one worker at a time, told by the row's lease."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import structlog
from flask import Flask
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import SQLAlchemyError

from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import Chunk, JobAsset, RenderJob
from oriel_fx.server.renders.cancel import finish_cancel
from oriel_fx.server.renders.enqueue import render_timeout_s
from oriel_fx.server.renders.transitions import transition
from oriel_fx.server.services import current_settings
from oriel_fx.server.states import ChunkStatus, JobStatus

TICK_S = 0.5
# A job's progress when all its frames are drawn.
DRAWN = 0.95
CANCEL_REASON = "canceled by user"
# Our own limit comes before RQ's, which would interrupt anything anywhere.
_BEFORE_RQ_S = 30
_log = structlog.get_logger("oriel_fx.jobs")


@dataclass(frozen=True)
class Part:
    """A drawn chunk of a split job: which, its frames, its file in storage and that file's SHA-256, hex."""

    number: int
    first: int
    n_frames: int
    key: str
    sha256: str


@dataclass(frozen=True)
class Claim:
    """A job that this worker holds. `token` is the lease's number: whoever has a lower one has lost the job."""

    job_id: int
    public_id: str
    token: int
    config: dict[str, Any]
    fps: Fraction
    n_frames: int
    uploads: tuple[JobAsset, ...]  # of no session
    limit_s: float
    parts: tuple[Part, ...] = ()  # of a split job, whose chunks are all drawn


def claim_job(public_id: str, owner: str) -> Claim | None:
    """Take a job that is queued and due; None where there is nothing to do. Commits."""
    job = db.session.scalar(select(RenderJob).where(RenderJob.public_id == public_id))
    now = utcnow()
    if job is None or job.status is not JobStatus.QUEUED or (job.next_attempt_at and job.next_attempt_at > now):
        db.session.rollback()
        return None
    structlog.contextvars.bind_contextvars(user_id=job.user_id)
    if job.cancel_requested:
        finish_cancel(db.session, job, CANCEL_REASON)
        db.session.commit()
        return None
    until = now + timedelta(seconds=current_settings().lease_s)
    parts = _parts_of(job)
    won = transition(
        job,
        JobStatus.PROCESSING,
        lease_owner=owner[:128],
        lease_expires_at=until,
        started_at=now,
        next_attempt_at=None,
        stage="join" if parts else "fetch",
        progress=DRAWN if parts else 0.0,
        eta_s=None,
    )
    claim = Claim(**facts_of(job), parts=parts) if won else None
    db.session.commit()
    return claim


def claim_join(public_id: str, owner: str) -> Claim | None:
    """Take a split job whose chunks are all drawn; None where there is nothing to do. Commits."""
    job = db.session.scalar(select(RenderJob).where(RenderJob.public_id == public_id))
    now = utcnow()
    if job is None or job.cancel_requested or not all_drawn(job.id):
        db.session.rollback()
        return None
    won = db.session.execute(
        update(RenderJob)
        .where(RenderJob.id == job.id, shared_out(), RenderJob.lease_token == job.lease_token)
        .values(
            lease_owner=owner[:128],
            lease_token=RenderJob.lease_token + 1,
            lease_expires_at=now + timedelta(seconds=current_settings().lease_s),
            enqueued_at=None,
            stage="join",
            progress=DRAWN,
            updated_at=now,
        )
        .returning(RenderJob.id),
        execution_options={"synchronize_session": False},
    ).first()
    db.session.refresh(job)
    claim = Claim(**facts_of(job), parts=_parts_of(job)) if won else None
    db.session.commit()
    return claim


def shared_out() -> ColumnElement[bool]:
    """The condition that a job is with the workers that draw its chunks: under way, and nobody's as a whole."""
    return (RenderJob.status == JobStatus.PROCESSING) & RenderJob.lease_expires_at.is_(None)


def all_drawn(job_id: int) -> bool:
    """Whether a job is split and all its chunks are drawn."""
    states = set(db.session.scalars(select(Chunk.status).where(Chunk.job_id == job_id).distinct()))
    return states == {ChunkStatus.DONE}


def facts_of(job: RenderJob, n_frames: int | None = None) -> dict[str, Any]:
    """What a claim says of a job; `n_frames` are those to be drawn, where it is not all of them."""
    uploads = tuple(db.session.scalars(select(JobAsset).where(JobAsset.job_id == job.id)))
    for upload in uploads:
        db.session.expunge(upload)
    return {
        "job_id": job.id,
        "public_id": job.public_id,
        "token": job.lease_token,
        "config": dict(job.render_config),
        "fps": Fraction(job.fps),
        "n_frames": job.n_frames,
        "uploads": uploads,
        "limit_s": render_timeout_s(current_settings(), job, n_frames) - _BEFORE_RQ_S,
    }


def _parts_of(job: RenderJob) -> tuple[Part, ...]:
    rows = db.session.scalars(select(Chunk).where(Chunk.job_id == job.id).order_by(Chunk.number))
    return tuple(
        Part(row.number, row.first_frame, row.n_frames, row.storage_key or "", row.sha256 or "") for row in rows
    )


@dataclass(frozen=True)
class State:
    """How far a job is: what it is at, 0 to 1, and the seconds left where they can be told."""

    stage: str
    progress: float
    eta_s: float | None = None


class Lease:
    """Extends a claim's lease and writes its progress, about twice a second at most, on a thread of its own.

    `lost` is set once another worker has the job, or nobody may go on with it; `cancel` once its owner wants it
    stopped. While the database is away the work goes on: nobody else can claim anything either.
    """

    def __init__(self, app: Flask, claim: Claim) -> None:
        self.lost = threading.Event()
        self.cancel = threading.Event()
        self._app, self._claim = app, claim
        self._lease_s = float(app.extensions["oriel"].settings.lease_s)
        self._state = self._written = State("fetch", 0.0)
        self._extended = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oriel-lease", daemon=True)

    def say(self, state: State) -> None:
        """What to write next."""
        self._state = state

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(TICK_S) and not self.lost.is_set():
            state, now = self._state, time.monotonic()
            if state == self._written and now - self._extended < self._lease_s / 4:
                continue
            try:
                with self._app.app_context():
                    self._write(state)
            except SQLAlchemyError as error:
                _log.warning("lease not extended", job_id=self._claim.public_id, error=type(error).__name__)
                self._ended.wait(1)
                continue
            self._written, self._extended = state, now

    def _write(self, state: State) -> None:
        cancel_requested = self._extend(state, utcnow())
        if cancel_requested is None:
            self.lost.set()
            # Where the worker itself has just settled the job, the lease ends now.
            if not self._ended.wait(1):
                _log.warning("lease lost", job_id=self._claim.public_id, lease=self._claim.token)
        elif cancel_requested:
            self.cancel.set()

    def _extend(self, state: State, now: datetime) -> bool | None:
        """Write it, and commit; whether the job is to be canceled, or None where it is no longer ours."""
        row = db.session.execute(
            _mine(self._claim)
            .values(
                stage=state.stage,
                progress=state.progress,
                eta_s=state.eta_s,
                lease_expires_at=now + timedelta(seconds=self._lease_s),
                updated_at=now,
            )
            .returning(RenderJob.cancel_requested),
            execution_options={"synchronize_session": False},
        ).first()
        db.session.commit()
        return None if row is None else bool(row[0])


def _mine(claim: Claim) -> Any:
    return update(RenderJob).where(
        RenderJob.id == claim.job_id,
        RenderJob.status == JobStatus.PROCESSING,
        RenderJob.lease_token == claim.token,
    )


def give_back(claim: Claim, *, not_before: datetime | None = None, detail: str | None = None, failed: bool) -> bool:
    """Put a claimed job back in the queue; `failed` counts an attempt. False where it is no longer ours. Commits."""
    job = db.session.get_one(RenderJob, claim.job_id, populate_existing=True)
    values: dict[str, Any] = {"attempts": job.attempts + 1} if failed else {}
    if detail is not None:
        values["error_detail"] = detail
    done = job.status is JobStatus.PROCESSING and transition(
        job, JobStatus.QUEUED, lease_token=claim.token, next_attempt_at=not_before, **values, **FREED
    )
    db.session.commit()
    return done


# What a job that nobody works on has in place of a lease.
FREED: dict[str, Any] = {"lease_owner": None, "lease_expires_at": None, "enqueued_at": None, "eta_s": None, "stage": ""}
