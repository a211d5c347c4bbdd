"""Pixels: dither, and the way to the 4:2:0 planes of a video and back."""

from __future__ import annotations

from dataclasses import astuple
from itertools import product

import numpy as np
import pytest

from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Converter, Planes, dither, to_rgb, ycbcr

COLORS = list(product((0, 1, 64, 128, 200, 255), repeat=3))


def exact(rgb: tuple[int, int, int]) -> tuple[float, float, float]:
    """ITU-R BT.709-6, items 3.2 to 3.4, 8 bit, written out on its own."""
    red, green, blue = (level / 255 for level in rgb)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 219 * luma + 16, 224 * (blue - luma) / 1.8556 + 128, 224 * (red - luma) / 1.5748 + 128


def patches() -> np.ndarray:
    """Every colour as a flat patch of 8 × 8, in one row."""
    row = np.full((8, 8 * len(COLORS), 4), 255, np.uint8)
    row[..., :3] = np.repeat(np.array(COLORS, np.uint8), 8, axis=0)[None]
    return row


def convert(rgba: np.ndarray) -> Planes:
    height, width = rgba.shape[:2]
    planes = Planes.empty(width, height)
    Converter(width, height).write_region(rgba, Rect(0, 0, width, height), planes)
    return planes


def test_flat_colours_land_within_two_levels_of_bt709() -> None:
    planes = convert(patches())
    for number, color in enumerate(COLORS):
        at = 8 * number
        found = planes.y[4, at + 4], planes.u[2, at // 2 + 2], planes.v[2, at // 2 + 2]
        assert found == pytest.approx(exact(color), abs=2), color


def test_flat_colours_come_back_within_four_levels() -> None:
    shown = to_rgb(convert(patches())).astype(int)
    for number, color in enumerate(COLORS):
        patch = shown[3:5, 8 * number + 3 : 8 * number + 5]
        assert np.abs(patch - np.array(color)).max() <= 4, color


def test_the_formula_used_for_fades_is_the_same() -> None:
    for color in COLORS:
        red, green, blue = (level / 255 for level in color)
        assert ycbcr((red, green, blue)) == pytest.approx(exact(color), abs=1e-3)


def test_a_region_converts_as_the_whole_does_and_leaves_the_rest() -> None:
    rgba = np.random.default_rng(2).integers(0, 256, (96, 160, 4), dtype=np.uint8)
    whole, parts = convert(rgba), Planes.empty(160, 96)
    region = Rect(16, 32, 98, 94)
    Converter(160, 96).write_region(rgba, region, parts)
    for full, part, scale in ((whole.y, parts.y, 1), (whole.u, parts.u, 2), (whole.v, parts.v, 2)):
        scaled = Rect(*(edge // scale for edge in astuple(region)))
        inside = scaled.slices
        assert np.abs(full[inside].astype(int) - part[inside]).max() <= 1
        left_alone = np.ones(part.shape, bool)
        left_alone[inside] = False
        assert set(part[left_alone].tolist()) == {16 if scale == 1 else 128}


def test_an_empty_region_changes_nothing() -> None:
    planes = Planes.empty(16, 16)
    Converter(16, 16).write_region(np.full((16, 16, 4), 255, np.uint8), Rect(4, 4, 4, 8), planes)
    assert (to_rgb(planes) == 0).all()


def test_the_planes_are_views_of_what_ffmpeg_reads() -> None:
    planes = Planes.empty(6, 4)
    planes.y[:], planes.u[:], planes.v[:] = 1, 2, 3
    assert planes.data.tolist() == [1] * 24 + [2] * 6 + [3] * 6


class TestDither:
    def test_a_gradient_keeps_its_mean_and_loses_its_bands(self) -> None:
        ramp = np.linspace(0.05, 0.07, 900, dtype=np.float32)
        picture = np.broadcast_to(ramp[None, :, None], (200, 900, 3))
        rgba = dither(picture, 7)[..., :3]
        error = rgba.mean(axis=0) - picture[0] * 255
        assert np.abs(error).max() < 0.25
        assert len(np.unique(rgba[:, 450])) > 1

    def test_it_never_strays_more_than_two_levels(self) -> None:
        picture = np.random.default_rng(3).random((64, 64, 3), np.float32)
        assert np.abs(dither(picture, 1)[..., :3] - picture * 255).max() < 1.3

    def test_it_depends_on_the_seed_alone(self) -> None:
        picture = np.random.default_rng(3).random((16, 16, 3), np.float32)
        assert np.array_equal(dither(picture, 1), dither(picture, 1))
        assert not np.array_equal(dither(picture, 1), dither(picture, 2))
