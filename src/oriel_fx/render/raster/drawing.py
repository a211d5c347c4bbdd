"""What the C files can do, on NumPy arrays."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from ctypes import Array

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.raster.library import Plane, raster

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

# As in pixels.h.
LANES = 8


class _Scratch(threading.local):
    """Memory that is used again and again, each thread's own."""

    def __init__(self) -> None:
        self.row = np.empty(0, np.uint8)
        self.mask = np.empty(0, np.uint8)

    def row_of(self, n_bytes: int) -> int:
        """The address of so many bytes that may hold anything."""
        if self.row.size < n_bytes:
            self.row = np.empty(n_bytes, np.uint8)
        return self.row.ctypes.data

    def mask_of(self, n_bytes: int) -> int:
        """The address of so many zeros, which whoever uses them leaves zeros."""
        if self.mask.size < n_bytes:
            self.mask = np.zeros(n_bytes, np.uint8)
        return self.mask.ctypes.data


_scratch = _Scratch()


def _planes(targets: Sequence[Bytes]) -> Array[Plane]:
    """Planes (height, width) or pictures (height, width, channels) of one shape; their rows may be apart."""
    height, width = targets[0].shape[:2]
    channels = targets[0].shape[2] if targets[0].ndim == 3 else 1
    assert all(target.shape == targets[0].shape and target.strides[1] == channels for target in targets)
    each = [Plane(target.ctypes.data, target.strides[0], width, height, channels) for target in targets]
    return (Plane * len(each))(*each)


def fill_capsules(
    targets: Sequence[Bytes],
    ends: Floats,
    radii_px: Floats,
    shades: Bytes,
    opacity: float = 1.0,
    round_ends: bool = True,
) -> None:
    """Thick lines over planes or pictures of one shape, in the order given.

    `ends` (n, 4): x, y of each one's two ends, which may be the same place; `radii_px` (n,): half its width;
    `shades` (targets, n) or (targets, n, channels).
    """
    planes = _planes(targets)
    ends, radii_px, shades = _packed(ends, radii_px, shades)
    raster().fill_capsules(
        planes,
        len(planes),
        len(ends),
        ends.ctypes.data,
        radii_px.ctypes.data,
        shades.ctypes.data,
        round(opacity * 255),
        round_ends,
        _scratch.row_of(planes[0].width + LANES),
    )


def stroke_runs(
    targets: Sequence[Bytes],
    points: Floats,
    starts: NDArray[np.int32],
    radii_px: Floats,
    shades: Bytes,
    opacity: float = 1.0,
) -> None:
    """Lines with round joints through points (n, 2), in the order given, each even where its pieces overlap.

    Line k goes from point `starts[k]` to the one before `starts[k + 1]`: `starts` has one entry more than there are
    lines. `radii_px` (k,): half a line's width; `shades` (targets, k) or (targets, k, channels).
    """
    planes = _planes(targets)
    points, radii_px, shades = _packed(points, radii_px, shades)
    starts = np.ascontiguousarray(starts, np.int32)
    raster().stroke_runs(
        planes,
        len(planes),
        len(starts) - 1,
        points.ctypes.data,
        starts.ctypes.data,
        radii_px.ctypes.data,
        shades.ctypes.data,
        round(opacity * 255),
        _scratch.mask_of(planes[0].width * planes[0].height + LANES),
        _scratch.row_of(planes[0].width + LANES),
    )


def draw_ridges(
    targets: Sequence[Bytes],
    profiles: Floats,
    widths_px: Floats,
    bases_px: Floats,
    heights_px: Floats,
    radii_px: Floats,
    centre_px: float,
    shades: Bytes,
) -> None:
    """Lines one behind the other, the nearest first; each hides what lies behind it.

    `profiles` (n, points) are heights 0..1 from the middle, which is at column `centre_px`, outwards to half a
    line's width; both sides are alike. All others are (n,), `shades` (targets, n) or (targets, n, channels).
    """
    planes = _planes(targets)
    profiles, radii_px, shades = _packed(profiles, radii_px, shades)
    facts = [np.ascontiguousarray(fact, np.float32) for fact in (widths_px, bases_px, heights_px, radii_px)]
    raster().draw_ridges(
        planes,
        len(planes),
        *profiles.shape[:1],
        profiles.ctypes.data,
        profiles.shape[1],
        *[fact.ctypes.data for fact in facts],
        centre_px,
        shades.ctypes.data,
        _scratch.row_of(4 * (2 * planes[0].width + 3 * LANES)),
    )


