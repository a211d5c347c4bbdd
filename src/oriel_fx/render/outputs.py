"""Where a video goes: its name, whether it may be written there, and how it gets there whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from oriel_fx.errors import OutputError, UsageError
from oriel_fx.render.chunks import cannot_write
from oriel_fx.render.encode.command import CONTAINERS


def default_output(song: Path) -> Path:
    """`song.mp4` beside the song, or `song.oriel.mp4` where that is the song itself."""
    return song.with_suffix(".oriel.mp4" if song.suffix.lower() == ".mp4" else ".mp4")


def ending_of(output: Path) -> str:
    """Which of the files we write its name says it is: `.mp4`, `.mov`, `.webm`; empty for another."""
    return next((ending for ending in CONTAINERS if output.name.lower().endswith(ending)), "")


def check_output(song: Path, output: Path, force: bool, filmed: bool = False) -> None:
    """Whether the video may be written there, asked before any work is done. Raises UsageError, OutputError.

    `filmed`: it shows a page, which may be clear in places.
    """
    ending = ending_of(output)
    if not ending:
        raise UsageError(
            f"{output.name} does not end in .mp4.",
            "Oriel writes MP4 files, and of pages also .mov and .webm with alpha: give such a name with -o, or a "
            "folder that is there.",
        )
    if ending != ".mp4" and not filmed:
        raise UsageError(
            f"{output.name} does not end in .mp4.",
            "MOV and WebM, which can be clear, are for filmed pages (--page); choose an .mp4 name with -o.",
        )
    refuse_long_name(output)
    if output.is_dir():
        raise OutputError(f"{output} is a folder.", "Give a file name with -o.")
    if output.exists() and song.exists() and output.samefile(song):
        raise OutputError(f"{output} is the song itself.", "Choose another name with -o.")
    if output.exists() and not output.is_file():
        raise OutputError(f"{output} is no file but a pipe or a device.", "Choose another name with -o.")
    # Also a link that leads nowhere: the video would not get its name in the end.
    if os.path.lexists(output) and not force:
        raise _exists(output)
    folder = output.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"There is no folder {folder}.", "Make it first, or choose another place with -o.")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{folder} cannot be written to.", "Choose another place with -o.")


def refuse_long_name(file: Path) -> None:
    """Raises OutputError where no file can have such a name."""
    try:
        os.lstat(file)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise OutputError("The output's name is too long for a file.", "Choose a shorter one with -o.") from None


def check_hash_file(file: Path, song: Path, output: Path) -> None:
    """Whether the hashes may be written there, asked before any work is done. Raises OutputError."""
    hint = "Choose another place with --frame-hashes."
    folder = file.absolute().parent
    if not folder.is_dir() or (file.exists() and not file.is_file()) or not os.access(folder, os.W_OK):
        raise OutputError(f"{file} is not a place for a file.", hint)
    if file.absolute() == output.absolute() or (file.exists() and song.exists() and file.samefile(song)):
        raise OutputError(f"{file} is the song or the video itself.", hint)


def put_in_place(joined: Path, output: Path, force: bool) -> None:
    """Give the finished file its name; a file that has appeared there meanwhile is kept unless forced."""
    try:
        with joined.open("rb") as file:
            os.fsync(file.fileno())
        if force:
            joined.replace(output)
        else:
            _rename_new(joined, output)
    except FileExistsError:
        raise _exists(output) from None
    except OSError as error:
        raise cannot_write(output, error) from error


def _exists(output: Path) -> OutputError:
    return OutputError(f"{output} exists already.", "Use --force to replace it, or -o to choose another name.")


def _rename_new(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems know no hard links.
        source.replace(target)
