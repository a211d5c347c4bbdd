"""Reflections: what is drawn above a floor, upside down under it, flattened and fading."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import WHITE_LEVEL
from oriel_fx.render.planar import PlanarSurface, add_difference, difference, half
from oriel_fx.render.scene import Pixels, Surface


@dataclass
class Reflection:
    """Made ready before the thing above the floor is drawn, to know its light from the ground's.

    `source` is where it is drawn, with even edges, its bottom the floor; the reflection starts `gap` pixels
    lower, is `flat` times as high and starts at `strength` (0..1).
    """

    surface: Surface | PlanarSurface
    source: Rect
    gap: int
    flat: float
    strength: float
    grounds: list[Pixels]

    @staticmethod
    def prepare(surface: Surface | PlanarSurface, source: Rect, gap: int, flat: float, strength: float) -> Reflection:
        """Remember the ground where the thing will be drawn."""
        if isinstance(surface, PlanarSurface):
            planes, chroma = surface.planes, half(source).slices
            parts = [planes.y[source.slices], planes.u[chroma], planes.v[chroma]]
        else:
            parts = [surface.pixels[source.slices]]
        return Reflection(surface, source, gap, flat, strength, [part.copy() for part in parts])

    def lay(self, tallest: float) -> float:
        """Draw the reflection of the lowest `tallest` pixels; returns the lowest row it reaches."""
        rows = min(self.source.height, (int(tallest) + 5) // 2 * 2)
        room = self._room()
        height = min(round(rows * self.flat / 2) * 2, room)
        if height < 2 or rows < 2 or not self.source.width:
            return float(self.source.bottom)
        if isinstance(self.surface, PlanarSurface):
            planes = self.surface.planes
            self._add_light(planes.y, self.grounds[0], self.source, self.gap, rows, height, WHITE_LEVEL)
            for plane, ground in zip((planes.u, planes.v), self.grounds[1:], strict=True):
                self._add_color(plane, ground, half(self.source), self.gap // 2, rows // 2, height // 2)
        else:
            self._add_light(self.surface.pixels, self.grounds[0], self.source, self.gap, rows, height, 255)
        return float(self.source.bottom + self.gap + height)

    def _room(self) -> int:
        """Rows between where the reflection starts and the picture's lower edge."""
        surface = self.surface
        frame_rows = surface.shape[0] if isinstance(surface, PlanarSurface) else surface.pixels.shape[0]
        return int(frame_rows) - self.source.bottom - self.gap

    def _add_light(
        self, plane: Pixels, ground: Pixels, source: Rect, gap: int, rows: int, height: int, most: int
    ) -> None:
        above = plane[source.bottom - rows : source.bottom, source.left : source.right]
        light = cv2.subtract(above, np.ascontiguousarray(ground[-rows:]))
        mirrored = _upside_down(np.asarray(light, np.uint8), source.width, height)
        faded = _faded(mirrored, self.strength).astype(np.uint8)
        below = plane[source.bottom + gap : source.bottom + gap + height, source.left : source.right]
        np.minimum(cv2.add(below, faded), most, out=below)

    def _add_color(self, plane: Pixels, ground: Pixels, source: Rect, gap: int, rows: int, height: int) -> None:
        above = plane[source.bottom - rows : source.bottom, source.left : source.right]
        change = difference(above, np.ascontiguousarray(ground[-rows:]))
        mirrored = _upside_down(change, source.width, height).astype(np.int16) - 128
        faded = (_faded(mirrored, self.strength) + 128).astype(np.uint8)
        add_difference(plane[source.bottom + gap : source.bottom + gap + height, source.left : source.right], faded)


def _upside_down(light: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(cv2.flip(cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR), 0), np.uint8)


def _faded(
    light: np.ndarray[tuple[int, ...], np.dtype[np.generic]], strength: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """Rows falling from `strength` at the top to nothing at the bottom."""
    weights = np.linspace(strength * 256, 0, light.shape[0]).astype(np.int16)
    weights = weights.reshape(-1, *[1] * (light.ndim - 1))
    return ((light.astype(np.int16) * weights) >> 8).astype(np.int16)
