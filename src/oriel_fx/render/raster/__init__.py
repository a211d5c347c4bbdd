"""Rasterising in C: anti-aliased shapes, overlays and glows, straight into 8-bit planes and pictures.

`shapes.c` and `planes.c` hold the loops that no library has; they are compiled when the package is built. Places are
in pixels, and pixel (i, j) has its centre at (i + 0.5, j + 0.5). What draws does so in place, and lets other threads
run meanwhile.
"""

from oriel_fx.render.raster.drawing import (
    add_digits,
    add_glow,
    draw_ridges,
    fade_out,
    fill_capsules,
    lay_over,
    look_up,
    reflect,
    shrink_by_4,
    stroke_runs,
)

__all__ = [
    "add_digits",
    "add_glow",
    "draw_ridges",
    "fade_out",
    "fill_capsules",
    "lay_over",
    "look_up",
    "reflect",
    "shrink_by_4",
    "stroke_runs",
]
