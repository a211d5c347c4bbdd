"""The ffmpeg child that encodes: fed frames through a bounded queue, and never left behind."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
from pathlib import Path

from oriel_fx.render.audio.child import start_child
from oriel_fx.render.encode.pipe import FramePipe
from oriel_fx.render.encode.process import ffmpeg_error
from oriel_fx.render.pixels import Planes

# One being drawn, one on its way through the pipe, one lent to ffmpeg, the rest between them: at least so many frames,
# and more where they are small enough.
LEAST_FRAMES, MOST_FRAMES, QUEUE_BYTES = 5, 14, 45_000_000


class Encoder:
    """One ffmpeg that eats I420 frames, perhaps with alpha: borrow planes with `take`, fill them, give them to `put`.

    A thread of its own writes to the pipe, so that drawing and encoding overlap; the buffers are reused. Whoever draws
    waits until several are free: what drawing needs is then still in the processor's caches for all but the first.
    """

    def __init__(self, command: list[str], target: Path, width: int, height: int, with_alpha: bool = False) -> None:
        self._target = target
        self._child = start_child(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert self._child.stdin is not None
        self._pipe = self._child.stdin
        first = Planes.empty(width, height, with_alpha)
        count = min(MOST_FRAMES, max(LEAST_FRAMES, QUEUE_BYTES // first.data.nbytes))
        frames = [first, *(Planes.empty(width, height, with_alpha) for _ in range(count - 1))]
        # Fewer than are free once ffmpeg has taken all it was given.
        self._turn_frames = count // 2 - 1
        self._taken: list[Planes] = []
        # Kept until ffmpeg has ended: the last frame lent may still be read then.
        self._frames = FramePipe(self._pipe.fileno(), first.data.nbytes)
        # Simple queues are safe from a KeyboardInterrupt, which may leave the lock of the other kind held for ever.
        self._free: queue.SimpleQueue[Planes] = queue.SimpleQueue()
        for planes in frames:
            self._free.put(planes)
        self._full: queue.SimpleQueue[Planes | None] = queue.SimpleQueue()
        self._failed = threading.Event()
        self._stderr = b""
        self._writer = threading.Thread(target=self._write, name="oriel-encoder", daemon=True)
        self._writer.start()
        self._listener = threading.Thread(target=self._listen, name="oriel-encoder-stderr", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._child.stderr is not None
        with self._child.stderr as pipe:
            self._stderr = pipe.read()

    def _write(self) -> None:
        while (planes := self._full.get()) is not None:
            free: Planes | None = planes
            if not self._failed.is_set():
                try:
                    free = self._frames.write(planes)
                except OSError:
                    self._failed.set()
            if free:
                self._free.put(free)
        with contextlib.suppress(OSError):
            self._pipe.close()

    def take(self) -> Planes:
        """Planes to draw the next frame into. Raises EncodeError or OutputError when ffmpeg has died."""
        if not self._taken:
            self._taken = [self._free.get() for _ in range(self._turn_frames)]
        planes = self._taken.pop()
        if self._failed.is_set():
            # Its pipe broke, so it is ending by itself, and has yet to say why.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=5)
            self.abort()
            raise ffmpeg_error(self._stderr.decode("utf-8", "replace"), self._target)
        return planes

    def put(self, planes: Planes) -> None:
        """Hand over a drawn frame."""
        self._full.put(planes)

    def finish(self) -> None:
        """Wait until every frame is written and the file is closed. Raises EncodeError or OutputError."""
        self._full.put(None)
        self._writer.join()
        self._child.wait()
        self._listener.join()
        if self._child.returncode or self._failed.is_set():
            raise ffmpeg_error(self._stderr.decode("utf-8", "replace"), self._target)

    def abort(self) -> None:
        """Stop at once; what was written is of no use."""
        self._failed.set()
        self._child.kill()
        self._full.put(None)
        self._writer.join()
        self._child.wait()
        self._listener.join()
