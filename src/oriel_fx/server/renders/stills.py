"""Preview stills: drawn by a limited program, kept on this machine's disk, marked until the job is paid for."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from threading import BoundedSemaphore
from typing import Literal

import structlog
from sqlalchemy import select

from oriel_fx.server.db import db
from oriel_fx.server.errors import (
    ObjectNotFoundError,
    PreviewBusyError,
    RenderPipelineError,
    UploadExpiredError,
    ValidationFailedError,
)
from oriel_fx.server.models import JobAsset, RenderJob
from oriel_fx.server.renders.job_files import JobFiles, fetch_uploads
from oriel_fx.server.renders.limited import MB, Limits, run_limited
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus

StillSuffix = Literal[".jpg", ".webp"]
_PAID = (JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.COMPLETED)
_KEPT_JOBS, _KEPT_STILLS = 24, 240
# Nobody uses a folder any more that was not touched for so long.
_IDLE_S = 600
_SMALLEST_PX = 16
# Each takes a core for a second or more; renders and other requests want some too.
_SLOTS = BoundedSemaphore(2)
_log = structlog.get_logger("oriel_fx.renders")


def preview_still(services: Services, job: RenderJob, at_s: float, width_px: int, suffix: StillSuffix) -> bytes:
    """The picture file of the video's frame at a time, at most as large as the job's payment allows.

    Ends the session's transaction: no database connection is held while drawing. Raises ValidationFailedError (past
    the end), UploadExpiredError, PreviewBusyError, RenderPipelineError, StorageUnavailableError.
    """
    _require_files(job)
    _require_time(job, at_s)
    paid = is_paid(job)
    size_px = still_size(services.settings, job, width_px, paid)
    index = min(job.n_frames - 1, int(Fraction(at_s) * Fraction(job.fps) + Fraction(1, 1000)))
    folder = cache_folder(services.settings) / job.public_id
    still = folder / f"still-{index}-{size_px[0]}-{'paid' if paid else 'unpaid'}{suffix}"
    with contextlib.suppress(FileNotFoundError):
        return still.read_bytes()
    output = {**job.render_config["output"], "size": f"{size_px[0]}x{size_px[1]}"}
    task = {
        "spec": {**job.render_config, "output": output},
        "at_s": float(job.render_config["output"]["start"] + float(index / Fraction(job.fps))),
        "watermark": not paid,
        "suffix": suffix,
        "to": str(still),
    }
    uploads = db.session.execute(select(JobAsset).where(JobAsset.job_id == job.id)).scalars().all()
    db.session.expunge_all()
    db.session.rollback()
    with _slot(services.settings):
        _make_room(folder)
        try:
            files = fetch_uploads(services.storage, uploads, folder)
        except ObjectNotFoundError:
            raise UploadExpiredError from None
        _draw(task, files, folder, services.settings)
    return still.read_bytes()


def is_paid(job: RenderJob) -> bool:
    """Whether the job's stills are shown whole."""
    return job.payment_id is not None and job.status in _PAID


def still_size(settings: Settings, job: RenderJob, width_px: int, paid: bool) -> tuple[int, int]:
    """Width and height in even pixels: as asked for, no larger than the video, and small until it is paid for."""
    scale = min(1.0, width_px / job.width_px)
    if not paid:
        scale = min(scale, settings.preview_max_px / max(job.width_px, job.height_px))
    # Downwards, so that no side passes its limit.
    return _even(job.width_px * scale), _even(job.height_px * scale)


def cache_folder(settings: Settings) -> Path:
    """Where stills and what they are made from are kept; all of it can be deleted at any time."""
    return settings.data_dir / "cache" / "previews"


def _even(pixels: float) -> int:
    return max(_SMALLEST_PX, int(pixels + 1e-6) // 2 * 2)


def _require_files(job: RenderJob) -> None:
    if job.files_deleted_at is not None or job.status in (JobStatus.EXPIRED, JobStatus.CANCELED):
        raise UploadExpiredError("The upload of this job was deleted.")


def _require_time(job: RenderJob, at_s: float) -> None:
    if at_s > job.duration_s:
        message = f"{at_s:g} s is past the video's end at {job.duration_s:.1f} s."
        raise ValidationFailedError(message, faults=[{"path": "t", "message": message}])


@contextlib.contextmanager
def _slot(settings: Settings) -> Iterator[None]:
    """One of the few places in which stills are drawn. Raises PreviewBusyError where none gets free in time."""
    if not _SLOTS.acquire(timeout=settings.preview_timeout_s / 2):
        raise PreviewBusyError
    try:
        yield
    finally:
        _SLOTS.release()


def _draw(task: dict[str, object], files: JobFiles, folder: Path, settings: Settings) -> None:
    task = task | {
        "song": str(files.song),
        "assets": {name: str(path) for name, path in files.assets.files.items()},
        "cover": str(files.assets.cover) if files.assets.cover else None,
    }
    seconds = settings.preview_timeout_s
    limits = Limits(wall_s=seconds, cpu_s=max(1, round(4 * seconds)), memory_bytes=2000 * MB, file_bytes=400 * MB)
    command = [sys.executable, "-I", "-m", "oriel_fx.server.renders.draw_still", json.dumps(task)]
    log = folder / "still.log"
    ran = run_limited(command, limits, errors=log, max_output_bytes=MB, keep_output=False)
    if ran.timed_out:
        raise PreviewBusyError("The preview took too long; try again soon.")
    if ran.status:
        _log.error("a still could not be drawn", status=ran.status, said=log.read_text("utf-8", "replace")[-2000:])
        raise RenderPipelineError


def _make_room(folder: Path) -> None:
    """Make the job's folder; delete the oldest stills of it, and the folders nobody has used lately."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.touch()
    by_age = sorted(folder.glob("still-*"), key=_touched_at)
    for still in by_age[:-_KEPT_STILLS]:
        still.unlink(missing_ok=True)
    others = sorted(folder.parent.iterdir(), key=_touched_at)
    for other in others[:-_KEPT_JOBS]:
        if time.time() - _touched_at(other) > _IDLE_S:
            shutil.rmtree(other, ignore_errors=True)


def _touched_at(path: Path) -> float:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0
