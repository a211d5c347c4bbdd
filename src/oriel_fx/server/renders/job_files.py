"""A job's uploads on this machine's disk, and its spec: what a render of it is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oriel_fx.render.assets import FoundAssets
from oriel_fx.render.spec import RenderSpec
from oriel_fx.server.models import JobAsset, RenderJob
from oriel_fx.server.renders.specs import BACKGROUND
from oriel_fx.server.states import AssetKind
from oriel_fx.server.storage.base import Storage


@dataclass(frozen=True)
class JobFiles:
    """The song, and the pictures the spec may name."""

    song: Path
    assets: FoundAssets


def fetch_uploads(storage: Storage, uploads: Sequence[JobAsset], folder: Path) -> JobFiles:
    """Download what is not in `folder` yet. Raises ObjectNotFoundError, StorageUnavailableError."""
    paths: dict[AssetKind, Path] = {}
    for upload in uploads:
        path = folder / Path(upload.storage_key).name
        if not path.exists():
            storage.download(upload.storage_key, path)
        paths[upload.kind] = path
    named = {BACKGROUND: paths[AssetKind.BACKGROUND]} if AssetKind.BACKGROUND in paths else {}
    return JobFiles(paths[AssetKind.AUDIO], FoundAssets(named, paths.get(AssetKind.COVER)))


def spec_of(job: RenderJob) -> RenderSpec:
    """The whole spec as it was when the job was submitted, whatever presets have become since."""
    return RenderSpec.model_validate(job.render_config)
