"""Drawing straight into the planes of a video frame, where nothing needs red, green and blue.

Mixing colours is the same sum in Y'CbCr as in RGB, so opaque shapes, glows and overlays may be drawn in the
planes themselves: a byte and a half a pixel in place of four, and no conversion after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from oriel_fx.render import raster
from oriel_fx.render.colors import hex_to_rgb
from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Planes, luma_and_differences, ycbcr
from oriel_fx.render.scene import Pixels, Surface


@dataclass(frozen=True)
class PlanarSurface:
    """Planes to draw on; `flat_ground` is the one colour under everything, where there is one.

    `ground` is what the planes held before anything moving was drawn, where that is still to be told from them.
    """

    planes: Planes
    flat_ground: str | None
    ground: Planes | None = None

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
    """A picture with transparency, to lay over a part of a frame's planes that starts at `left`, `top`.

    `levels` are its own, times its opacity; `under` is how much of what is under it stays, in 1/255.
    """

    left: int
    top: int
    levels: raster.Targets
    under: raster.Targets

    @staticmethod
    def of(rgba: Pixels, region: Rect) -> Overlay:
        """From premultiplied RGBA pixels of a region with even edges."""
        luma, blue, red = luma_and_differences(rgba[..., :3].astype(np.float32))
        alpha = rgba[..., 3].astype(np.float32) * np.float32(1 / 255)
        small = half(region)
        thin, blue, red = (
            np.asarray(cv2.resize(plane, (small.width, small.height), interpolation=cv2.INTER_AREA), np.float32)
            for plane in (alpha, blue, red)
        )
        levels = [_rounded(part) for part in (luma + 16 * alpha, blue + 128 * thin, red + 128 * thin)]
        under = [np.rint(255 * (1 - part)).astype(np.uint8) for part in (alpha, thin, thin)]
        return Overlay(region.left, region.top, raster.Targets(*levels), raster.Targets(*under))

    def lay_on(self, planes: Planes) -> None:
        """Blend over planes, in place."""
        raster.lay_over(planes.whole, self.left, self.top, self.levels, self.under)


def _rounded(levels: NDArray[np.float32]) -> Pixels:
    rounded: Pixels = np.clip(levels + 0.5, 0, 255).astype(np.uint8)
    return rounded


def draw_overlay(draw: Callable[[Surface], object], region: Rect) -> Overlay:
    """What `draw` draws, on a transparent picture of a region with even edges."""
    surface = Surface(np.zeros((region.height, region.width, 4), np.uint8))
    surface.canvas.translate(-region.left, -region.top)
    draw(surface)
    return Overlay.of(surface.pixels, region)
