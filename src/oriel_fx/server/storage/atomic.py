"""Files that appear whole or not at all, and are on disk when they do."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_file(path: Path, temp_dir: Path, *, lasting: bool = True) -> Iterator[BinaryIO]:
    """A file to write that becomes `path` when the block ends well, and vanishes when it does not.

    `temp_dir` is on the same file system. The folder of `path` is made; another process may remove it, empty as it is,
    at any moment. `lasting`: the file survives a power cut.
    """
    temp_dir.mkdir(parents=True, exist_ok=True)
    unfinished = temp_dir / f"{secrets.token_hex(12)}.tmp"
    try:
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        _move(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    if lasting:
        sync_dir(path.parent)


def sync_dir(folder: Path) -> None:
    """Make what was renamed or deleted in a folder last."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move(unfinished: Path, path: Path) -> None:
    for _ in range(20):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.replace(path)
            return
        except FileNotFoundError:
            continue
    raise FileNotFoundError(f"{path.parent} is removed again and again")
