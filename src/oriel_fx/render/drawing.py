"""Drawing chunks: the one frame loop, engine → encoder → chunk file."""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from oriel_fx.render.assets import Assets
from oriel_fx.render.cancel import Cancelled, never, stop_if
from oriel_fx.render.chunks import HASH_BYTES, Chunk, WorkFolder, cannot_write, write_whole
from oriel_fx.render.encode.command import VideoFormat, encode_video
from oriel_fx.render.encode.encoder import Encoder
from oriel_fx.render.encode.process import find_ffmpeg
from oriel_fx.render.engines.base import Engine
from oriel_fx.render.engines.browser.build import open_page
from oriel_fx.render.engines.browser.options import PageOptions
from oriel_fx.render.engines.engine_calls import close_engine, engine_warnings
from oriel_fx.render.pixels import Planes
from oriel_fx.render.prepare import PreparedSong
from oriel_fx.render.setup import build_engine
from oriel_fx.render.spec import RenderSpec

REPORT_EVERY_FRAMES = 5


@dataclass(frozen=True)
class ChunkJob:
    """Everything a process needs to draw some of a render's chunks; it pickles."""

    song: PreparedSong
    spec: RenderSpec
    assets: Assets
    folder: Path
    chunks: tuple[Chunk, ...]
    with_hashes: bool
    page: PageOptions | None = None
    ending: str = ".mp4"

    @property
    def video(self) -> VideoFormat:
        output = self.spec.output
        return VideoFormat(*output.size_px, output.frames_per_s, output.quality, self.ending)


def draw_chunks(
    job: ChunkJob,
    chunks: Iterable[Chunk],
    on_frames: Callable[[int], None],
    cancelled: Cancelled = never,
    engine: Engine | None = None,
    on_warnings: Callable[[tuple[str, ...]], None] = lambda warnings: None,
) -> Iterator[Chunk]:
    """Draw chunks one after another, with `engine` where one is ready; yields each when its file is whole.

    While ffmpeg finishes one, the next is already being drawn. `on_warnings` hears at the end what was not right; of
    an engine given, its owner asks. Raises EncodeError, OutputError, RenderCancelledError; the files of finished
    chunks stay.
    """
    own = None if engine else _build(job, cancelled)
    engine = engine or own
    assert engine
    closing: _Closing | None = None
    try:
        for chunk in chunks:
            writing = _Writing(job, chunk)
            try:
                _draw_frames(engine, writing, on_frames, cancelled)
            except BaseException:
                writing.abort()
                raise
            # Under way before the one before it is waited for: should that fail, this chunk is not lost.
            previous, closing = closing, _Closing(writing)
            if previous:
                yield previous.wait()
        if closing:
            yield closing.wait()
            closing = None
        if own:
            on_warnings(engine_warnings(own))
    finally:
        close_engine(own)
        if closing:
            closing.abandon()


def _build(job: ChunkJob, cancelled: Cancelled) -> Engine:
    if job.page:
        return open_page(job.page, job.song, job.spec, cancelled)
    return build_engine(job.song, job.spec, job.assets)


def _draw_frames(engine: Engine, writing: _Writing, on_frames: Callable[[int], None], cancelled: Cancelled) -> None:
    unreported = 0
    for index in range(writing.chunk.first, writing.chunk.stop):
        stop_if(cancelled)
        writing.add(index, engine)
        unreported += 1
        if unreported >= REPORT_EVERY_FRAMES:
            on_frames(unreported)
            unreported = 0
    if unreported:
        on_frames(unreported)


class _Writing:
    """One chunk on its way into its file."""

    def __init__(self, job: ChunkJob, chunk: Chunk) -> None:
        self.chunk = chunk
        folder = WorkFolder(job.folder)
        self._target = folder.chunk_file(chunk)
        self._hash_file = folder.hash_file(chunk) if job.with_hashes else None
        # Of two machines that share the folder each may believe that the chunk is its own.
        self._part = self._target.with_suffix(f".{uuid.uuid4().hex[:8]}.part")
        self._hashes: list[str] = []
        video = job.video
        command = encode_video(find_ffmpeg(), video, "pipe:0", self._part)
        self._encoder = Encoder(command, self._part, video.width, video.height, video.container.with_alpha)

    def add(self, index: int, engine: Engine) -> None:
        planes = self._encoder.take()
        engine.draw(index, planes)
        if self._hash_file:
            self._hashes.append(f"{index} {hash_frame(planes)}")
        self._encoder.put(planes)

    def finish(self) -> None:
        try:
            self._encoder.finish()
            if self._hash_file:
                write_whole(self._hash_file, ("\n".join(self._hashes) + "\n").encode())
            with self._part.open("rb") as file:
                os.fsync(file.fileno())
            self._part.replace(self._target)
        except OSError as error:
            raise cannot_write(self._target, error) from error
        finally:
            self._part.unlink(missing_ok=True)

    def abort(self) -> None:
        self._encoder.abort()
        self._part.unlink(missing_ok=True)


class _Closing:
    """Finishes a chunk's file on a thread of its own."""

    def __init__(self, writing: _Writing) -> None:
        self._writing = writing
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="oriel-close")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._writing.finish()
        except Exception as error:
            self._error = error

    def wait(self) -> Chunk:
        self._thread.join()
        if self._error:
            raise self._error
        return self._writing.chunk

    def abandon(self) -> None:
        """Let it end by itself: its frames are all drawn, so the chunk is worth keeping."""
        self._thread.join()


def hash_frame(planes: Planes) -> str:
    """BLAKE2 of a frame's I420 bytes, hex."""
    return hashlib.blake2b(planes.data.data, digest_size=HASH_BYTES).hexdigest()
