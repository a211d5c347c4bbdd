"""A job's files while it is rendered: a folder of its own under the data folder, kept for as long as it may go on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from oriel_fx.render.assets import FoundAssets
from oriel_fx.server.jobs.claims import Claim, Upload
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import AssetKind
from oriel_fx.server.storage.base import Storage

_STEM_CHARS = 80
_UNSAFE = re.compile(r"[^\w .()'&,+-]+")


def work_root(settings: Settings) -> Path:
    """Where all jobs' folders are."""
    return settings.data_dir / "work"


def work_folder(settings: Settings, public_id: str) -> Path:
    """One job's folder. It is the same at every attempt, so that finished chunks are found again."""
    return work_root(settings) / public_id


def fetch_uploads(storage: Storage, claim: Claim, folder: Path) -> tuple[Path, FoundAssets]:
    """Bring the job's uploads from storage into its folder: the song, and what the spec may name.

    Those of an earlier attempt are used again. Raises StorageUnavailableError, ObjectNotFoundError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    for upload in claim.uploads:
        path = folder / _name(upload)
        if not path.exists():
            storage.download(upload.key, path)
        files[upload.kind.value] = path
    song = files.pop(AssetKind.AUDIO.value)
    cover = files.pop(AssetKind.COVER.value, None)
    return song, FoundAssets(files, cover)


def remove_work(folder: Path) -> None:
    """Remove a job's folder; nothing happens where there is none."""
    shutil.rmtree(folder, ignore_errors=True)


def _name(upload: Upload) -> str:
    suffix = Path(upload.key).suffix
    if upload.kind is not AssetKind.AUDIO:
        return f"{upload.kind}{suffix}"
    # A song without a title is called by its file's name.
    stem = _UNSAFE.sub("_", Path(upload.filename).stem).strip(". ")[:_STEM_CHARS]
    return f"{stem or 'song'}{suffix}"
