"""Reflections: what is drawn above a floor, upside down under it, flattened and fading."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from oriel_fx.render import raster
from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import WHITE_LEVEL
from oriel_fx.render.planar import PlanarSurface, half
from oriel_fx.render.scene import Pixels, Surface


@dataclass(frozen=True)
class Floor:
    """Where a reflection lies: `source` is what is reflected, with even edges, its bottom the floor.

    The reflection starts `gap` pixels lower, is `flat` times as high and starts at `strength` (0..1).
    """

    source: Rect
    gap: int
    flat: float
    strength: float

    def prepare(self, surface: Surface | PlanarSurface, tallest: float) -> Reflection:
        """Remember the ground where something will be drawn, `tallest` pixels high, to know its light from it."""
        whole = surface.shape[0] if isinstance(surface, PlanarSurface) else surface.pixels.shape[0]
        rows = min(self.source.height, (int(tallest) + 5) // 2 * 2)
        height = min(round(rows * self.flat / 2) * 2, whole - self.source.bottom - self.gap)
        if height < 2 or rows < 2 or not self.source.width:
            return Reflection([], float(self.source.bottom))
        lowest = float(self.source.bottom + self.gap + height)
        if not isinstance(surface, PlanarSurface):
            return Reflection([self._mirror(surface.pixels, None, self.source, self.gap, rows, height)], lowest)
        small, ground = half(self.source), surface.ground
        luma, *chroma = surface.planes.whole.arrays
        under: tuple[Pixels | None, ...] = ground.whole.arrays if ground else (None, None, None)
        parts = [self._mirror(luma, under[0], self.source, self.gap, rows, height)]
        for plane, below in zip(chroma, under[1:], strict=True):
            parts.append(self._mirror(plane, below, small, self.gap // 2, rows // 2, height // 2))
        return Reflection(parts, lowest, WHITE_LEVEL)

    def _mirror(self, plane: Pixels, ground: Pixels | None, source: Rect, gap: int, rows: int, height: int) -> _Mirror:
        seen = (slice(source.bottom - rows, source.bottom), slice(source.left, source.right))
        above = plane[seen]
        below = plane[source.bottom + gap : source.bottom + gap + height, source.left : source.right]
        under = above.copy() if ground is None else ground[seen]
        return _Mirror(above, below, under, *_fall(rows, height, self.strength))


@lru_cache(maxsize=1024)
def _fall(rows: int, height: int, strength: float) -> tuple[NDArray[np.int32], Pixels]:
    """Which of the `rows` above a floor is seen in each of `height` rows below it, and how strongly, in 1/255."""
    # The nearest row stands for those that fall on one: what would be smoother by mixing is the faintest part.
    seen = rows - 1 - ((np.arange(height) + 0.5) * (rows / height)).astype(np.int32)
    return seen, np.linspace(strength * 255, 0, height).astype(np.uint8)


@dataclass(frozen=True)
class Reflection:
    """Made ready before the thing above the floor is drawn; reaches down to the row `lowest`."""

    parts: list[_Mirror]
    lowest: float
    most: int = 255

    def lay(self) -> None:
        """Draw the reflection of what was drawn meanwhile."""
        for plane, mirror in enumerate(self.parts):
            # Of chroma, both what rose and what fell is seen; darker than the ground sheds no light.
            mirror.lay(falls=plane > 0)
        if self.most < 255 and self.parts:
            below = self.parts[0].below
            cv2.threshold(below, self.most, self.most, cv2.THRESH_TRUNC, below)


@dataclass(frozen=True)
class _Mirror:
    """One plane, or a whole RGBA picture: which rows of `above` are seen in the rows of `below`, and how strongly."""

    above: Pixels
    below: Pixels
    ground: Pixels
    rows: NDArray[np.int32]
    shares: Pixels

    def lay(self, falls: bool) -> None:
        raster.reflect(self.below, self.above, self.rows, self.ground, self.shares, falls=falls)
