"""Assets: the files a spec names, found by whoever runs the render."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from oriel_fx.errors import AssetError
from oriel_fx.render.scene import Pixels

LARGEST_BYTES = 60_000_000
LARGEST_PIXELS = 40_000_000


class Assets(Protocol):
    """Turns an asset's name into a file, or refuses with AssetError."""

    def find(self, name: str) -> Path: ...


class NoAssets:
    """For specs that may name no files."""

    def find(self, name: str) -> Path:
        raise AssetError(
            f"The spec names a file, {name!r}, but none were given.", "Pass `assets` to the renderer."
        )


class LocalAssets:
    """Names are paths, relative to a folder (the config's own)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str) -> Path:
        path = self._folder / Path(name).expanduser()
        if not path.is_file():
            raise AssetError(
                f"There is no file {str(path)!r}, which the spec names.",
                "Paths are relative to the config file.",
            )
        return path


def decode_image(data: bytes, name: str) -> Pixels:
    """JPEG, PNG or WebP bytes → RGBA uint8, premultiplied. Raises AssetError for anything else or too large."""
    if len(data) > LARGEST_BYTES:
        raise AssetError(f"{name} is larger than {LARGEST_BYTES // 1_000_000} MB.", "Use a smaller picture.")
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:
        decoded = None
    if decoded is None:
        raise AssetError(f"{name} is not a picture that can be read.", "Use JPEG, PNG or WebP.")
    if decoded.shape[0] * decoded.shape[1] > LARGEST_PIXELS:
        raise AssetError(
            f"{name} has more than {LARGEST_PIXELS // 1_000_000} megapixels.", "Use a smaller picture."
        )
    if decoded.dtype == np.uint16:
        decoded = (decoded >> 8).astype(np.uint8)
    if decoded.ndim == 2:
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_GRAY2RGBA), np.uint8)
    if decoded.shape[2] == 3:
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGBA), np.uint8)
    rgba = np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGRA2RGBA), np.uint8)
    alpha = rgba[..., 3:].astype(np.uint16)
    rgba[..., :3] = (rgba[..., :3].astype(np.uint16) * alpha // 255).astype(np.uint8)
    return rgba
