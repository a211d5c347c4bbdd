"""Programs that read what strangers send, run with limits of memory, time and what they may write."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Timer

import structlog

from oriel_fx.render.audio.child import start_child

MB = 1_000_000
_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "IMAGEIO_FFMPEG_EXE")
_log = structlog.get_logger("oriel_fx.renders")


@dataclass(frozen=True)
class Limits:
    """Of one program: seconds by the clock, seconds of processor, bytes of memory, bytes of any file it writes."""

    wall_s: float
    cpu_s: int
    memory_bytes: int = 512 * MB
    file_bytes: int = 32 * MB


@dataclass(frozen=True)
class Ran:
    """How a program ended: its exit status (negative: a signal), bytes it wrote to its output, or what they were."""

    status: int
    n_bytes: int
    output: bytes
    timed_out: bool
    too_much: bool


def run_limited(
    command: Sequence[str], limits: Limits, *, errors: Path, max_output_bytes: int, keep_output: bool
) -> Ran:
    """Run a program to its end, or kill it where it passes a limit or writes more than `max_output_bytes`.

    Its standard error goes to the file `errors`. Output that is not kept is only counted. Raises OSError where the
    program cannot be started.
    """
    with errors.open("wb") as stderr:
        child = start_child(
            [*_leash(limits), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr.fileno(),
            environment=_environment(errors.parent),
        )
    timed_out = False

    def time_is_up() -> None:
        nonlocal timed_out
        timed_out = True
        child.kill()

    timer = Timer(limits.wall_s, time_is_up)
    timer.start()
    kept, n_bytes = [], 0
    try:
        assert child.stdout is not None
        while block := child.stdout.read1(1 << 18):  # type: ignore[attr-defined]
            n_bytes += len(block)
            if n_bytes > max_output_bytes:
                break
            if keep_output:
                kept.append(block)
    finally:
        if n_bytes > max_output_bytes:
            child.kill()
        status = child.wait()
        timer.cancel()
        assert child.stdout is not None
        child.stdout.close()
    return Ran(status, n_bytes, b"".join(kept), timed_out, n_bytes > max_output_bytes)


def _environment(folder: Path) -> dict[str, str]:
    """What a program needs to run, and none of the secrets that this process was given."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"TMPDIR": str(folder), "OPENBLAS_NUM_THREADS": "2"}


def _leash(limits: Limits) -> list[str]:
    # A program of its own sets the limits: `preexec_fn` is not safe in a process with threads.
    if not _has_prlimit():
        return []
    return [
        "prlimit",
        f"--data={limits.memory_bytes}",
        f"--cpu={limits.cpu_s}",
        f"--fsize={limits.file_bytes}",
        "--core=0",
        "--nofile=256",
        "--",
    ]


@cache
def _has_prlimit() -> bool:
    try:
        subprocess.run(["prlimit", "--core=0", "--", "true"], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        _log.warning("uploads are decoded without a limit of memory: prlimit (util-linux) is missing")
        return False
    return True
