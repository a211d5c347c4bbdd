"""The worker's side of `oriel render --queue`: draw some chunks of the render in a shared folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import structlog
from rq import get_current_job

from oriel_fx.errors import OrielError, RenderCancelledError, UsageError
from oriel_fx.render.chunks import Chunk
from oriel_fx.render.groups import draw_group
from oriel_fx.server.jobs.stopping import STOPPING
from oriel_fx.server.settings import read_settings
from oriel_fx.server.shared.package import current_key, read_package
from oriel_fx.server.shared.reports import report_error, report_frames

_REPORT_EVERY_S, _LOOK_EVERY_S = 0.5, 1.0
_log = structlog.get_logger("oriel_fx.shared")


def draw(folder: str, key: str, numbers: str) -> None:
    """Draw the chunks of these numbers, separated by commas; called by the queue. Tells Redis how it goes.

    Nothing outside ORIEL_SHARED_DIR is read or written; without that setting nothing is drawn at all.
    """
    job = get_current_job()
    assert job is not None
    try:
        _draw(Path(folder), key, {int(number) for number in numbers.split(",")}, job.connection, job.id)
    except RenderCancelledError:
        # Told to stop, or the render is over: whoever wants it enqueues it again.
        _log.info("chunks handed back", folder=folder)
    except OrielError as error:
        _log.warning("chunks failed", folder=folder, error=error.message)
        report_error(job.connection, job.id, error)


def _draw(folder: Path, key: str, numbers: set[int], connection: Any, work_id: str) -> None:
    settings = read_settings()
    if settings.shared_dir is None:
        raise UsageError("This worker shares no folder.", "Start one with `oriel worker --queue`.")
    package = read_package(folder, key, settings.shared_dir)
    chunks = [chunk for chunk in package.chunks if chunk.number in numbers]
    watch = _Watch(package.folder, key, chunks, settings.drain_s)

    def on_frames(count: int) -> None:
        watch.frames += count
        now = time.monotonic()
        if now - watch.reported >= _REPORT_EVERY_S:
            watch.reported = now
            report_frames(connection, work_id, watch.frames - watch.finished)

    drawing = draw_group(
        package.song,
        package.spec,
        package.assets,
        package.folder,
        chunks,
        on_frames,
        watch.should_stop,
        package.with_hashes,
    )
    for chunk in drawing:
        # The file says so from now on.
        watch.finished += chunk.n_frames
        report_frames(connection, work_id, watch.frames - watch.finished)
    _log.info("chunks drawn", folder=str(folder), chunks=len(chunks))


class _Watch:
    """Whether to stop: at a chunk's end when the worker is to stop, at once when the render is another one."""

    def __init__(self, folder: Path, key: str, chunks: list[Chunk], drain_s: float) -> None:
        self._folder, self._key, self._drain_s = folder, key, drain_s
        self._edges = {0}
        for chunk in chunks:
            self._edges.add(max(self._edges) + chunk.n_frames)
        self.frames = self.finished = 0
        self.reported = 0.0
        self._looked = time.monotonic()
        self._stopping_since: float | None = None

    def should_stop(self) -> bool:
        """Asked before each frame."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY_S:
            self._looked = now
            if current_key(self._folder) != self._key:
                return True
        if not STOPPING.is_set():
            return False
        self._stopping_since = self._stopping_since or now
        return now - self._stopping_since >= self._drain_s or self.frames in self._edges
