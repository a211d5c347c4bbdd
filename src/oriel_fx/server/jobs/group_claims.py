"""Claiming a group of a split job's chunks, and keeping it: the rows' lease says whose it is."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import exists, func, select, update

from oriel_fx.render.chunks import Chunk as Run
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.errors import QueueUnavailableError
from oriel_fx.server.jobs.claims import DRAWN, Claim, Lease, State, facts_of, shared_out
from oriel_fx.server.jobs.fan_out import WAITING
from oriel_fx.server.models import Chunk, RenderJob
from oriel_fx.server.renders.enqueue import group_work_id
from oriel_fx.server.services import current_services, current_settings
from oriel_fx.server.states import ChunkStatus, JobStatus

# A job's progress when nothing is drawn yet.
_BEGUN = 0.05
_QUIETLY = {"synchronize_session": False}


@dataclass(frozen=True, kw_only=True)
class GroupClaim(Claim):
    """Chunks that this worker holds. `owner` is a name no other claim has: whose rows bear another has lost them."""

    group: int
    owner: str
    chunks: tuple[Run, ...]
    started_at: datetime

    @property
    def group_frames(self) -> int:
        return sum(chunk.n_frames for chunk in self.chunks)


def claim_group(public_id: str, group: int, owner: str) -> GroupClaim | None:
    """Take what is due of a group; None where there is nothing to do. Commits."""
    job = db.session.scalar(select(RenderJob).where(RenderJob.public_id == public_id))
    if job is None or job.status is not JobStatus.PROCESSING:
        db.session.rollback()
        return None
    now = utcnow()
    owner = f"{owner[:100]}:{secrets.token_hex(6)}"
    until = now + timedelta(seconds=current_settings().lease_s)
    taken = update(Chunk).where(
        Chunk.job_id == job.id,
        Chunk.group_number == group,
        Chunk.status == ChunkStatus.PENDING,
        Chunk.next_attempt_at.is_(None) | (Chunk.next_attempt_at <= now),
        exists().where(RenderJob.id == job.id, shared_out(), RenderJob.cancel_requested.is_(False)),
    )
    values = {
        "status": ChunkStatus.RENDERING,
        "lease_owner": owner,
        "lease_token": Chunk.lease_token + 1,
        "lease_expires_at": until,
        "enqueued_at": None,
    }
    rows = db.session.execute(
        taken.values(**values).returning(Chunk.number, Chunk.first_frame, Chunk.n_frames), execution_options=_QUIETLY
    ).all()
    chunks = tuple(sorted((Run(n, first, first + length) for n, first, length in rows), key=lambda run: run.number))
    if not chunks:
        db.session.rollback()
        return None
    facts = facts_of(job, sum(chunk.n_frames for chunk in chunks))
    claim = GroupClaim(**facts, group=group, owner=owner, chunks=chunks, started_at=job.started_at or now)
    db.session.commit()
    return claim


def claim_next(job: GroupClaim, owner: str) -> GroupClaim | None:
    """Take the next group of the same job that is due, out of the queue too; None where there is none. Commits."""
    now = utcnow()
    waiting = (
        select(Chunk.group_number, func.max(Chunk.lease_token))
        .where(
            Chunk.job_id == job.job_id,
            Chunk.status == ChunkStatus.PENDING,
            Chunk.next_attempt_at.is_(None) | (Chunk.next_attempt_at <= now),
        )
        .group_by(Chunk.group_number)
        .order_by(Chunk.group_number)
    )
    for group, run in db.session.execute(waiting).all():
        if claim := claim_group(job.public_id, group, owner):
            work_id = group_work_id(job.public_id, group, run)
            with contextlib.suppress(QueueUnavailableError):
                if current_services().queue.position(work_id) is not None:
                    current_services().queue.cancel(work_id)
            return claim
    db.session.rollback()
    return None


class GroupLease(Lease):
    """Extends a group's lease and writes how much of it is drawn; its job's progress is the sum over all groups."""

    def __init__(self, app: Flask, claim: GroupClaim) -> None:
        super().__init__(app, claim)
        self._group = claim

    def drawn(self, frames: int) -> None:
        """So many of the group's frames are drawn."""
        self.say(State("draw", frames / self._group.group_frames))

    def _extend(self, state: State, now: datetime) -> bool | None:
        claim = self._group
        held = (Chunk.job_id == claim.job_id, Chunk.lease_owner == claim.owner)
        until = now + timedelta(seconds=self._lease_s)
        extended = update(Chunk).where(*held).values(lease_expires_at=until).returning(Chunk.number)
        numbers = db.session.execute(extended, execution_options=_QUIETLY).all()
        if len(numbers) < len(claim.chunks):
            db.session.rollback()
            return None
        left = round(state.progress * claim.group_frames)
        for chunk in claim.chunks:
            frames = min(chunk.n_frames, left)
            left -= frames
            more = update(Chunk).where(*held, Chunk.number == chunk.number, Chunk.frames_done < frames)
            db.session.execute(more.values(frames_done=frames), execution_options=_QUIETLY)
        cancel_requested = _tell_job(claim, now)
        db.session.commit()
        return cancel_requested


