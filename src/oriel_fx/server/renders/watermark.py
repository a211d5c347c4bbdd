"""The mark on stills of what is not paid for: it can be read on any picture, and spoils none."""

from __future__ import annotations

import math

import numpy as np

from oriel_fx.render.lazy import skia
from oriel_fx.render.scene import Pixels, Surface
from oriel_fx.render.text import TextStyle, set_text

TEXT = "ORIEL FX  PREVIEW"
_ANGLE_DEG = -18.0
_ENDLESS_PX = 1e6


def draw_watermark(rgb: Pixels) -> Pixels:
    """The picture (RGB uint8, height × width × 3) with the mark in rows across it, a bright line on a dark edge."""
    height, width = rgb.shape[:2]
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., :3] = rgb
    size_px = max(9.0, min(width, height) * 0.05)
    # Dark below and bright above: one of them shows on every ground.
    dark = set_text(TEXT, TextStyle(size_px, "semibold", 0.18, "#000000", 0.34), _ENDLESS_PX, 1)
    bright = set_text(TEXT, TextStyle(size_px, "semibold", 0.18, "#ffffff", 0.40), _ENDLESS_PX, 1)
    canvas = Surface(pixels).canvas
    canvas.save()
    canvas.clipRect(skia.Rect.MakeWH(width, height))
    canvas.translate(width / 2, height / 2)
    canvas.rotate(_ANGLE_DEG)
    reach = math.hypot(width, height) / 2
    step_x, step_y = bright.width + 5 * size_px, 6.5 * size_px
    edge = max(1.0, size_px * 0.06)
    for row in range(-math.ceil(reach / step_y), math.ceil(reach / step_y) + 1):
        y = row * step_y - bright.height / 2
        # Every second row stands between the words of the one above.
        shift = step_x / 2 if row % 2 else 0.0
        for column in range(-math.ceil(reach / step_x) - 1, math.ceil(reach / step_x) + 1):
            x = column * step_x + shift - bright.width / 2
            dark.paint(canvas, x + edge, y + edge)
            bright.paint(canvas, x, y)
    canvas.restore()
    return np.ascontiguousarray(pixels[..., :3])
