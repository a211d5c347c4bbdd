"""Several processes drawing chunks of one render."""

from __future__ import annotations

import contextlib
import json
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import oriel_fx.errors
from oriel_fx.errors import EncodeError, OrielError
from oriel_fx.render.audio.child import start_child
from oriel_fx.render.cancel import Cancelled, stop_if
from oriel_fx.render.chunks import Chunk
from oriel_fx.render.drawing import ChunkJob


def draw_in_processes(
    job: ChunkJob,
    chunks: list[Chunk],
    n_processes: int,
    on_frames: Callable[[int], None],
    cancelled: Cancelled,
    on_warnings: Callable[[tuple[str, ...]], None] = lambda warnings: None,
) -> Iterator[Chunk]:
    """Draw chunks on `n_processes` workers; yields each when its file is whole, in any order.

    `on_warnings` hears at the end what each worker found not right. Raises what a worker raised, and
    RenderCancelledError. No worker outlives the call, or this process.
    """
    todo: queue.SimpleQueue[Chunk] = queue.SimpleQueue()
    for chunk in chunks:
        todo.put(chunk)
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    workers = [_Worker(job, todo, events) for _ in range(min(n_processes, len(chunks)))]
    left = len(chunks)
    try:
        while left:
            try:
                event = events.get(timeout=0.2)
            except queue.Empty:
                event = None
            stop_if(cancelled)
            if isinstance(event, Exception):
                raise event
            if isinstance(event, int):
                on_frames(event)
            elif isinstance(event, Chunk):
                left -= 1
                yield event
        for worker in workers:
            on_warnings(worker.wait())
    finally:
        for worker in workers:
            worker.stop()


# -P: a module of the user's in the current folder is never taken for one of Python's.
WORKER = [sys.executable, "-P", "-m", "oriel_fx.render.worker"]


class _Worker:
    """One process and the thread that talks to it; the thread lives as long as the process does."""

    def __init__(self, job: ChunkJob, todo: queue.SimpleQueue[Chunk], events: queue.SimpleQueue[Any]) -> None:
        self._job, self._todo, self._events = job, todo, events
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._warnings: tuple[str, ...] = ()
        self._thread = threading.Thread(target=self._run, name="oriel-worker")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._talk()
        except BrokenPipeError:
            self._tell(_ended())
        except Exception as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        if not self._stopped:
            self._events.put(error)

    def _talk(self) -> None:
        with start_child(WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None) as child:
            self._child = child
            if self._stopped:
                child.kill()
            assert child.stdin and child.stdout
            try:
                pickle.dump(self._job, child.stdin)
                self._converse(child.stdin, child.stdout)
            finally:
                with contextlib.suppress(OSError):
                    child.stdin.close()
                if not self._stopped:
                    child.wait(timeout=30)

    def _converse(self, stdin: Any, stdout: Any) -> None:
        """Keep the worker two chunks ahead at most, so that it draws one while closing the other."""
        waiting: list[Chunk] = []
        closed = False
        while True:
            while not closed and len(waiting) < 2:
                try:
                    chunk = self._todo.get_nowait()
                except queue.Empty:
                    stdin.close()
                    closed = True
                    break
                waiting.append(chunk)
                stdin.write(f"{chunk.number}\n".encode())
                stdin.flush()
            if not waiting:
                break
            line = stdout.readline()
            if not line:
                raise _ended()
            event = json.loads(line)
            if "frames" in event:
                self._events.put(int(event["frames"]))
            elif "done" in event:
                done = next(chunk for chunk in waiting if chunk.number == event["done"])
                waiting.remove(done)
                self._events.put(done)
            else:
                raise rebuilt(event)
        for line in stdout:
            self._warnings += tuple(json.loads(line).get("warnings", ()))

    def wait(self) -> tuple[str, ...]:
        """What it found not right, when it has ended by itself."""
        self._thread.join()
        return self._warnings

    def stop(self) -> None:
        self._stopped = True
        if self._child and self._child.poll() is None:
            self._child.kill()
        self._thread.join()


def _ended() -> EncodeError:
    return EncodeError(
        "A drawing process ended unexpectedly.",
        "Run the same command again to go on; with --jobs 1 if it lacked memory.",
    )


def rebuilt(event: dict[str, str]) -> OrielError:
    """An error that another process told of by its type's name, message and hint."""
    kind = getattr(oriel_fx.errors, event["error"], OrielError)
    error: OrielError = kind(event["message"], event["hint"])
    return error
