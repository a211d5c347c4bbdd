"""What the C files can do, on NumPy arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.raster.library import raster
from oriel_fx.render.raster.memory import LANES, Bytes, Floats, Targets, address, scratch


def fill_capsules(
    targets: Targets,
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
    assert targets.alike
    ends, radii_px, shades = _packed(ends, radii_px, shades)
    raster().fill_capsules(
        targets.table,
        len(targets),
        len(ends),
        address(ends),
        address(radii_px),
        address(shades),
        round(opacity * 255),
        round_ends,
        scratch.row_of(targets.width + LANES),
    )


def stroke_runs(
    targets: Targets,
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
    assert targets.alike
    points, radii_px, shades = _packed(points, radii_px, shades)
    starts = np.ascontiguousarray(starts, np.int32)
    raster().stroke_runs(
        targets.table,
        len(targets),
        len(starts) - 1,
        address(points),
        address(starts),
        address(radii_px),
        address(shades),
        round(opacity * 255),
        scratch.mask_of(targets.width * targets.height + LANES),
        scratch.row_of(targets.width + LANES),
    )


def draw_ridges(
    targets: Targets,
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
    assert targets.alike
    profiles, radii_px, shades = _packed(profiles, radii_px, shades)
    facts = [np.ascontiguousarray(fact, np.float32) for fact in (widths_px, bases_px, heights_px, radii_px)]
    raster().draw_ridges(
        targets.table,
        len(targets),
        *profiles.shape[:1],
        address(profiles),
        profiles.shape[1],
        *[address(fact) for fact in facts],
        centre_px,
        address(shades),
        scratch.row_of(4 * (2 * targets.width + 3 * LANES)),
    )


def _packed(places: Floats, radii_px: Floats, shades: Bytes) -> tuple[Floats, Floats, Bytes]:
    return (
        np.ascontiguousarray(places, np.float32),
        np.ascontiguousarray(radii_px, np.float32),
        np.ascontiguousarray(shades, np.uint8),
    )


def lay_over(frame: Targets, left: int, top: int, levels: Targets, under: Targets) -> None:
    """`levels` + `under` / 255 of what is there, from `left`, `top` on, over as much of a frame as they are large.

    Of a frame's planes the first is of full size and the others of half of it; places in it are even.
    """
    assert len(frame) == len(levels) == len(under) and (levels.width, levels.height) == (under.width, under.height)
    _check(frame, left, top, levels.width, levels.height)
    raster().lay_over(frame.table, len(frame), left, top, levels.table, under.table)


def copy_part(frame: Targets, left: int, top: int, width: int, height: int, other: Targets) -> None:
    """A part of a frame becomes what another frame of its size holds there."""
    _check(frame, left, top, width, height, other)
    raster().copy_part(frame.table, len(frame), left, top, width, height, other.table)


def fade_out(frame: Targets, left: int, top: int, width: int, height: int, under: Targets, levels: Targets) -> None:
    """Go `levels` / 255 of the way from what is there to what lies under it, in a part of frames of one size."""
    _check(frame, left, top, width, height, under, levels)
    raster().fade_out(frame.table, len(frame), left, top, width, height, under.table, levels.table)


def _check(frame: Targets, left: int, top: int, width: int, height: int, *others: Targets) -> None:
    assert 0 <= left <= left + width <= frame.width and 0 <= top <= top + height <= frame.height
    assert len(frame) == 1 or left % 2 == top % 2 == width % 2 == height % 2 == 0
    assert all((each.width, each.height, len(each)) == (frame.width, frame.height, len(frame)) for each in others)


def add_digits(codes: Bytes, coverage: Bytes, *, steps: int, weight: int) -> None:
    """Add to codes the digit of each pixel's coverage 0..255: `steps` / 255 of it, rounded, times `weight`.

    Both are (height, width) without gaps; sums stay below 256.
    """
    height, width = codes.shape
    assert codes.shape == coverage.shape and codes.flags.c_contiguous and coverage.flags.c_contiguous
    raster().add_digits(address(codes), width, height, address(coverage), steps, weight)


def look_up(part: Bytes, codes: Bytes, table: Bytes) -> None:
    """Each pixel of a part (height, width) of a plane becomes what a table of 256 says for its code.

    The part's rows may be apart, and upside down; the codes have no gaps.
    """
    height, width = part.shape
    assert part.shape == codes.shape and part.strides[1] == 1 and codes.flags.c_contiguous and len(table) == 256
    raster().look_up(part.ctypes.data, part.strides[0], width, height, address(codes), address(table))


def reflect(
    below: Bytes, above: Bytes, rows: NDArray[np.int32], ground: Bytes, shares: Bytes, *, falls: bool = False
) -> None:
    """Add to row j of `below` what row `rows[j]` of `above` has gained over that of `ground`: `shares[j]` / 255 of it.

    `falls`: what it has lost is taken off as well. All are parts (height, width) of planes or pictures
    (height, width, channels), whose rows may be apart; `ground` is as large as `above`.
    """
    height, width = below.shape[0], below[:1].size
    assert above.shape[1:] == below.shape[1:] and ground.shape == above.shape
    assert len(rows) == len(shares) == height and rows.dtype == np.int32
    raster().reflect(
        below.ctypes.data,
        below.strides[0],
        width,
        height,
        above.ctypes.data,
        above.strides[0],
        address(rows),
        ground.ctypes.data,
        ground.strides[0],
        address(shares),
        falls,
    )
