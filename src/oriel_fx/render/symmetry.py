"""Symmetry: what is alike on both sides of an upright axis is drawn on the left of it and shown on its right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Planes
from oriel_fx.render.planar import PlanarSurface, half
from oriel_fx.render.scene import Pixels
from oriel_fx.render.shapes import AnySurface

# Smooth edges are mixed with the ground on the left, so the ground on the right may differ from it by this many
# levels: at an edge a pixel wide, half of that cannot be seen.
ALIKE = 40
_BLUR_PX = 9


@dataclass(frozen=True)
class _Ground:
    """A plate, whether both its sides are alike, and planes whose right side is its left side seen in a mirror."""

    plate: Planes
    alike: bool
    mirrored: Planes


@dataclass
class Symmetry:
    """An upright axis between two pixels of each plane, and the bounds of what is drawn left of it."""

    axis: int
    left: Rect
    _ground: _Ground | None = field(default=None, init=False)

    @staticmethod
    def about(axis: float, bounds: Rect, frame: Rect) -> Symmetry | None:
        """None where it cannot be used: the axis is not between two pixels, or the right shows more than the left."""
        if axis % 2 or (bounds.left < frame.left and axis < frame.right - axis):
            return None
        middle = int(axis)
        left = Rect(max(bounds.left, 2 * middle - frame.right), bounds.top, middle, bounds.bottom)
        left = left.align(2).intersect(frame)
        return Symmetry(middle, left) if left.area else None

    def holds(self, surface: AnySurface) -> bool:
        """Whether what is drawn on the left may be shown on the right: there are planes, and the grounds are alike."""
        plate = surface.planes.plate if isinstance(surface, PlanarSurface) else None
        if plate is None:
            return False
        if self._ground is None or self._ground.plate is not plate:
            height, width = plate.y.shape
            mirrored = Planes.empty(width, height)
            most = 0
            for (part, other), (_, mirror) in zip(
                self._sides(plate, self.left), self._sides(mirrored, self.left), strict=True
            ):
                mirror[:] = cv2.flip(part, 1)
                most = max(most, _apart(mirror, other))
            self._ground = _Ground(plate, most <= ALIKE, mirrored)
        return self._ground.alike

    def draw(self, surface: AnySurface, touched: Rect, draw: Callable[[], None]) -> None:
        """Draw with `draw`, which changes only what is `touched`, and show the left of it on the right as well."""
        assert isinstance(surface, PlanarSurface) and self._ground is not None
        area = touched.align(2).intersect(self.left)
        if not area.area:
            draw()
            return
        sides = self._sides(surface.planes, area)
        if surface.fresh:
            grounds = [mirror for _, mirror in self._sides(self._ground.mirrored, area)]
        else:
            grounds = [np.asarray(cv2.flip(part, 1), np.uint8) for part, _ in sides]
        draw()
        for (part, other), ground in zip(sides, grounds, strict=True):
            mirrored = cv2.flip(part, 1)
            cv2.copyTo(mirrored, cv2.compare(mirrored, ground, cv2.CMP_NE), other)

    def _sides(self, planes: Planes, area: Rect) -> list[tuple[Pixels, Pixels]]:
        """An area left of the axis and the same right of it, in each plane."""
        other = Rect(2 * self.axis - area.right, area.top, 2 * self.axis - area.left, area.bottom)
        small, small_other = half(area).slices, half(other).slices
        return [
            (planes.y[area.slices], planes.y[other.slices]),
            (planes.u[small], planes.u[small_other]),
            (planes.v[small], planes.v[small_other]),
        ]


def _apart(part: Pixels, other: Pixels) -> int:
    """By how many levels two pictures differ where they do most, noise left aside."""
    size = (_BLUR_PX, _BLUR_PX)
    return int(np.asarray(cv2.absdiff(cv2.blur(part, size), cv2.blur(other, size))).max())
