"""The side of `oriel render --queue`: groups go into the queue, and the folder's finished chunks are the truth.

Redis may forget anything: what is neither drawn nor under way is enqueued again. The names of the work follow from
the render, so the same command, started again, finds what still runs.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oriel_fx.errors import (
    AssetError,
    DependencyError,
    EncodeError,
    OutputError,
    SongError,
    SpecError,
    UsageError,
)
from oriel_fx.render.cancel import Cancelled, stop_if
from oriel_fx.render.chunks import Chunk, WorkFolder
from oriel_fx.render.groups import plan_groups
from oriel_fx.render.pool import rebuilt
from oriel_fx.server.errors import QueueUnavailableError
from oriel_fx.server.queue.base import DRAW_SHARED, SHARED_RENDERING
from oriel_fx.server.queue.redis import RedisQueue, connect
from oriel_fx.server.settings import read_settings
from oriel_fx.server.shared.address import check_address
from oriel_fx.server.shared.package import write_package
from oriel_fx.server.shared.reports import Report, forget_report, read_report

if TYPE_CHECKING:
    from oriel_fx.render.drawing import ChunkJob

LOOK_S, ENQUEUE_EVERY_S, ALONE_AFTER_S = 0.3, 2.0, 3.0
ATTEMPTS, LOSSES = 3, 20
# What another try cannot mend.
_PERMANENT = (SongError, SpecError, AssetError, OutputError, DependencyError, UsageError)
_GROUP_TIMEOUT_S = 6 * 3600


@dataclass
class _Group:
    """Chunks that one worker draws."""

    work_id: str
    chunks: list[Chunk]
    enqueued: int = 0
    failures: int = 0
    report: Report | None = None


class QueueDrawer:
    """What `render_video` takes to draw with: workers that serve the queue at `url` and share the work folder."""

    def __init__(self, url: str, warn: Callable[[str], None]) -> None:
        """`warn` is given sentences for the user. Raises UsageError where no Redis answers."""
        self._place = check_address(url)
        self._queue = RedisQueue(read_settings(redis_url=url, queue="redis"))
        self._redis = connect(url)
        self._warn = warn
        self._said: set[str] = set()
        try:
            self._queue.ping()
        except QueueUnavailableError:
            raise UsageError(f"No Redis answers at {self._place}.", "Check the address, and that it runs.") from None

    def __call__(
        self, job: ChunkJob, chunks: list[Chunk], on_frames: Callable[[int], None], cancelled: Cancelled
    ) -> Iterator[Chunk]:
        """Have them drawn. Raises what a worker raised, three times where another try may help."""
        key = write_package(job)
        folder = WorkFolder(job.folder)
        wanted = set(chunks)
        # Grouped as the whole render is, so that a group has the same name whenever it is asked for.
        plans = [[chunk for chunk in group if chunk in wanted] for group in plan_groups(job.chunks)]
        todo = [_Group(f"shared-{key}-{group[0].number}", group) for group in plans if group]
        told = drawn = 0
        started, enqueue_at = time.monotonic(), 0.0
        with self._patient():
            # What an earlier command was told.
            for group in todo:
                forget_report(self._redis, group.work_id)
        try:
            while todo:
                stop_if(cancelled)
                for group in list(todo):
                    for chunk in [one for one in group.chunks if folder.is_done(one, job.with_hashes)]:
                        group.chunks.remove(chunk)
                        drawn += chunk.n_frames
                        yield chunk
                    if not group.chunks:
                        todo.remove(group)
                now = time.monotonic()
                with self._patient():
                    self._read(todo)
                    if now >= enqueue_at:
                        enqueue_at = now + ENQUEUE_EVERY_S
                        self._enqueue(str(job.folder.absolute()), key, todo)
                        if now - started > ALONE_AFTER_S:
                            self._look_for_workers()
                frames = drawn + sum(group.report.frames for group in todo if group.report)
                if frames != told:
                    on_frames(frames - told)
                    told = frames
                time.sleep(LOOK_S)
        finally:
            self._call_off(todo)

    def _enqueue(self, folder: str, key: str, groups: list[_Group]) -> None:
        """Put groups into the queue that are not there, and not under way."""
        for group in groups:
            numbers = ",".join(str(chunk.number) for chunk in group.chunks)
            words = (folder, key, numbers)
            if self._queue.enqueue(
                SHARED_RENDERING, DRAW_SHARED, *words, job_timeout_s=_GROUP_TIMEOUT_S, unique_id=group.work_id
            ):
                forget_report(self._redis, group.work_id)
                group.enqueued += 1
                group.report = None
                if group.enqueued - group.failures > LOSSES:
                    raise EncodeError(
                        f"Workers were lost {LOSSES} times with chunk {group.chunks[0].number}.",
                        "Look at the workers' output; they may lack memory.",
                    )

    def _read(self, groups: list[_Group]) -> None:
        """Hear how far each is. Raises what a worker could not do."""
        for group in groups:
            group.report = read_report(self._redis, group.work_id)
            if group.report is None or group.report.error is None:
                continue
            error = rebuilt(group.report.error)
            group.failures += 1
            forget_report(self._redis, group.work_id)
            group.report = None
            if isinstance(error, _PERMANENT) or group.failures >= ATTEMPTS:
                raise error
            self._warn(f"A worker could not draw chunk {group.chunks[0].number}: {error.message} It is tried again.")

    def _look_for_workers(self) -> None:
        if not any(SHARED_RENDERING in worker.queues for worker in self._queue.workers()):
            self._say_once(
                f"No worker serves the queue at {self._place}; waiting. "
                f"Start one on a machine that shares the folder: oriel worker --queue {self._place}"
            )

    @contextlib.contextmanager
    def _patient(self) -> Iterator[None]:
        try:
            yield
        except QueueUnavailableError:
            # What is being drawn goes on, and shows in the folder.
            self._say_once(f"Redis at {self._place} does not answer; waiting for it.")

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._warn(sentence)

    def _call_off(self, groups: list[_Group]) -> None:
        with contextlib.suppress(QueueUnavailableError):
            for group in groups:
                self._queue.cancel(group.work_id)
