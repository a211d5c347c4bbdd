"""The chunks of a split job, fetched from storage in place of being drawn."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import update

from oriel_fx.errors import OrielError
from oriel_fx.render.cancel import Cancelled, stop_if
from oriel_fx.render.chunks import Chunk, WorkFolder
from oriel_fx.render.joining import SOUND_FILE
from oriel_fx.server.db import db
from oriel_fx.server.errors import ObjectNotFoundError
from oriel_fx.server.jobs.claims import Claim, Part
from oriel_fx.server.models import Chunk as ChunkRow
from oriel_fx.server.states import ChunkStatus
from oriel_fx.server.storage.base import Storage

if TYPE_CHECKING:
    from oriel_fx.render.drawing import ChunkJob

_log = structlog.get_logger("oriel_fx.jobs")


class ChunkLostError(OrielError):
    """A drawn chunk is gone from storage, or is not what was stored; it will be drawn again."""

    code = "CHUNK_LOST"


class FetchedChunks:
    """What `render_video` takes to draw with: the files of a claim's parts, each compared with its hash."""

    def __init__(self, claim: Claim, storage: Storage) -> None:
        self._claim, self._storage = claim, storage
        self._parts = {(part.first, part.n_frames): part for part in claim.parts}

    def __call__(
        self, job: ChunkJob, chunks: list[Chunk], on_frames: Callable[[int], None], cancelled: Cancelled
    ) -> Iterator[Chunk]:
        """Fetch each. Raises ChunkLostError, StorageUnavailableError, RenderCancelledError."""
        for chunk in chunks:
            stop_if(cancelled)
            self._fetch(chunk, WorkFolder(job.folder).chunk_file(chunk))
            on_frames(chunk.n_frames)
            yield chunk

    def _fetch(self, chunk: Chunk, path: Path) -> None:
        part = self._parts.get((chunk.first, chunk.n_frames))
        if part is None or part.number != chunk.number:
            raise ChunkLostError(f"Frames {chunk.first} to {chunk.stop} are no chunk of the job's rows.")
        try:
            self._storage.download(part.key, path)
        except ObjectNotFoundError:
            self._forget(part)
            raise ChunkLostError(f"Chunk {part.number} is gone from storage.") from None
        if sha256_of(path) != part.sha256:
            path.unlink()
            self._forget(part)
            raise ChunkLostError(f"Chunk {part.number} in storage is not what was stored.")

    def _forget(self, part: Part) -> None:
        """The row says that it is to be drawn; the join is tried again after that."""
        _log.error("a chunk is lost", chunk=part.number, key=part.key)
        row = update(ChunkRow).where(
            ChunkRow.job_id == self._claim.job_id,
            ChunkRow.number == part.number,
            ChunkRow.storage_key == part.key,
        )
        values = {"status": ChunkStatus.PENDING, "storage_key": None, "sha256": None, "frames_done": 0}
        db.session.execute(row.values(**values, enqueued_at=None), execution_options={"synchronize_session": False})
        db.session.commit()


def sound_key(claim: Claim) -> str:
    """Where the sound is that was encoded beside the first group; there may be none."""
    return f"chunks/{claim.public_id}/{SOUND_FILE}"


def fetch_sound(claim: Claim, storage: Storage, folder: Path) -> None:
    """The encoded sound into `folder`, if somebody stored it. Raises StorageUnavailableError."""
    if not (folder / SOUND_FILE).exists():
        with contextlib.suppress(ObjectNotFoundError):
            storage.download(sound_key(claim), folder / SOUND_FILE)


def sha256_of(path: Path) -> str:
    """A file's SHA-256, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
