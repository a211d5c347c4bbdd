"""Assets: the files a spec names, found by whoever runs the render."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from oriel_fx.errors import AssetError


class Assets(Protocol):
    """Turns an asset's name into a file, or refuses with AssetError.

    `cover` is a picture to use in place of the song's own cover art; None leaves it the song's.
    """

    @property
    def cover(self) -> Path | None: ...

    def find(self, name: str) -> Path: ...


class NoAssets:
    """For specs that may name no files."""

    cover: Path | None = None

    def find(self, name: str) -> Path:
        raise AssetError(f"The spec names a file, {name!r}, but none were given.", "Pass `assets` to the renderer.")


@dataclass(frozen=True)
class FoundAssets:
    """Names already turned into files, so that other processes need not know who found them."""

    files: dict[str, Path]
    cover: Path | None = None

    def find(self, name: str) -> Path:
        return self.files[name]


class LocalAssets:
    """Names are paths, relative to a folder (the config's own)."""

    cover: Path | None = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str) -> Path:
        try:
            path = self._folder / Path(name).expanduser()
            found = path.is_file()
        except (OSError, RuntimeError):
            # A name too long for the disk, or a home folder of nobody.
            path, found = Path(name), False
        if not found:
            raise AssetError(
                f"There is no file {str(path)!r}, which the spec names.",
                "Paths are relative to the config file.",
            )
        return path
