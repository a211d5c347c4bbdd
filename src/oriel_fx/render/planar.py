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

from oriel_fx.render.colors import hex_to_rgb
from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Planes, luma_and_differences, ycbcr
from oriel_fx.render.scene import Pixels, Surface


@dataclass(frozen=True)
class PlanarSurface:
    """Planes to draw on; `flat_ground` is the one colour under everything, where there is one.

    `fresh` says that the planes hold their plate and nothing else yet.
    """

    planes: Planes
    flat_ground: str | None
    fresh: bool = False

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
class OverlayPlane:
    """One plane of an overlay: where it is opaque it replaces, at its soft edge it mixes, elsewhere nothing is done.

    `edge` says where in the whole plane, counted row by row, the edge lies; its levels and the share of what is under
    it are in 1/256.
    """

    levels: Pixels
    opaque: Pixels
    area: tuple[slice, slice]
    edge: NDArray[np.intp]
    edge_levels: NDArray[np.uint16]
    edge_under: NDArray[np.uint16]

    @staticmethod
    def of(
        premultiplied: NDArray[np.float32], alpha: NDArray[np.float32], region: Rect, plane_width: int
    ) -> OverlayPlane:
        """From levels that are multiplied by alpha already, and alpha 0..1, of a region of a plane."""
        rows, columns = np.nonzero((alpha > 0) & (alpha < 1))
        own = premultiplied[rows, columns]
        return OverlayPlane(
            np.clip(premultiplied + 0.5, 0, 255).astype(np.uint8),
            (alpha >= 1).astype(np.uint8),
            region.slices,
            (rows + region.top) * plane_width + columns + region.left,
            (np.clip(own, 0, 255) * 256 + 128).astype(np.uint16),
            np.round(256 * (1 - alpha[rows, columns])).astype(np.uint16),
        )

    def lay_on(self, plane: Pixels) -> None:
        cv2.copyTo(self.levels, self.opaque, plane[self.area])
        flat = plane.reshape(-1)
        mixed = flat[self.edge] * self.edge_under
        mixed += self.edge_levels
        mixed >>= 8
        flat[self.edge] = mixed.astype(np.uint8)


@dataclass(frozen=True)
class Overlay:
    """A picture with transparency, as planes to lay over a frame's."""

    y: OverlayPlane
    u: OverlayPlane
    v: OverlayPlane

    @staticmethod
    def of(rgba: Pixels, region: Rect, frame_width: int) -> Overlay:
        """From premultiplied RGBA pixels of a region with even edges."""
        luma, blue, red = luma_and_differences(rgba[..., :3].astype(np.float32))
        alpha = rgba[..., 3].astype(np.float32) * np.float32(1 / 255)
        small = half(region)
        thin, blue, red = (
            np.asarray(cv2.resize(plane, (small.width, small.height), interpolation=cv2.INTER_AREA), np.float32)
            for plane in (alpha, blue, red)
        )
        return Overlay(
            OverlayPlane.of(luma + 16 * alpha, alpha, region, frame_width),
            OverlayPlane.of(blue + 128 * thin, thin, small, frame_width // 2),
            OverlayPlane.of(red + 128 * thin, thin, small, frame_width // 2),
        )

    def lay_on(self, planes: Planes) -> None:
        """Blend over planes, in place."""
        self.y.lay_on(planes.y)
        self.u.lay_on(planes.u)
        self.v.lay_on(planes.v)


def draw_overlay(draw: Callable[[Surface], object], region: Rect, frame_width: int) -> Overlay:
    """What `draw` draws, on a transparent picture of a region with even edges."""
    surface = Surface(np.zeros((region.height, region.width, 4), np.uint8))
    surface.canvas.translate(-region.left, -region.top)
    draw(surface)
    return Overlay.of(surface.pixels, region, frame_width)
