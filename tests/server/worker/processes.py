"""Real `oriel` processes on a test's settings."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from oriel_fx.server.settings import Settings


class Processes:
    """Commands started for a test; none outlives it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._started: list[subprocess.Popen[bytes]] = []
        self.log = settings.data_dir / "processes.log"

    def start(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """`oriel <words>` with the settings in its environment."""
        settings = self._settings
        own = {
            "ORIEL_ENV": "development",
            "ORIEL_DATA_DIR": str(settings.data_dir),
            "ORIEL_DATABASE_URL": settings.database_url,
            "ORIEL_REDIS_URL": settings.redis_url,
            "ORIEL_LEASE_S": "5",
            "ORIEL_RECONCILE_EVERY_S": "0.5",
            "ORIEL_DRAIN_S": "20",
        }
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(Path(sys.executable).with_name("oriel")), *words],
                env={**os.environ, **own, **environment},
                stdout=log,
                stderr=log,
            )
        self._started.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            process.kill()
            process.wait()
        if self.log.exists():
            # pytest shows it where the test failed; a fixture is not told whether it did.
            print(self.log.read_text()[-8000:])


def until(true: Callable[[], object], seconds: float = 90) -> None:
    """Wait for it: as long as the slowest of machines may need, unless it is promised sooner."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    """The process ids of a process's own children."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    """The process ids of all children of a process, and of theirs."""
    return [one for child in children_of(pid) for one in (child, *descendants(child))]


def command_of(pid: int) -> str:
    """What a process was started as; empty once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def alive(pids: list[int]) -> Iterator[int]:
    """Those of them that still run; a zombie does not."""
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                yield pid


def kill(pid: int) -> None:
    """kill -9."""
    os.kill(pid, signal.SIGKILL)
