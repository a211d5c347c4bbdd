"""Putting a job that is due into the render queue. The row is the truth: what fails here the reconciler does later."""

from __future__ import annotations

import math

import structlog
from sqlalchemy.orm import object_session

from oriel_fx.render.estimate import CPU_S_PER_MEGAPIXEL, START_S
from oriel_fx.server.db import utcnow
from oriel_fx.server.errors import QueueUnavailableError
from oriel_fx.server.models import RenderJob
from oriel_fx.server.queue.base import JOIN, RENDER_CHUNK, RENDER_VIDEO, VIDEO_RENDERING
from oriel_fx.server.services import current_services
from oriel_fx.server.settings import Settings

# How many times slower than the measured machine at its highest quality a worker may be before its job is stopped.
_SLOWER = 6
_log = structlog.get_logger("oriel_fx.renders")


def enqueue_render(job: RenderJob) -> bool:
    """Put a queued job into the render queue and stamp `enqueued_at`; whether it is there now.

    Call it after committing the transition to `queued`, or a worker may look before there is anything to see. It
    commits the stamp by itself. Work that waits or runs already is not put there again. False means that the queue
    cannot be reached: the row stays `queued` without a stamp, and the reconciler enqueues it.
    """
    services = current_services()
    try:
        services.queue.enqueue(
            VIDEO_RENDERING,
            RENDER_VIDEO,
            job.public_id,
            job_timeout_s=render_timeout_s(services.settings, job),
            unique_id=render_work_id(job),
        )
    except QueueUnavailableError:
        _log.warning("job not enqueued: the queue is away", job_id=job.public_id)
        return False
    session = object_session(job)
    assert session is not None, "the job belongs to no session"
    job.enqueued_at = utcnow()
    session.commit()
    return True


def enqueue_group(job: RenderJob, group: int, run: int) -> bool:
    """Have a group of a split job's chunks drawn, before what came later; whether it is in the queue now.

    `run` is the highest lease token of its chunks that are not drawn. Writes nothing.
    """
    services = current_services()
    try:
        services.queue.enqueue(
            VIDEO_RENDERING,
            RENDER_CHUNK,
            job.public_id,
            group,
            # Whoever has drawn one goes on with the next, to the last perhaps.
            job_timeout_s=render_timeout_s(services.settings, job),
            unique_id=group_work_id(job.public_id, group, run),
            first=True,
        )
    except QueueUnavailableError:
        _log.warning("chunks not enqueued: the queue is away", job_id=job.public_id, group=group)
        return False
    return True


def group_work_id(public_id: str, group: int, run: int) -> str:
    """The name of a group's next run in the queue."""
    return f"chunks-{public_id}-{group}-{run}"


def enqueue_join(job: RenderJob) -> bool:
    """Have the chunks of a split job joined, before what came later; whether it is in the queue now. Writes nothing."""
    services = current_services()
    try:
        services.queue.enqueue(
            VIDEO_RENDERING,
            JOIN,
            job.public_id,
            job_timeout_s=render_timeout_s(services.settings, job),
            unique_id=f"join-{job.public_id}-{job.lease_token}",
            first=True,
        )
    except QueueUnavailableError:
        _log.warning("join not enqueued: the queue is away", job_id=job.public_id)
        return False
    return True


def render_work_id(job: RenderJob) -> str:
    """The name of the job's next run in the queue; each claim raises the lease, so every run has a new name."""
    return f"render-{job.public_id}-{job.lease_token}"


def render_timeout_s(settings: Settings, job: RenderJob, n_frames: int | None = None) -> int:
    """After how many seconds an attempt is stopped: from its frames and their size, at least the configured time."""
    megapixels = (job.n_frames if n_frames is None else n_frames) * job.width_px * job.height_px / 1e6
    expected_s = START_S + megapixels * max(CPU_S_PER_MEGAPIXEL.values())
    return max(settings.job_timeout_min_s, math.ceil(expected_s * _SLOWER))
