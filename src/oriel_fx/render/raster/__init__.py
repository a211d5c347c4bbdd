"""Rasterising in C: anti-aliased shapes, overlays and glows, straight into 8-bit planes and pictures.

`shapes.c`, `planes.c` and `bloom.c` hold the loops that no library has; they are compiled when the package is built.
Places are in pixels, and pixel (i, j) has its centre at (i + 0.5, j + 0.5). What draws does so in place, and lets other
threads run meanwhile.
"""

from oriel_fx.render.raster.drawing import (
    add_digits,
    copy_part,
    draw_ridges,
    fade_out,
    fill_capsules,
    lay_over,
    look_up,
    reflect,
    stroke_runs,
)
from oriel_fx.render.raster.glow import add_glow, gather_light, mix_glow, mix_shades, shrink
from oriel_fx.render.raster.memory import Targets

__all__ = [
    "Targets",
    "add_digits",
    "add_glow",
    "copy_part",
    "draw_ridges",
    "fade_out",
    "fill_capsules",
    "gather_light",
    "lay_over",
    "look_up",
    "mix_glow",
    "mix_shades",
    "reflect",
    "shrink",
    "stroke_runs",
]
