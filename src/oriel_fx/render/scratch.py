"""A temporary folder for what is read once and thrown away."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from oriel_fx.errors import OutputError

PREFIX = "oriel-song-"
# One that is just being made is not locked yet.
_YOUNG_S = 60.0


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that goes when the context ends. That of a process that was killed goes when another is made.

    Raises OutputError when there is no place for one.
    """
    try:
        _sweep(Path(tempfile.gettempdir()))
        folder = tempfile.TemporaryDirectory(prefix=PREFIX)
    except OSError as error:
        raise OutputError(
            f"No temporary folder can be made: {error.strerror}.",
            "Free some space, or set TMPDIR to a folder that has some.",
        ) from None
    with folder as name:
        held = os.open(name, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_SH)
            yield Path(name)
        finally:
            os.close(held)


def _sweep(parent: Path) -> None:
    """Remove folders that nobody holds: an hour of song is 320 MB, and a killed process leaves its own."""
    for left in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime < _YOUNG_S:
                continue
            door = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(door)
