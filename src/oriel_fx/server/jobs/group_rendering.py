"""One attempt at a group of a split job's chunks: claim, fetch, draw, store; and what when something is in the way."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import structlog
from flask import Flask

from oriel_fx.errors import RenderCancelledError
from oriel_fx.render.chunks import Chunk, WorkFolder
from oriel_fx.render.groups import draw_group
from oriel_fx.render.joining import SOUND_FILE
from oriel_fx.server.cleanup import drop_ended_work
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.jobs import outcomes
from oriel_fx.server.jobs.fan_out import enqueue_groups, enqueue_joins
from oriel_fx.server.jobs.fetching import sha256_of, sound_key
from oriel_fx.server.jobs.files import groups_folder, work_folder
from oriel_fx.server.jobs.group_claims import (
    GroupClaim,
    GroupLease,
    claim_group,
    claim_next,
    failures_of,
    finish_chunk,
    is_shared_out,
    release_group,
)
from oriel_fx.server.jobs.outcomes import PERMANENT, fault_of, retry_wait_s
from oriel_fx.server.jobs.rendering import AWAY, POSTPONE_S, insist, this_process
from oriel_fx.server.jobs.stopping import STOPPING
from oriel_fx.server.jobs.video import CancelRequestedError, HandBackError, LostError, Watch, spec_of_claim
from oriel_fx.server.models import RenderJob
from oriel_fx.server.renders.job_files import fetch_uploads
from oriel_fx.server.services import current_services, current_settings
from oriel_fx.server.states import JobStatus

_log = structlog.get_logger("oriel_fx.jobs")


def run_group(app: Flask, public_id: str, group: int) -> None:
    """Draw what is due of a group, and of the job's others that nobody has taken by then.

    Never raises for what is the job's or another service's fault.
    """
    structlog.contextvars.bind_contextvars(job_id=public_id, group=group)
    claim: GroupClaim | None
    try:
        claim = claim_group(public_id, group, this_process())
    except AWAY as error:
        _log.warning("chunks not claimed", error=type(error).__name__)
        return
    if claim is None:
        _log.info("nothing to draw")
        return
    try:
        # Whoever joins a split job's chunks removes its folder on that machine alone.
        drop_ended_work(utcnow())
        # To begin anew for each group, as a process of its own, would cost a second or two.
        while claim is not None and _work(app, claim) and not STOPPING.is_set():
            claim = claim_next(claim, this_process())
            structlog.contextvars.bind_contextvars(group=claim.group if claim else None)
    except AWAY as error:
        # The lease runs out, and the reconciler gives the group to another.
        _log.warning("chunks left to their lease", error=type(error).__name__)
    finally:
        db.session.remove()


def _work(app: Flask, claim: GroupClaim) -> bool:
    """Do it, and settle what comes of it; whether it is drawn."""
    try:
        with GroupLease(app, claim) as lease:
            _draw(claim, lease)
        _log.info("chunks drawn", frames=claim.group_frames)
        enqueue_joins(utcnow(), claim.job_id)
        return True
    except LostError:
        _log.warning("chunks lost", owner=claim.owner)
    except CancelRequestedError:
        if insist(lambda: outcomes.cancel(claim)):
            _log.info("job canceled")
    except HandBackError:
        insist(lambda: release_group(claim))
        enqueue_groups(utcnow(), claim.job_id)
        _log.info("chunks handed back")
    except AWAY as error:
        _log.warning("chunks postponed", error=type(error).__name__)
        db.session.rollback()
        later = utcnow() + timedelta(seconds=POSTPONE_S)
        insist(lambda: release_group(claim, not_before=later))
    except Exception as error:
        _failed(claim, error)
    return False


def _draw(claim: GroupClaim, lease: GroupLease) -> None:
    settings, storage = current_settings(), current_services().storage
    folder = work_folder(settings, claim.public_id)
    place = groups_folder(folder)
    place.mkdir(parents=True, exist_ok=True)
    files = fetch_uploads(storage, claim.uploads, folder)
    watch = _GroupWatch(claim, lease, settings.drain_s, time.monotonic())
    stored: set[Chunk] = set()

    def store(chunk: Chunk) -> None:
        insist(lambda: _store(claim, chunk, WorkFolder(place).chunk_file(chunk)))
        stored.add(chunk)

    # Whoever has the beginning encodes the sound beside it.
    with_sound = claim.chunks[0].number == 0
    drawing = draw_group(
        files.song,
        spec_of_claim(claim),
        files.assets,
        place,
        claim.chunks,
        watch.drew,
        watch.should_stop,
        with_sound=with_sound,
    )
    try:
        for chunk in drawing:
            store(chunk)
        if with_sound:
            insist(lambda: _store_sound(claim, place / SOUND_FILE))
    except RenderCancelledError:
        if not (lease.lost.is_set() or lease.cancel.is_set()):
            # The last frame of a chunk was drawn, and its file was being closed, when this worker was told to stop.
            for chunk in claim.chunks:
                if chunk not in stored and WorkFolder(place).is_done(chunk, with_hashes=False):
                    store(chunk)
        watch.raise_why()
        raise


class _GroupWatch(Watch):
    """Watches over a group: its frames alone count."""

    def drew(self, frames: int) -> None:
        """So many more frames are drawn."""
        assert isinstance(self.lease, GroupLease)
        self.frames += frames
        self.lease.drawn(self.frames)

    def _edges(self) -> set[int]:
        assert isinstance(self.claim, GroupClaim)
        edges = [0]
        for chunk in self.claim.chunks:
            edges.append(edges[-1] + chunk.n_frames)
        return set(edges)


def _store(claim: GroupClaim, chunk: Chunk, file: Path) -> None:
    """Put a drawn chunk into storage and its row. Raises LostError where it is no longer ours."""
    storage = current_services().storage
    # Another worker may store the same chunk at the same moment: each under a name of its own, and one gets the row.
    key = f"chunks/{claim.public_id}/{chunk.number:05d}-{claim.owner.rpartition(':')[2]}.mp4"
    digest = sha256_of(file)
    storage.save(key, file, "video/mp4")
    if not finish_chunk(claim, chunk, key, digest):
        storage.delete(key)
        raise LostError
    file.unlink(missing_ok=True)


def _store_sound(claim: GroupClaim, file: Path) -> None:
    """Put the sound into storage. Should it get lost, whoever joins encodes it again."""
    storage = current_services().storage
    storage.save(sound_key(claim), file, "audio/mp4")
    if not is_shared_out(claim):
        # The job has ended meanwhile, perhaps, and what it had in storage is removed.
        storage.delete(sound_key(claim))


def _failed(claim: GroupClaim, error: Exception) -> None:
    """Have it tried again later, or give the job up."""
    db.session.rollback()
    fault = fault_of(error)
    permanent = isinstance(error, PERMANENT)
    _log.warning("chunks failed", code=fault.code, permanent=permanent, exc_info=not permanent)

    def settle() -> None:
        attempts = failures_of(claim) + 1
        release_group(claim, not_before=utcnow() + timedelta(seconds=retry_wait_s(attempts)), attempts=attempts)
        job = db.session.get_one(RenderJob, claim.job_id, populate_existing=True)
        if job.status is not JobStatus.PROCESSING or job.lease_token != claim.token:
            return
        job.error_detail = fault.detail
        if permanent or attempts >= current_settings().job_attempts:
            job.attempts = attempts
            outcomes.fail(job, fault, permanent=permanent, lease_token=claim.token)
        else:
            db.session.commit()

    insist(settle)
