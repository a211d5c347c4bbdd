"""What a machine needs to draw a render's chunks: all of it in the render's work folder, so that only that is shared.

`render.json` beside the chunks says what is drawn; the song and the files its spec names are copied in. Names in it
are relative to the folder and are looked up inside it alone.
"""

from __future__ import annotations

import json
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oriel_fx.errors import OutputError, UsageError
from oriel_fx.render.assets import FoundAssets
from oriel_fx.render.chunks import RENDER_VERSION, Chunk, cannot_write, write_whole
from oriel_fx.render.spec import RenderSpec

if TYPE_CHECKING:
    from oriel_fx.render.drawing import ChunkJob

_FILE, _INPUTS = "render.json", "inputs"


@dataclass(frozen=True)
class Package:
    """A render as a worker reads it."""

    folder: Path
    song: Path
    spec: RenderSpec
    assets: FoundAssets
    chunks: tuple[Chunk, ...]
    with_hashes: bool


def write_package(job: ChunkJob) -> str:
    """Put everything into the job's folder; the render's key, by which workers know that it is still this one.

    Raises OutputError.
    """
    folder = job.folder
    inputs = folder / _INPUTS
    # A song without a title has its file's name as one.
    song = inputs / "song" / job.song.path.name
    names = sorted(job.assets.files) if isinstance(job.assets, FoundAssets) else []
    files = {name: inputs / f"{number}{job.assets.find(name).suffix}" for number, name in enumerate(names)}
    cover = inputs / f"cover{job.assets.cover.suffix}" if job.assets.cover else None
    try:
        song.parent.mkdir(parents=True, exist_ok=True)
        _copy(job.song.path, song)
        for name, target in files.items():
            _copy(job.assets.find(name), target)
        if cover and job.assets.cover:
            _copy(job.assets.cover, cover)
    except OSError as error:
        raise cannot_write(inputs, error) from error
    facts = {
        "version": RENDER_VERSION,
        "spec": job.spec.model_dump(mode="json"),
        "song": _name(song, folder),
        "assets": {name: _name(file, folder) for name, file in files.items()},
        "cover": _name(cover, folder) if cover else None,
        "chunks": [[chunk.number, chunk.first, chunk.stop] for chunk in job.chunks],
        "with_hashes": job.with_hashes,
    }
    write_whole(folder / _FILE, json.dumps(facts).encode())
    return str(current_key(folder))


def read_package(folder: Path, key: str, root: Path) -> Package:
    """The render in a folder, if it lies inside `root` and is still the one of that key. Raises UsageError."""
    place = folder.resolve()
    if not place.is_relative_to(root.resolve()):
        raise UsageError(
            f"The worker on {socket.gethostname()} works inside {root} alone, and {folder} is not there.",
            "Start it with --shared and the folder that the machines share, or put the video there with -o.",
        )
    if not place.is_dir():
        raise UsageError(
            f"The worker on {socket.gethostname()} cannot see {folder}.",
            "Put the video, with -o, on a folder that all machines see under the same name.",
        )
    if current_key(place) != key:
        raise UsageError(f"{folder} holds another render by now.", "Nothing needs to be done.")
    facts = json.loads((place / _FILE).read_text())
    if facts["version"] != RENDER_VERSION:
        raise UsageError(
            f"The worker on {socket.gethostname()} runs another version of Oriel FX, which draws differently.",
            "Install the same version on all machines.",
        )
    return Package(
        place,
        _inside(place, facts["song"]),
        RenderSpec.model_validate(facts["spec"]),
        FoundAssets(
            {name: _inside(place, file) for name, file in facts["assets"].items()},
            _inside(place, facts["cover"]) if facts["cover"] else None,
        ),
        tuple(Chunk(*numbers) for numbers in facts["chunks"]),
        facts["with_hashes"],
    )


def current_key(folder: Path) -> str | None:
    """The key of the render whose work folder this is; None where it is none, any more."""
    try:
        facts: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
        return str(facts["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise OutputError(f"{name!r} is not inside {folder}.", "Render it again with --no-resume.")
    return path


def _name(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder))


def _copy(source: Path, target: Path) -> None:
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return
    part = target.with_name(target.name + ".part")
    shutil.copyfile(source, part)
    part.replace(target)
