"""One attempt at one job: claim, fetch, render, store, complete; and what to do when something is in the way."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import structlog
from flask import Flask
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from oriel_fx.server.cleanup import drop_ended_work
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.errors import DatabaseUnavailableError, StorageUnavailableError, UnavailableError
from oriel_fx.server.jobs import outcomes
from oriel_fx.server.jobs.claims import Claim, Lease, claim_job, claim_join, give_back
from oriel_fx.server.jobs.fan_out import hand_out, remove_chunks
from oriel_fx.server.jobs.files import remove_work, work_folder
from oriel_fx.server.jobs.outcomes import PERMANENT, Stored, fault_of, retry_wait_s
from oriel_fx.server.jobs.stopping import STOPPING
from oriel_fx.server.jobs.video import (
    CancelRequestedError,
    HandBackError,
    LostError,
    at,
    make_poster,
    make_video,
)
from oriel_fx.server.models import RenderJob
from oriel_fx.server.renders.enqueue import enqueue_render
from oriel_fx.server.renders.job_files import fetch_uploads
from oriel_fx.server.services import current_services, current_settings
from oriel_fx.server.states import JobStatus
from oriel_fx.server.storage.base import Storage

# Another service is away. That is no failure of the job: it waits, and is not counted.
AWAY = (
    UnavailableError,
    DatabaseUnavailableError,
    StorageUnavailableError,
    OperationalError,
    InterfaceError,
    PoolTimeoutError,
)
POSTPONE_S = 30
# How long a finished video waits for storage or the database before its job is put back.
PATIENCE_S, AGAIN_S = 300, 2
_log = structlog.get_logger("oriel_fx.jobs")
T = TypeVar("T")


def run_render(app: Flask, public_id: str) -> None:
    """Work on one job, if it is queued and due. Never raises for what is the job's or another service's fault."""
    structlog.contextvars.bind_contextvars(job_id=public_id)
    try:
        if hand_out(public_id):
            return
        claim = claim_job(public_id, owner=this_process())
    except AWAY as error:
        _log.warning("job not claimed", error=type(error).__name__)
        return
    _run(app, public_id, claim)


def run_join(app: Flask, public_id: str) -> None:
    """Join the chunks of a shared-out job, if all are drawn and nobody joins them yet."""
    structlog.contextvars.bind_contextvars(job_id=public_id)
    try:
        claim = claim_join(public_id, owner=this_process())
    except AWAY as error:
        _log.warning("job not claimed", error=type(error).__name__)
        return
    _run(app, public_id, claim)


def this_process() -> str:
    """What a lease's owner is called: the machine and the process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _run(app: Flask, public_id: str, claim: Claim | None) -> None:
    if claim is None:
        _log.info("nothing to render")
        return
    folder = work_folder(current_settings(), public_id)
    keep = True
    try:
        # Whoever joins a split job's chunks removes its folder on that machine alone.
        drop_ended_work(utcnow())
        keep = _work(app, claim, folder)
    except AWAY as error:
        # The lease runs out, and the reconciler puts the job back.
        _log.warning("job left to its lease", error=type(error).__name__)
    finally:
        db.session.remove()
        if not keep:
            remove_work(folder)


def _work(app: Flask, claim: Claim, folder: Path) -> bool:
    """Do it, and settle what comes of it; whether the folder is still needed."""
    try:
        with Lease(app, claim) as lease:
            stored = _attempt(claim, lease, folder)
            completed = insist(lambda: outcomes.complete(claim, stored))
        if not completed:
            return _settle_lost(claim)
        _log.info("job completed", lease=claim.token)
        if claim.parts:
            _remove_chunks(claim)
        return False
    except LostError:
        return _settle_lost(claim)
    except CancelRequestedError:
        _log.info("job canceled")
        return not insist(lambda: outcomes.cancel(claim))
    except HandBackError:
        _hand_back(claim)
        return True
    except AWAY as error:
        _postpone(claim, error)
        return True
    except Exception as error:
        return _failed(claim, error)


def _attempt(claim: Claim, lease: Lease, folder: Path) -> Stored:
    storage = current_services().storage
    lease.say(at("fetch"))
    folder.mkdir(parents=True, exist_ok=True)
    files = fetch_uploads(storage, claim.uploads, folder)
    video = folder / "video.mp4"
    started = time.monotonic()
    make_video(claim, lease, files, video, current_settings().drain_s, storage)
    _log.info("rendered", took_s=round(time.monotonic() - started, 1), frames=claim.n_frames)
    lease.say(at("store"))
    return insist(lambda: _store(storage, claim, video, folder / "poster.jpg"))


def _store(storage: Storage, claim: Claim, video: Path, poster: Path) -> Stored:
    video_key, poster_key = f"videos/{claim.public_id}.mp4", f"posters/{claim.public_id}.jpg"
    n_bytes = storage.save(video_key, video, "video/mp4")
    if not make_poster(video, float(claim.n_frames / claim.fps), poster):
        return Stored(video_key, n_bytes, None)
    storage.save(poster_key, poster, "image/jpeg")
    return Stored(video_key, n_bytes, poster_key)


def _remove_chunks(claim: Claim) -> None:
    try:
        remove_chunks(claim.job_id)
    except AWAY as error:
        # The reconciler does it later.
        _log.warning("chunks not removed", error=type(error).__name__)


def insist(do: Callable[[], T]) -> T:
    """Do it, and again for some minutes while another service is away: what was rendered is worth waiting for."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return do()
        except AWAY as error:
            db.session.rollback()
            if STOPPING.is_set() or time.monotonic() > until:
                raise
            _log.warning("waiting for another service", error=type(error).__name__)
            STOPPING.wait(AGAIN_S)


def _postpone(claim: Claim, error: Exception) -> None:
    _log.warning("job postponed", error=type(error).__name__)
    db.session.rollback()
    later = utcnow() + timedelta(seconds=POSTPONE_S)
    insist(lambda: give_back(claim, not_before=later, detail=repr(error)[:1000], failed=False))


def _failed(claim: Claim, error: Exception) -> bool:
    """Try again later, or give up; whether the folder is still needed."""
    db.session.rollback()
    fault = fault_of(error)
    permanent = isinstance(error, PERMANENT)
    _log.warning("attempt failed", code=fault.code, permanent=permanent, exc_info=not permanent)

    def settle() -> bool:
        job = db.session.get_one(RenderJob, claim.job_id, populate_existing=True)
        failures = job.attempts + 1
        if permanent or failures >= current_settings().job_attempts:
            job.attempts = failures
            outcomes.fail(job, fault, permanent=permanent, lease_token=claim.token)
            return False
        later = utcnow() + timedelta(seconds=retry_wait_s(failures))
        give_back(claim, not_before=later, detail=fault.detail, failed=True)
        return True

    return insist(settle)


def _hand_back(claim: Claim) -> None:
    if not insist(lambda: give_back(claim, failed=False)):
        return
    enqueue_render(db.session.get_one(RenderJob, claim.job_id, populate_existing=True))
    _log.info("job handed back")


def _settle_lost(claim: Claim) -> bool:
    """After losing a job: whether somebody still works on it here or elsewhere. If nobody will, its files go."""
    _log.warning("job lost", lease=claim.token)
    db.session.rollback()
    job = db.session.get_one(RenderJob, claim.job_id, populate_existing=True)
    if job.status in (JobStatus.CANCELED, JobStatus.FAILED):
        storage = current_services().storage
        for key in (f"videos/{claim.public_id}.mp4", f"posters/{claim.public_id}.jpg"):
            storage.delete(key)
    return job.status in (JobStatus.QUEUED, JobStatus.PROCESSING)
