"""The ffmpeg child: found, started, fed frames through a bounded queue, and never left behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from oriel_fx.errors import EncodeError, OutputError
from oriel_fx.render.audio.child import start_child
from oriel_fx.render.audio.ffmpeg import ffmpeg_exe
from oriel_fx.render.pixels import Planes

QUEUE_FRAMES = 4
PIPE_BYTES = 1 << 20


def find_ffmpeg() -> str:
    """Path of imageio-ffmpeg's ffmpeg, or of the one IMAGEIO_FFMPEG_EXE names. Raises DependencyError."""
    return ffmpeg_exe()


def ffmpeg_error(stderr: str, target: Path) -> OutputError | EncodeError:
    """What a failed ffmpeg said, as an error."""
    if "No space left on device" in stderr:
        return OutputError(
            f"The disk is full: {target.parent} has no room left.",
            "Free some space and run it again; finished parts are kept.",
        )
    if "Permission denied" in stderr:
        return OutputError(f"{target} cannot be written: permission denied.", "Choose another place with -o.")
    last = next((line for line in reversed(stderr.splitlines()) if line.strip()), "it said nothing")
    return EncodeError(
        f"ffmpeg failed while writing {target.name}: {last.strip()}",
        "Run `oriel doctor`; if all is well there, report this.",
    )


def run_ffmpeg(
    command: list[str], target: Path, cancelled: Callable[[], bool] = lambda: False, folder: Path | None = None
) -> str:
    """Run ffmpeg, in a folder if one is given, and return what it printed; stops early when cancelled.

    Raises OutputError, EncodeError.
    """
    child = start_child(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, folder=folder
    )
    try:
        while True:
            try:
                out, err = child.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                if cancelled():
                    child.kill()
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    if child.returncode and not cancelled():
        raise ffmpeg_error(err.decode("utf-8", "replace"), target)
    return out.decode("utf-8", "replace")


class Encoder:
    """One ffmpeg that eats I420 frames: borrow planes with `take`, fill them, give them back with `put`.

    A thread of its own writes to the pipe, so that drawing and encoding overlap; the buffers are reused.
    """

    def __init__(self, command: list[str], target: Path, width: int, height: int) -> None:
        self._target = target
        self._child = start_child(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert self._child.stdin is not None
        self._pipe: IO[bytes] = self._child.stdin
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._free: queue.Queue[Planes] = queue.Queue()
        for _ in range(QUEUE_FRAMES):
            self._free.put(Planes.empty(width, height))
        self._full: queue.Queue[Planes | None] = queue.Queue()
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
        descriptor = self._pipe.fileno()
        while (planes := self._full.get()) is not None:
            if not self._failed.is_set():
                try:
                    view = planes.data.data
                    while view:
                        view = view[os.write(descriptor, view) :]
                except OSError:
                    self._failed.set()
            self._free.put(planes)
        with contextlib.suppress(OSError):
            self._pipe.close()

    def take(self) -> Planes:
        """Planes to draw the next frame into. Raises EncodeError or OutputError when ffmpeg has died."""
        planes = self._free.get()
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
