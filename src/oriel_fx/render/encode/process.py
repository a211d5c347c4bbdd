"""ffmpeg as renders use it: found, run, and its failures told."""

from __future__ import annotations

import subprocess
from pathlib import Path

from oriel_fx.errors import EncodeError, OutputError
from oriel_fx.render.audio.child import start_child
from oriel_fx.render.audio.ffmpeg import ffmpeg_exe
from oriel_fx.render.cancel import Cancelled, never


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
    last = next((line.strip() for line in reversed(stderr.splitlines()) if line.strip()), "")
    if not last:
        # It complains about all that it cannot do; only what is killed says nothing.
        return EncodeError(
            f"ffmpeg ended unexpectedly while writing {target.name}.",
            "Run the same command again to go on; with --jobs 1 if the machine lacked memory.",
        )
    return EncodeError(
        f"ffmpeg failed while writing {target.name}: {last}",
        "Run `oriel doctor`; if all is well there, report this.",
    )


def run_ffmpeg(command: list[str], target: Path, cancelled: Cancelled = never, folder: Path | None = None) -> str:
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
