"""Child processes that never outlive this one."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_LEASH = ("setpriv", "--pdeathsig", "KILL")


def start_child(
    command: Sequence[str],
    *,
    stdin: int | None,
    stdout: int | None,
    stderr: int | None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Popen for a program that dies when this process does, and leaves Ctrl-C to it.

    util-linux's setpriv asks the kernel for that where there is one, as `preexec_fn` must not: Python then forks
    for it, a fork makes OpenBLAS drop its threads, and a matrix product under way on another thread waits for
    them for ever. The kernel watches the *thread* that starts the child, so start it from one that outlives it.
    Source: prctl(2), PR_SET_PDEATHSIG. Raises OSError where the program cannot be started.
    """
    # setpriv would tell of a missing program only on its standard error.
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
    return subprocess.Popen(
        [*_leash(), *command],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=folder,
        env=environment,
        process_group=0,
    )


@cache
def _leash() -> tuple[str, ...]:
    """The words that tie a command to this process; none where setpriv is missing or cannot."""
    try:
        subprocess.run([*_LEASH, "true"], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ()
    return _LEASH
