"""Looking at other processes, as /proc shows them."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def processes_naming(text: str) -> list[int]:
    """Ids of running processes with this text in their command line; zombies are not running."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                if text.encode() in command and _runs(entry):
                    found.append(int(entry.name))
    return found


@contextlib.contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """Processes started inside heed Ctrl-C, even where the tests run in a background that ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _runs(entry: Path) -> bool:
    return (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(happens: Callable[[], bool], within_s: float = 20.0) -> None:
    """Ask again and again; fail after `within_s`."""
    until = time.monotonic() + within_s
    while not happens():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