def _packed(places: Floats, radii_px: Floats, shades: Bytes) -> tuple[Floats, Floats, Bytes]:
    return (
        np.ascontiguousarray(places, np.float32),
        np.ascontiguousarray(radii_px, np.float32),
        np.ascontiguousarray(shades, np.uint8),
    )


def lay_over(part: Bytes, levels: Bytes, under: Bytes) -> None:
    """`levels` + `under` / 255 of what is there; all three (height, width), the last two without gaps."""
    height, width = levels.shape
    assert part.shape == levels.shape == under.shape and levels.flags.c_contiguous and under.flags.c_contiguous
    raster().lay_over(part.ctypes.data, part.strides[0], width, height, levels.ctypes.data, under.ctypes.data)


def fade_out(part: Bytes, under: Bytes, levels: Bytes) -> None:
    """Go `levels` / 255 of the way from what is there to what lies under it: three parts (height, width) of planes."""
    height, width = part.shape
    assert part.shape == under.shape == levels.shape
    assert part.strides[1] == under.strides[1] == levels.strides[1] == 1
    others = under.ctypes.data, under.strides[0], levels.ctypes.data, levels.strides[0]
    raster().fade_out(part.ctypes.data, part.strides[0], width, height, *others)


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
        glow.ctypes.data,
        cells,
        rows,
        zero,
        limit,
        _scratch.row_of(2 * (cells + LANES + 2)),
    )


def shrink_by_4(part: Bytes) -> Bytes:
    """Rounded means of four by four pixels of a part (height, width) of a plane, fewer at its far edges."""
    height, width = part.shape
    assert part.strides[1] == 1
    small = np.empty((-(-height // 4), -(-width // 4)), np.uint8)
    raster().shrink_by_4(part.ctypes.data, part.strides[0], width, height, small.ctypes.data, small.shape[1])
    return small


def add_digits(codes: Bytes, coverage: Bytes, *, steps: int, weight: int) -> None:
    """Add to codes the digit of each pixel's coverage 0..255: `steps` / 255 of it, rounded, times `weight`.

    Both are (height, width) without gaps; sums stay below 256.
    """
    height, width = codes.shape
    assert codes.shape == coverage.shape and codes.flags.c_contiguous and coverage.flags.c_contiguous
    raster().add_digits(codes.ctypes.data, width, height, coverage.ctypes.data, steps, weight)


def look_up(part: Bytes, codes: Bytes, table: Bytes) -> None:
    """Each pixel of a part (height, width) of a plane becomes what a table of 256 says for its code.

    The part's rows may be apart, and upside down; the codes have no gaps.
    """
    height, width = part.shape
    assert part.shape == codes.shape and part.strides[1] == 1 and codes.flags.c_contiguous and len(table) == 256
    raster().look_up(part.ctypes.data, part.strides[0], width, height, codes.ctypes.data, table.ctypes.data)


def reflect(
    below: Bytes, above: Bytes, rows: NDArray[np.int32], ground: Bytes, shares: Bytes, *, falls: bool = False
) -> None:
    """Add to row j of `below` what row `rows[j]` of `above` has gained over row j of `ground`: `shares[j]` / 255 of it.

    `falls`: what it has lost is taken off as well. `below` and `above` are parts (height, width) of planes or pictures
    (height, width, channels), whose rows may be apart; `ground` is as large as `below` and has no gaps.
    """
    height, width = below.shape[0], int(np.prod(below.shape[1:]))
    assert below.shape == ground.shape and above.shape[1:] == below.shape[1:] and ground.flags.c_contiguous
    assert len(rows) == len(shares) == height and rows.dtype == np.int32
    facts = rows.ctypes.data, ground.ctypes.data, shares.ctypes.data, falls
    raster().reflect(below.ctypes.data, below.strides[0], width, height, above.ctypes.data, above.strides[0], *facts)