def _tell_job(claim: GroupClaim, now: datetime) -> bool | None:
    """Write how far all groups are; whether the job is to be canceled, None where it is no longer shared out."""
    row = db.session.execute(
        update(RenderJob)
        .where(RenderJob.id == claim.job_id, shared_out(), RenderJob.lease_token == claim.token)
        .values(stage="draw", updated_at=now, **_progress(claim, now))
        .returning(RenderJob.cancel_requested),
        execution_options=_QUIETLY,
    ).first()
    return None if row is None else bool(row[0])


def _progress(claim: GroupClaim, now: datetime) -> dict[str, float | None]:
    frames = db.session.scalar(select(func.sum(Chunk.frames_done)).where(Chunk.job_id == claim.job_id)) or 0
    part = frames / claim.n_frames
    elapsed_s = (now - claim.started_at).total_seconds()
    eta_s = elapsed_s * (claim.n_frames - frames) / frames if frames else None
    return {"progress": round(_BEGUN + (DRAWN - _BEGUN) * part, 4), "eta_s": eta_s}


def finish_chunk(claim: GroupClaim, chunk: Run, key: str, sha256: str) -> bool:
    """Note where a drawn chunk is; False where it is no longer ours. Commits."""
    done = db.session.execute(
        _of(claim)
        .where(
            Chunk.number == chunk.number,
            exists().where(RenderJob.id == claim.job_id, shared_out(), RenderJob.lease_token == claim.token),
        )
        .values(
            status=ChunkStatus.DONE,
            frames_done=chunk.n_frames,
            storage_key=key,
            sha256=sha256,
            next_attempt_at=None,
        )
        .returning(Chunk.id),
        execution_options=_QUIETLY,
    ).first()
    if done is not None:
        # A group may be drawn before its lease is extended once.
        _tell_job(claim, utcnow())
    db.session.commit()
    return done is not None


def release_group(claim: GroupClaim, *, not_before: datetime | None = None, attempts: int | None = None) -> None:
    """Give back what is not drawn, with the number of attempts that have failed where that has changed. Commits."""
    values: dict[str, Any] = {**WAITING, "next_attempt_at": not_before}
    if attempts is not None:
        values["attempts"] = attempts
    db.session.execute(_of(claim).values(**values), execution_options=_QUIETLY)
    db.session.commit()


def is_shared_out(claim: GroupClaim) -> bool:
    """Whether the job is still with those who draw its chunks."""
    same = (RenderJob.id == claim.job_id, shared_out(), RenderJob.lease_token == claim.token)
    there = db.session.scalar(select(RenderJob.id).where(*same)) is not None
    db.session.rollback()
    return there


def failures_of(claim: GroupClaim) -> int:
    """The most attempts that have failed at any chunk it holds and has not drawn."""
    held = (Chunk.job_id == claim.job_id, Chunk.lease_owner == claim.owner, Chunk.status == ChunkStatus.RENDERING)
    return db.session.scalar(select(func.max(Chunk.attempts)).where(*held)) or 0


def _of(claim: GroupClaim) -> Any:
    """What this claim holds and is not drawn."""
    return update(Chunk).where(
        Chunk.job_id == claim.job_id, Chunk.lease_owner == claim.owner, Chunk.status == ChunkStatus.RENDERING
    )
