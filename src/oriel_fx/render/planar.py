"""Drawing straight into the planes of a video frame, where nothing needs red, green and blue.

Mixing colours is the same sum in Y'CbCr as in RGB, so opaque shapes, glows and overlays may be drawn in the
planes themselves: a byte and a half a pixel in place of four, and no conversion after.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from oriel_fx.render.colors import hex_to_rgb
from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Planes, luma_and_differences, ycbcr
from oriel_fx.render.scene import Pixels


@dataclass(frozen=True)
class PlanarSurface:
    """Planes to draw on; `flat_ground` is the one colour under everything, where there is one."""

    planes: Planes
    flat_ground: str | None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.planes.y.shape
        return height, width


@lru_cache(maxsize=4096)
def levels(color: str) -> tuple[float, float, float]:
    """`#rrggbb` as Y', Cb, Cr levels, rounded."""
    y, cb, cr = ycbcr(hex_to_rgb(color))
    return float(round(y)), float(round(cb)), float(round(cr))


def half(region: Rect) -> Rect:
    """The region of the chroma planes under a region with even edges."""
    return Rect(region.left // 2, region.top // 2, region.right // 2, region.bottom // 2)


@dataclass(frozen=True)
class Overlay:
    """A picture with transparency as planes, premultiplied, and what shows of the picture under it (0..255)."""

    region: Rect
    y: Pixels
    u: Pixels
    v: Pixels
    under_y: Pixels
    under_c: Pixels

    @staticmethod
    def of(rgba: Pixels, region: Rect) -> Overlay:
        """From premultiplied RGBA pixels of a region with even edges."""
        luma, blue, red = luma_and_differences(rgba[..., :3].astype(np.float32))
        alpha = rgba[..., 3].astype(np.float32) / 255
        size = (region.width // 2, region.height // 2)
        small = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (alpha, blue, red)]
        return Overlay(
            region,
            np.round(luma + 16 * alpha).astype(np.uint8),
            np.round(np.clip(small[1] + 128 * small[0], 0, 255)).astype(np.uint8),
            np.round(np.clip(small[2] + 128 * small[0], 0, 255)).astype(np.uint8),
            np.round(255 * (1 - alpha)).astype(np.uint8),
            np.round(255 * (1 - small[0])).astype(np.uint8),
        )

    def lay_on(self, planes: Planes) -> None:
        """Blend over planes, in place."""
        _lay(planes.y[self.region.slices], self.under_y, self.y)
        chroma = half(self.region).slices
        _lay(planes.u[chroma], self.under_c, self.u)
        _lay(planes.v[chroma], self.under_c, self.v)


def _lay(part: Pixels, under: Pixels, over: Pixels) -> None:
    cv2.multiply(part, under, part, 1 / 255)
    cv2.add(part, over, part)


def difference(part: Pixels, ground: Pixels) -> Pixels:
    """How chroma differs from the ground's, as levels round 128."""
    return np.asarray(cv2.addWeighted(part, 1.0, ground, -1.0, 128.0), np.uint8)


def add_difference(part: Pixels, change: Pixels) -> None:
    """Add to chroma, in place, a difference in levels round 128."""
    cv2.addWeighted(part, 1.0, change, 1.0, -128.0, part)
