"""Vignette: a smooth fall towards the corners, the same whether done at once or region by region."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.render.scenes import make_frame, make_scene

from oriel_fx.render.effects.vignette import VignetteEffect
from oriel_fx.render.layout import Rect
from oriel_fx.render.scene import Pixels

WIDTH, HEIGHT = 160, 96
REGIONS = [Rect(0, 0, WIDTH, HEIGHT), Rect(0, 0, 64, 48), Rect(64, 16, 128, 80), Rect(128, 80, 160, 96)]


def kept(strength: float, start: float) -> NDArray[np.float64]:
    """The share of light each pixel keeps, straight from the definition."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    x, y = columns / (WIDTH - 1) * 2 - 1, rows / (HEIGHT - 1) * 2 - 1
    fall = np.clip((np.hypot(x, y) / np.sqrt(2) - start) / (1 - start), 0, 1)
    return (1 - strength * fall**2 * (3 - 2 * fall))[..., None]


def noise(low: int, high: int, seed: int = 0) -> Pixels:
    picture = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    picture[..., :3] = np.random.default_rng(seed).integers(low, high, (HEIGHT, WIDTH, 3))
    return picture


@pytest.mark.parametrize("still", [True, False])
@pytest.mark.parametrize(("strength", "start"), [(0.35, 0.55), (1, 0), (1, 0.9), (0, 0.5), (0.01, 0)])
def test_the_ground_darkens_as_defined(strength: float, start: float, still: bool) -> None:
    scene = make_scene(WIDTH, HEIGHT)
    ground = noise(0, 256)
    wanted = ground[..., :3] * kept(strength, start)
    VignetteEffect(strength=strength, start=start).prepare(scene).darken_ground(ground, still)
    assert np.abs(ground[..., :3] - wanted).max() <= 2
    assert (ground[..., 3] == 255).all()


@pytest.mark.parametrize("size", [(130, 98), (102, 102), (98, 130), (64, 66)], ids=str)
@pytest.mark.parametrize("still", [True, False])
def test_no_row_or_column_is_darkened_twice_where_halves_are_odd(size: tuple[int, int], still: bool) -> None:
    ground = np.full((size[1], size[0], 4), 255, np.uint8)
    VignetteEffect(strength=1, start=0).prepare(make_scene(*size)).darken_ground(ground, still)
    levels = ground[..., 0].astype(int)
    assert np.abs(levels - levels[::-1]).max() <= 1 and np.abs(levels - levels[:, ::-1]).max() <= 1
    assert np.abs(np.diff(levels, axis=0)).max() <= 12 and np.abs(np.diff(levels, axis=1)).max() <= 12


@pytest.mark.parametrize("region", REGIONS, ids=str)
@pytest.mark.parametrize(("strength", "start"), [(0.35, 0.55), (1, 0), (1, 0.9)])
def test_added_light_darkens_as_the_ground_did(strength: float, start: float, region: Rect) -> None:
    scene = make_scene(WIDTH, HEIGHT)
    effect = VignetteEffect(strength=strength, start=start).prepare(scene)
    ground = noise(0, 100)
    light = noise(0, 120, 1)[..., :3]
    wanted = (ground[..., :3] + light) * kept(strength, start)
    effect.darken_ground(ground, True)
    picture = ground.copy()
    picture[..., :3] += light
    before = picture.copy()
    effect.apply(picture, ground, region, make_frame(scene, 0))
    assert np.abs(picture[region.slices][..., :3] - wanted[region.slices]).max() <= 2
    picture[region.slices] = before[region.slices]
    assert np.array_equal(picture, before)


def test_a_dark_gradient_does_not_band() -> None:
    scene = make_scene(WIDTH, HEIGHT)
    ground = np.full((HEIGHT, WIDTH, 4), (12, 12, 12, 255), np.uint8)
    VignetteEffect(strength=0.5, start=0).prepare(scene).darken_ground(ground, True)
    steps = np.abs(np.diff(ground[:8, : WIDTH // 2, 0].astype(float).mean(axis=0)))
    assert steps.max() < 0.8
