"""Chunks: a render cut into runs of frames that any process can draw, and a work folder that survives a kill.

The plan follows from the number of frames and the frame rate alone, so the pixels and the bytes never depend
on how many processes work on it, or on how often they were stopped.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import IO

from oriel_fx.errors import OutputError, RenderCancelledError
from oriel_fx.render.spec import RenderSpec

CHUNK_S = 12
# Raised whenever the same spec would draw other pixels or encode other bytes.
RENDER_VERSION = 6
HASH_BYTES = 16
LONGEST_NAME_BYTES = 255


@dataclass(frozen=True)
class Chunk:
    """A run of frames of the song: `first` inside, `stop` outside."""

    number: int
    first: int
    stop: int

    @property
    def n_frames(self) -> int:
        return self.stop - self.first


def plan_chunks(first: int, stop: int, fps: Fraction) -> list[Chunk]:
    """Cut frames first..stop into chunks of nearly equal length, about CHUNK_S seconds each."""
    count = max(1, round((stop - first) / (CHUNK_S * fps)))
    edges = [first + (stop - first) * i // count for i in range(count + 1)]
    return [Chunk(i, a, b) for i, (a, b) in enumerate(pairwise(edges))]


def hash_file(path: Path) -> str:
    """BLAKE2 of a file's content, hex."""
    digest = hashlib.blake2b(digest_size=HASH_BYTES)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def render_key(song: Path, spec: RenderSpec, asset_hashes: dict[str, str]) -> str:
    """What a work folder belongs to: song, name, spec, assets, and this version of the drawing."""
    parts = [
        str(RENDER_VERSION),
        hash_file(song),
        song.stem,
        spec.model_dump_json(),
        json.dumps(asset_hashes, sort_keys=True),
    ]
    return hashlib.blake2b("\0".join(parts).encode(errors="surrogateescape"), digest_size=HASH_BYTES).hexdigest()


class WorkFolder:
    """The folder beside the output that holds finished parts until they are joined."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @staticmethod
    def beside(output: Path) -> WorkFolder:
        name = output.name + ".oriel-work"
        if len(os.fsencode(name)) > LONGEST_NAME_BYTES:
            name = hashlib.blake2b(os.fsencode(name), digest_size=HASH_BYTES).hexdigest() + ".oriel-work"
        return WorkFolder(output.with_name(name))

    @contextlib.contextmanager
    def claimed(self, key: str, resume: bool) -> Iterator[None]:
        """Hold the folder for this render alone; what belongs to another song or spec is cleared first.

        After an error it goes, unless a finished chunk is in it; after a cancellation or Ctrl-C it stays.
        Raises OutputError when it cannot be made, or another render is using it.
        """
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            # Clearing what a link leads to would take somebody's files.
            raise OutputError(
                f"{self.path} is in the way: it is no folder.", "Move it away, or choose another name with -o."
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "lock").open("w")
        except OSError as error:
            raise cannot_write(self.path.absolute().parent, error) from error
        with lock:
            if not self._locks(lock):
                raise OutputError(
                    f"Another render is writing {self.path.stem}.",
                    "Wait for it, or choose another name with -o.",
                )
            try:
                if not (resume and self._key() == key):
                    self._clear()
                    facts = {"key": key, "version": RENDER_VERSION}
                    write_whole(self.path / "manifest.json", json.dumps(facts).encode(), durable=False)
                yield
            except RenderCancelledError:
                raise
            except Exception as error:
                if isinstance(error, FileNotFoundError) and str(error.filename).startswith(str(self.path)):
                    raise OutputError(
                        f"{self.path} is gone: something removed it while it was in use.", "Run it again."
                    ) from error
                if not any(self.path.glob("chunk-*.mp4")):
                    self.remove()
                raise

    def _locks(self, lock: IO[str]) -> bool:
        """Whether the lock is ours, and still the folder's: a render that just ended takes its folder with it."""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return os.path.samestat(os.fstat(lock.fileno()), (self.path / "lock").stat())
        except OSError:
            return False

    def _key(self) -> str | None:
        try:
            return str(json.loads((self.path / "manifest.json").read_text())["key"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _clear(self) -> None:
        for entry in self.path.iterdir():
            if entry.name != "lock":
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def chunk_file(self, chunk: Chunk) -> Path:
        """Its finished file; of that name whatever the video's container is, which ffmpeg finds out by itself."""
        return self.path / f"chunk-{chunk.number:05d}.mp4"

    def hash_file(self, chunk: Chunk) -> Path:
        return self.path / f"chunk-{chunk.number:05d}.hashes"

    def is_done(self, chunk: Chunk, with_hashes: bool) -> bool:
        return self.chunk_file(chunk).exists() and (not with_hashes or self.hash_file(chunk).exists())


def write_whole(path: Path, data: bytes, durable: bool = True) -> None:
    """Write a file so that it is there whole or not at all; `durable`: even if the power fails. Raises OutputError."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Why a file or folder could not be written, as an error."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"The disk is full: no room for {path}.", "Free some space and run it again.")
    return OutputError(f"{path} cannot be written: {error.strerror}.", "Choose another place.")
