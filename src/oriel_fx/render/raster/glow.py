"""Glows in planes: the light that was drawn, at a quarter of its size and less, and adding it once it is blurred."""

from __future__ import annotations

import numpy as np

from oriel_fx.render.raster.library import raster
from oriel_fx.render.raster.memory import LANES, Bytes, Targets, address, scratch

# Shares are told in so many parts of one.
ONE = 1024


def shrink(part: Bytes, by: int) -> Bytes:
    """Rounded means of `by` by `by` pixels, 2 or 4, of a part (height, width) of a plane, fewer at its far edges."""
    height, width = part.shape
    assert part.strides[1] == 1 and by in (2, 4)
    small = np.empty((-(-height // by), -(-width // by)), np.uint8)
    call = raster().shrink_by_4 if by == 4 else raster().shrink_by_2
    call(part.ctypes.data, part.strides[0], width, height, address(small), small.shape[1])
    return small


def gather_light(
    frame: Targets, ground: Targets, left: int, top: int, width: int, height: int, step: int
) -> tuple[Bytes, Bytes]:
    """The light that a region of a frame's Y', Cb and Cr has over its ground, at a quarter of its size and coarser.

    Returns luma (rows, cells), a cell for 4 by 4 pixels, and (rows, cells, 3), a cell for `step` by `step`, 4 or 8:
    luma, and Cb and Cr as levels round 128, which they are where there is no light. `ground` is Y' shrunk by 4, Cb and
    Cr by `step` / 2; `left` and `top` are multiples of 16, `width` and `height` even.
    """
    assert step in (4, 8) and left % 16 == top % 16 == width % 2 == height % 2 == 0
    assert left + width <= frame.width and top + height <= frame.height and min(left, top, width, height) >= 0
    light = np.empty((-(-height // 4), -(-width // 4)), np.uint8)
    coarse = np.empty((-(-height // step), -(-width // step), 3), np.uint8)
    raster().gather_light(
        frame.table,
        ground.table,
        left,
        top,
        width,
        height,
        step,
        address(light),
        address(coarse),
        scratch.row_of(coarse.size),
    )
    return light, coarse


def mix_glow(glow: Bytes, wide: Bytes, near: float, far: float) -> None:
    """A tight glow (rows, cells) of luma becomes `near` of it and `far` of a wide one: shares below 64 together.

    `wide` is (rows, cells, 3), of which luma is the first, as large as `glow` or half as large, rounded up.
    """
    rows, cells = glow.shape
    coarse_rows, coarse, planes = wide.shape
    step = 4 if wide.shape[:2] == glow.shape else 8
    assert planes == 3 and (step == 4 or (coarse_rows, coarse) == (-(-rows // 2), -(-cells // 2)))
    assert glow.flags.c_contiguous and wide.flags.c_contiguous
    luma_bytes = -(-coarse * coarse_rows // 8) * 8 + LANES
    luma = scratch.row_of(luma_bytes + 2 * (coarse + LANES + 2))
    raster().mix_glow(
        address(glow),
        cells,
        rows,
        address(wide),
        coarse,
        coarse_rows,
        step,
        round(near * ONE),
        round(far * ONE),
        luma,
        luma + luma_bytes,
    )


def mix_shades(tight: Bytes, wide: Bytes, near: float, far: float) -> Bytes:
    """`near` of a tight glow of colour and `far` of a wide one, both (rows, cells, 3) as of `gather_light`.

    Returns (2, rows, cells): Cb and Cr as levels round 128.
    """
    assert tight.shape == wide.shape and tight.flags.c_contiguous and wide.flags.c_contiguous
    rows, cells = tight.shape[:2]
    shades = np.empty((2, rows, cells), np.uint8)
    shares = round(near * ONE), round(far * ONE)
    raster().mix_shades(address(tight), address(wide), rows * cells, *shares, address(shades))
    return shades


def add_glow(part: Bytes, glow: Bytes, *, zero: int = 0, limit: int = 255) -> None:
    """Add a glow to a part of a plane, as levels from `zero`, up to `limit`.

    `part` is (height, width); `glow` has a quarter as many rows and columns, rounded up, and no gaps.
    """
    height, width = part.shape
    rows, cells = glow.shape
    assert (rows, cells) == (-(-height // 4), -(-width // 4)) and glow.flags.c_contiguous and part.strides[1] == 1
    raster().add_glow(
        part.ctypes.data,
        part.strides[0],
        width,
        height,
        address(glow),
        cells,
        rows,
        zero,
        limit,
        scratch.row_of(2 * (cells + LANES + 2)),
    )
