"""Glows in planes: what is gathered is the light over the ground, and what is added is what a blur made of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from oriel_fx.render.raster import Targets, add_glow, gather_light, mix_glow, mix_shades, shrink

Bytes = NDArray[np.uint8]


@pytest.mark.parametrize("by", [2, 4])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (4, 4), (7, 5), (36, 100), (37, 131), (5, 259), (64, 128)])
def test_a_plane_is_shrunk_to_means(shape: tuple[int, int], by: int) -> None:
    plane = np.random.default_rng(9).integers(0, 256, (shape[0] + 5, shape[1] + 9), dtype=np.uint8)
    part = plane[2 : 2 + shape[0], 3 : 3 + shape[1]]
    small = shrink(part, by)
    assert small.shape == (-(-shape[0] // by), -(-shape[1] // by))
    for row, column in np.ndindex(small.shape):
        mean = part[by * row : by * row + by, by * column : by * column + by].mean()
        assert abs(small[row, column] - mean) <= 0.5


@pytest.mark.parametrize("lit", [1.0, 0.01], ids=["all lit", "spots"])
@pytest.mark.parametrize("zero", [0, 128])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (4, 4), (7, 5), (36, 100), (37, 131), (5, 259), (61, 40)])
def test_a_glow_is_enlarged_smoothly_and_added(shape: tuple[int, int], zero: int, lit: float) -> None:
    random = np.random.default_rng(6)
    cells = -(-shape[0] // 4), -(-shape[1] // 4)
    glow = random.integers(0, 256, cells, dtype=np.uint8)
    glow[random.random(cells) >= lit] = zero
    target = random.integers(16, 236, (shape[0] + 9, shape[1] + 40), dtype=np.uint8)
    before = target.copy()
    part = target[5 : 5 + shape[0], 7 : 7 + shape[1]]
    twice = cv2.resize(glow, (2 * cells[1], 2 * cells[0]), interpolation=cv2.INTER_LINEAR)
    levels = np.repeat(np.repeat(twice, 2, axis=0), 2, axis=1)[: shape[0], : shape[1]].astype(int) - zero
    expected = np.clip(part + levels, 0, 235)
    add_glow(part, glow, zero=zero, limit=235)
    assert np.abs(part - expected).max() <= 1
    before[5 : 5 + shape[0], 7 : 7 + shape[1]] = part
    assert np.array_equal(before, target)


def test_a_glow_of_nothing_changes_nothing() -> None:
    target = np.random.default_rng(7).integers(0, 256, (37, 131), dtype=np.uint8)
    before = target.copy()
    add_glow(target, np.zeros((10, 33), np.uint8))
    add_glow(target, np.full((10, 33), 128, np.uint8), zero=128)
    assert np.array_equal(before, target)


def noise(seed: int, *shapes: tuple[int, ...]) -> list[Bytes]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]


@pytest.mark.parametrize("step", [4, 8])
@pytest.mark.parametrize("region", [(0, 0, 16, 16), (32, 16, 64, 48), (16, 48, 206, 34), (0, 0, 222, 82)])
def test_light_is_what_a_frame_has_over_its_ground(region: tuple[int, int, int, int], step: int) -> None:
    left, top, width, height = region
    shapes = (82, 222), (41, 111), (41, 111)
    frame, ground = noise(1, *shapes), noise(2, *shapes)
    # Lit in some places only.
    frame[0][:, 100:150] = ground[0][:, 100:150]
    small = [shrink(ground[0], 4), *(shrink(plane, step // 2) for plane in ground[1:])]
    light, coarse = gather_light(Targets(*frame), Targets(*small), *region, step)

    luma = shrink(frame[0][top : top + height, left : left + width], 4).astype(int)
    under = small[0][top // 4 :, left // 4 :][: luma.shape[0], : luma.shape[1]]
    assert np.array_equal(light, np.maximum(luma - under, 0))
    fewer = light if step == 4 else shrink(light, 2)
    assert np.array_equal(coarse[..., 0], fewer)
    for place in (1, 2):
        part = frame[place][top // 2 : (top + height) // 2, left // 2 : (left + width) // 2]
        levels = shrink(part, step // 2).astype(int)
        under = small[place][top // step :, left // step :][: levels.shape[0], : levels.shape[1]]
        expected = np.where(fewer > 0, np.clip(levels - under + 128, 0, 255), 128)
        assert np.array_equal(coarse[..., place], expected)


@pytest.mark.parametrize("region", [(8, 0, 16, 16), (0, 0, 15, 16), (0, 0, 240, 16), (16, -16, 16, 16)])
def test_light_outside_the_frame_or_off_the_grid_is_refused(region: tuple[int, int, int, int]) -> None:
    planes = noise(1, (80, 224), (40, 112), (40, 112))
    with pytest.raises(AssertionError):
        gather_light(Targets(*planes), Targets(*planes), *region, 4)


@pytest.mark.parametrize("shares", [(0.22, 0.74), (4.8, 16.2), (0.0, 1.0)])
@pytest.mark.parametrize("cells", [(1, 1), (3, 5), (9, 16), (20, 63), (31, 40)])
@pytest.mark.parametrize("coarser", [1, 2])
def test_a_tight_and_a_wide_glow_are_mixed(cells: tuple[int, int], coarser: int, shares: tuple[float, float]) -> None:
    tight, wide = noise(3, cells, (-(-cells[0] // coarser), -(-cells[1] // coarser), 3))
    luma = np.ascontiguousarray(wide[..., 0]).astype(np.float32)
    if coarser == 2:
        luma = cv2.resize(luma, (2 * luma.shape[1], 2 * luma.shape[0]), interpolation=cv2.INTER_LINEAR)
    expected = np.clip(shares[0] * tight + shares[1] * luma[: cells[0], : cells[1]], 0, 255)
    mixed = tight.copy()
    mix_glow(mixed, wide, *shares)
    # Shares are kept in 1/1024.
    assert np.abs(mixed - expected).max() <= 1.2


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (17, 40)])
def test_shades_are_mixed_round_neutral(shape: tuple[int, int]) -> None:
    tight, wide = noise(4, (*shape, 3), (*shape, 3))
    blue_and_red = mix_shades(tight, wide, 0.22, 0.74)
    for place, shade in enumerate(blue_and_red, 1):
        expected = 128 + 0.22 * (tight[..., place] - 128.0) + 0.74 * (wide[..., place] - 128.0)
        assert np.abs(shade - np.clip(expected, 0, 255)).max() <= 0.7
    neutral = np.full((*shape, 3), 128, np.uint8)
    assert (mix_shades(neutral, neutral, 4.8, 16.2) == 128).all()
