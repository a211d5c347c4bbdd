"""Shapes that there are many of in a frame, drawn by our own rasteriser on pictures and in planes alike.

`benchmarks/shapes.py` compares it: for 180 round-capped bars at 1080p, OpenCV took 2.4 and Skia 4.2 times as
long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from oriel_fx.render import raster
from oriel_fx.render.colors import hex_to_rgb
from oriel_fx.render.planar import PlanarSurface, levels
from oriel_fx.render.scene import Pixels, Surface

Floats = NDArray[np.float32]
# Half a line's width in the planes of colour is at least this, or a thin line would look paler than it is.
LEAST_CHROMA_RADIUS_PX = 0.4
AnySurface = Surface | PlanarSurface

_SHIFT = 8
_ONE = 1 << _SHIFT


def fill_capsules(
    surface: AnySurface,
    starts: Floats,
    ends: Floats,
    width_px: float | Floats,
    colors: Sequence[str],
    opacity: float = 1.0,
    round_ends: bool = True,
) -> None:
    """Draw thick lines from starts to ends, each (n, 2) in pixels, in the order given, one `#rrggbb` each.

    `width_px` is one for all, or each line's (n,).
    """
    both = np.concatenate([starts, ends], axis=1, dtype=np.float32)
    radii = np.full(len(colors), width_px, np.float32) * np.float32(0.5)
    for scale, targets, shades in _targets(surface, tuple(colors)):
        places = both if scale == 1 else both * scale
        raster.fill_capsules(targets, places, _scaled(radii, scale), shades, opacity, round_ends)


def fill_dots(
    surface: AnySurface, centres: Floats, radii_px: Floats, colors: Sequence[str], opacity: float = 1.0
) -> None:
    """Draw filled circles round centres (n, 2) in pixels, in the order given."""
    fill_capsules(surface, centres, centres, 2 * radii_px, colors, opacity)


def stroke_polyline(surface: AnySurface, points: Floats, width_px: float, color: str, opacity: float = 1.0) -> None:
    """Draw a line with round joints through points (n, 2) in pixels, even where it crosses itself."""
    starts, radius = np.array([0, len(points)], np.int32), np.array([width_px / 2], np.float32)
    for scale, targets, shades in _targets(surface, (color,)):
        raster.stroke_runs(targets, points * scale, starts, _scaled(radius, scale), shades, opacity)


def draw_ridges(
    surface: AnySurface,
    profiles: Floats,
    widths_px: Floats,
    bases_px: Floats,
    heights_px: Floats,
    radii_px: Floats,
    centre_px: float,
    colors: Sequence[str],
) -> None:
    """Draw lines one behind the other, the nearest first, as `raster.draw_ridges` does, one `#rrggbb` each."""
    for scale, targets, shades in _targets(surface, tuple(colors)):
        raster.draw_ridges(
            targets,
            profiles,
            widths_px * scale,
            bases_px * scale,
            heights_px * scale,
            _scaled(radii_px, scale),
            centre_px * float(scale),
            shades,
        )


def _scaled(radii: Floats, scale: np.float32) -> Floats:
    return radii if scale == 1 else np.maximum(radii * scale, np.float32(LEAST_CHROMA_RADIUS_PX))


def _targets(surface: AnySurface, colors: tuple[str, ...]) -> Iterator[tuple[np.float32, raster.Targets, Pixels]]:
    """The scale of what is drawn in, what it is, and the colours' values in each."""
    if isinstance(surface, PlanarSurface):
        shades = _plane_shades(colors)
        yield np.float32(1), surface.planes.luma, shades[:1]
        yield np.float32(0.5), surface.planes.chroma, shades[1:]
    else:
        yield np.float32(1), raster.Targets(surface.pixels), _picture_shades(colors)


@lru_cache(maxsize=256)
def _picture_shades(colors: tuple[str, ...]) -> Pixels:
    """Colours as opaque RGBA, (1, n, 4)."""
    return np.array([[[*(round(part * 255) for part in hex_to_rgb(color)), 255] for color in colors]], np.uint8)


@lru_cache(maxsize=256)
def _plane_shades(colors: tuple[str, ...]) -> Pixels:
    """What colours are in each plane, (3, n)."""
    return np.ascontiguousarray(np.array([levels(color) for color in colors], np.uint8).reshape(-1, 3).T)


def cover_polygon(mask: Pixels, points: Floats) -> None:
    """Set a one-channel mask to 255 inside a polygon (n, 2), anti-aliased at its edge."""
    # OpenCV's fixed point has the centres of pixels at whole numbers.
    fixed = np.rint(points * np.float32(_ONE)).astype(np.int32) - _ONE // 2
    cv2.fillPoly(mask, [fixed], (255.0,), cv2.LINE_AA, _SHIFT)
