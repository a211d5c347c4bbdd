"""Long videos are drawn by several workers: their chunks are rows, in groups that any worker may take.

    queued ──hand_out──▶ processing, with chunk rows and nobody's lease ──claim_join──▶ processing ──▶ completed

The rows are the truth. The queue only carries "draw group 3 of this job" and "join this job"; `drive` says so again
whenever Redis may have forgotten, takes groups from workers that are gone, and removes the rows of jobs that are over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update

from oriel_fx.render.chunks import Chunk as Run
from oriel_fx.render.chunks import plan_chunks
from oriel_fx.render.groups import plan_groups
from oriel_fx.render.prepare import first_frame
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.errors import StorageUnavailableError
from oriel_fx.server.jobs.claims import CANCEL_REASON, FREED, shared_out
from oriel_fx.server.jobs.outcomes import workers_lost
from oriel_fx.server.models import Chunk, RenderJob
from oriel_fx.server.payments.locks import lock_row
from oriel_fx.server.renders.cancel import finish_cancel
from oriel_fx.server.renders.enqueue import enqueue_group, enqueue_join
from oriel_fx.server.renders.job_files import spec_of
from oriel_fx.server.renders.transitions import transition
from oriel_fx.server.services import current_services, current_settings
from oriel_fx.server.states import ChunkStatus, JobStatus

BATCH = 200
# How often chunks that wait are looked for in the queue.
LOOK_AGAIN_S = 10
GOES_ON = (JobStatus.QUEUED, JobStatus.PROCESSING)
# What a chunk that nobody draws has in place of a lease.
WAITING = {
    "status": ChunkStatus.PENDING,
    "frames_done": 0,
    "lease_owner": None,
    "lease_expires_at": None,
    "enqueued_at": None,
}
_log = structlog.get_logger("oriel_fx.jobs")


def hand_out(public_id: str) -> bool:
    """Share a queued job out, where it is to be and is not drawn yet; whether that was done. Commits."""
    job = db.session.scalar(select(RenderJob).where(RenderJob.public_id == public_id))
    now = utcnow()
    if job is None or job.status is not JobStatus.QUEUED or job.cancel_requested:
        db.session.rollback()
        return False
    states = list(db.session.scalars(select(Chunk.status).where(Chunk.job_id == job.id)))
    groups = [] if states else _groups_of(job)
    too_early = job.next_attempt_at is not None and job.next_attempt_at > now
    if too_early or (len(groups) < 2 and not states) or (states and set(states) == {ChunkStatus.DONE}):
        db.session.rollback()
        return False
    started: dict[str, Any] = {"started_at": now, "next_attempt_at": None, "enqueued_at": None, "stage": "draw"}
    if not transition(job, JobStatus.PROCESSING, lease_owner=None, lease_expires_at=None, **started):
        db.session.rollback()
        return False
    for number, group in enumerate(groups):
        for run in group:
            db.session.add(
                Chunk(
                    job_id=job.id,
                    number=run.number,
                    group_number=number,
                    first_frame=run.first,
                    n_frames=run.n_frames,
                )
            )
    # Of an earlier life of the job: each chunk has all its attempts again.
    again = update(Chunk).where(Chunk.job_id == job.id, Chunk.status == ChunkStatus.PENDING)
    db.session.flush()
    db.session.execute(again.values(attempts=0, next_attempt_at=None, enqueued_at=None))
    db.session.commit()
    _log.info("job shared out", groups=len(groups), frames=job.n_frames)
    enqueue_groups(now, job.id)
    return True


def _groups_of(job: RenderJob) -> list[list[Run]]:
    """The groups a job's chunks are drawn in; none where one worker renders it whole: a short one, or a web page."""
    if job.duration_s <= current_settings().fan_out_s:
        return []
    try:
        spec = spec_of(job)
    except ValueError:
        return []  # whoever renders it says what is wrong
    if spec.page is not None:
        return []
    fps = spec.output.frames_per_s
    # The length was measured by decoding the whole song when it was submitted.
    first = first_frame(spec)
    return plan_groups(plan_chunks(first, first + job.n_frames, fps))


def drive(now: datetime) -> int:
    """All that shared-out jobs need from the reconciler; how many things were done. Commits."""
    return free_lost(now) + finish_cancels() + enqueue_groups(now) + enqueue_joins(now) + remove_leftovers()


def free_lost(now: datetime) -> int:
    """Give groups whose worker is gone to others; a job that has lost many workers is given up. Commits."""
    lost = select(Chunk.job_id, Chunk.lease_owner).where(
        Chunk.status == ChunkStatus.RENDERING, Chunk.lease_expires_at < now
    )
    return sum(_free(job_id, owner, now) for job_id, owner in db.session.execute(lost.distinct().limit(BATCH)).all())


