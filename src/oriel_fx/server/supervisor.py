"""Child processes as one: started, started again when they end, stopped in order; none outlives this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from oriel_fx.render.audio.child import start_child
from oriel_fx.server.jobs.stopping import HURRY, STOPPING

# The wait before a child that ended is started again: doubled each time, forgotten once it has lived a while.
FIRST_WAIT_S, LONGEST_WAIT_S, SETTLED_S = 0.5, 30.0, 60.0
_LOOK_EVERY_S = 0.2
_log = structlog.get_logger("oriel_fx.supervisor")


def oriel(*words: str) -> list[str]:
    """The command line of `oriel <words>`, by this Python."""
    return [sys.executable, "-P", "-c", "from oriel_fx.cli.entry import run; run()", *words]


@dataclass
class _Child:
    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    wait_s: float = FIRST_WAIT_S
    due: float = field(default=0.0)


class Supervisor:
    """Runs named commands. Call it from the main thread: the kernel ends children with the thread that began them."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = {**os.environ, **(environment or {})}
        self._children: list[_Child] = []

    def add(self, name: str, command: list[str]) -> None:
        """Start a command now, and again whenever it ends."""
        child = _Child(name, command)
        self._children.append(child)
        self._start(child)

    def run(self) -> None:
        """Keep them running until this process is asked to stop."""
        while not STOPPING.wait(_LOOK_EVERY_S):
            self.look()

    def look(self) -> None:
        """Start again what has ended, after its wait."""
        now = time.monotonic()
        for child in self._children:
            if child.process is not None:
                code = child.process.poll()
                if code is None:
                    continue
                lived_s = now - child.started
                child.wait_s = FIRST_WAIT_S if lived_s > SETTLED_S else min(LONGEST_WAIT_S, child.wait_s * 2)
                _log.warning("a process ended", process=child.name, code=code, again_in_s=child.wait_s)
                child.process, child.due = None, now + child.wait_s
            elif now >= child.due:
                self._start(child)

    def stop(self, within_s: float) -> None:
        """Ask all of them to end, wait, and end those that did not; at once after a second signal."""
        running = {child.name: child.process for child in self._children if child.process is not None}
        self._children.clear()
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        until = time.monotonic() + within_s
        while any(process.poll() is None for process in running.values()):
            if HURRY.is_set() or time.monotonic() > until:
                break
            time.sleep(0.05)
        for name, process in running.items():
            if process.poll() is None:
                _log.warning("a process did not end in time", process=name)
                process.kill()
            process.wait()

    def pids(self) -> dict[str, int]:
        """The process ids of what runs now."""
        return {child.name: child.process.pid for child in self._children if child.process is not None}

    def _start(self, child: _Child) -> None:
        child.process = start_child(
            child.command, stdin=subprocess.DEVNULL, stdout=None, stderr=None, environment=self._environment
        )
        child.started = time.monotonic()