def _free(job_id: int, owner: str | None, now: datetime) -> bool:
    freed = db.session.execute(
        update(Chunk)
        .where(
            Chunk.job_id == job_id,
            Chunk.lease_owner == owner,
            Chunk.status == ChunkStatus.RENDERING,
            Chunk.lease_expires_at < now,
        )
        .values(**WAITING)
        .returning(Chunk.id),
        execution_options={"synchronize_session": False},
    ).all()
    if not freed:
        db.session.rollback()
        return False
    counted = update(RenderJob).where(RenderJob.id == job_id, shared_out()).values(crashes=RenderJob.crashes + 1)
    db.session.execute(counted, execution_options={"synchronize_session": False})
    db.session.commit()
    job = db.session.get_one(RenderJob, job_id, populate_existing=True)
    _log.warning("chunks taken from a lost worker", job_id=job.public_id, chunks=len(freed), crashes=job.crashes)
    if job.status is JobStatus.PROCESSING and job.crashes > current_settings().job_crashes:
        workers_lost(job, job.crashes, owner)
    return True


def finish_cancels() -> int:
    """End the jobs whose owner wants them stopped: a worker that still draws finds its job canceled. Commits."""
    wanted = select(RenderJob).where(shared_out(), RenderJob.cancel_requested, _is_split())
    done = 0
    for job in db.session.scalars(wanted.order_by(RenderJob.id).limit(BATCH)).all():
        done += finish_cancel(db.session, job, CANCEL_REASON, lease_token=job.lease_token, **FREED)
        db.session.commit()
    return done


def enqueue_groups(now: datetime, job_id: int | None = None) -> int:
    """Put groups into the queue that are due and may not be there, of one job or of all; how many. Commits."""
    seen = now - timedelta(seconds=LOOK_AGAIN_S)
    due = (
        select(Chunk.job_id, Chunk.group_number, func.max(Chunk.lease_token))
        .join(RenderJob, RenderJob.id == Chunk.job_id)
        .where(
            shared_out(),
            RenderJob.cancel_requested.is_(False),
            Chunk.status == ChunkStatus.PENDING,
            or_(Chunk.next_attempt_at.is_(None), Chunk.next_attempt_at <= now),
            or_(Chunk.enqueued_at.is_(None), Chunk.enqueued_at < seen),
        )
        .group_by(Chunk.job_id, Chunk.group_number)
        .order_by(Chunk.job_id, Chunk.group_number)
    )
    if job_id is not None:
        due = due.where(Chunk.job_id == job_id)
    number = 0
    # Each is put before the others: what is to be drawn first comes last.
    for one_id, group, run in reversed(db.session.execute(due.limit(BATCH)).all()):
        if not enqueue_group(db.session.get_one(RenderJob, one_id), group, run):
            break
        there = update(Chunk).where(
            Chunk.job_id == one_id, Chunk.group_number == group, Chunk.status == ChunkStatus.PENDING
        )
        db.session.execute(there.values(enqueued_at=now), execution_options={"synchronize_session": False})
        db.session.commit()
        number += 1
    return number


def enqueue_joins(now: datetime, job_id: int | None = None) -> int:
    """Have jobs joined whose chunks are all drawn, where the queue may not know of it; how many. Commits."""
    seen = now - timedelta(seconds=LOOK_AGAIN_S)
    undone = exists().where(Chunk.job_id == RenderJob.id, Chunk.status != ChunkStatus.DONE)
    ready = select(RenderJob).where(shared_out(), RenderJob.cancel_requested.is_(False), _is_split(), ~undone)
    ready = ready.where(or_(RenderJob.enqueued_at.is_(None), RenderJob.enqueued_at < seen))
    if job_id is not None:
        ready = ready.where(RenderJob.id == job_id)
    number = 0
    for job in db.session.scalars(ready.order_by(RenderJob.id).limit(BATCH)).all():
        if not enqueue_join(job):
            break
        there = update(RenderJob).where(RenderJob.id == job.id, shared_out())
        db.session.execute(there.values(enqueued_at=now), execution_options={"synchronize_session": False})
        db.session.commit()
        number += 1
    return number


def remove_leftovers() -> int:
    """Remove the chunks of jobs that are over; of how many. Where storage is away it is done later. Commits."""
    over = select(RenderJob.id).where(RenderJob.status.not_in(GOES_ON), _is_split()).limit(BATCH)
    try:
        return sum(remove_chunks(job_id) for job_id in db.session.scalars(over).all())
    except StorageUnavailableError:
        _log.warning("chunks not removed: storage is away")
        return 0


def remove_chunks(job_id: int) -> bool:
    """Remove a job's chunks, files first, if it is over. Commits. Raises StorageUnavailableError."""
    storage = current_services().storage
    # A retry by an operator waits here until all is gone.
    job = lock_row(db.session, RenderJob, job_id)
    if job.status in GOES_ON:
        db.session.rollback()
        return False
    try:
        for file in list(storage.list(f"chunks/{job.public_id}/")):
            storage.delete(file.key)
    except StorageUnavailableError:
        db.session.rollback()
        raise
    db.session.execute(delete(Chunk).where(Chunk.job_id == job_id), execution_options={"synchronize_session": False})
    db.session.commit()
    return True


def _is_split() -> ColumnElement[bool]:
    return exists().where(Chunk.job_id == RenderJob.id)
