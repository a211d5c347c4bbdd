"""Backgrounds: what they paint, and how they move."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from tests.render.fake_timeline import FakeTimeline
from tests.render.scenes import make_cover, make_frame, make_scene

from oriel_fx.render.background import Background, Ground
from oriel_fx.render.scene import Pixels, Scene

_BACKGROUNDS: TypeAdapter[Any] = TypeAdapter(Background)
ALL: list[dict[str, Any]] = [
    {"type": "color"},
    {"type": "gradient"},
    {"type": "gradient", "angle": 30, "colors": ["red", "blue", "white"]},
    {"type": "gradient", "shape": "radial", "x": -1, "radius": 0.01},
    {"type": "image"},
    {"type": "image", "fit": "contain"},
    {"type": "image", "fit": "stretch", "blur": 0.2, "darken": 0.5, "saturation": 0},
    {"type": "image", "blur": 0.5, "saturation": 2},
]


def ground(background: dict[str, Any], scene: Scene) -> Ground:
    return Ground(_BACKGROUNDS.validate_python(background), scene)


def paint(background: dict[str, Any], scene: Scene, index: int = 0) -> Pixels:
    return ground(background, scene).pixels(make_frame(scene, index))


@pytest.mark.parametrize("background", ALL, ids=str)
@pytest.mark.parametrize("size", [(16, 16), (512, 16), (16, 512), (160, 90)])
def test_it_fills_the_picture_and_is_opaque(background: dict[str, Any], size: tuple[int, int]) -> None:
    for cover in (make_cover(), make_cover(1, 1), make_cover(3, 200)):
        scene = make_scene(*size, cover=cover)
        for motion in ({}, {"drift": 0.2, "beat_zoom": 0.2}):
            pixels = paint(background | motion, scene, 37)
            assert pixels.shape == (size[1], size[0], 4)
            assert (pixels[..., 3] == 255).all()


def test_a_colour_is_exactly_that_colour_and_never_moves() -> None:
    scene = make_scene(32, 32)
    made = ground({"type": "color", "color": "#123456", "drift": 0.2, "beat_zoom": 0.2}, scene)
    assert made.still
    assert set(map(tuple, made.pixels(make_frame(scene, 0)).reshape(-1, 4).tolist())) == {(0x12, 0x34, 0x56, 255)}


@pytest.mark.parametrize(
    ("angle", "first", "last"),
    [(0, (90, 0), (90, 319)), (90, (0, 160), (179, 160)), (180, (90, 319), (90, 0)), (-90, (179, 160), (0, 160))],
)
def test_a_line_of_colours_runs_as_its_angle_says(angle: float, first: tuple[int, int], last: tuple[int, int]) -> None:
    pixels = paint({"type": "gradient", "angle": angle, "colors": ["#ff0000", "#0000ff"]}, make_scene()).astype(int)
    assert np.abs(pixels[first][:3] - (255, 0, 0)).max() <= 8
    assert np.abs(pixels[last][:3] - (0, 0, 255)).max() <= 8


def test_a_radial_one_runs_outwards_by_short_sides() -> None:
    background = {"type": "gradient", "shape": "radial", "colors": ["#ffffff", "#000000"], "radius": 0.5}
    pixels = paint(background, make_scene()).astype(int)
    assert pixels[90, 160, 0] >= 253
    assert pixels[90, 160 + 91, 0] == 0
    assert pixels[0, 160, 0] <= 2


def halves() -> Pixels:
    """Left half red, right half blue, twice as wide as high."""
    cover = np.zeros((50, 100, 4), np.uint8)
    cover[:, :50], cover[:, 50:] = (255, 0, 0, 255), (0, 0, 255, 255)
    return cover


def test_fits_are_cover_contain_and_stretch() -> None:
    scene = make_scene(100, 100, cover=halves())
    for fit, corner in (("cover", (255, 0, 0)), ("stretch", (255, 0, 0)), ("contain", (16, 16, 20))):
        pixels = paint({"type": "image", "fit": fit}, scene)
        assert np.abs(pixels[2, 2, :3].astype(int) - corner).max() <= 1
        assert np.abs(pixels[50, 97, :3].astype(int) - (0, 0, 255)).max() <= 1


def test_what_is_clear_in_a_picture_shows_the_ground() -> None:
    clear = np.zeros((20, 20, 4), np.uint8)
    pixels = paint({"type": "image", "color": "#204060"}, make_scene(40, 40, cover=clear))
    assert np.abs(pixels[..., :3].astype(int) - (0x20, 0x40, 0x60)).max() <= 1


def test_darkening_ends_at_the_ground_and_no_saturation_at_grey() -> None:
    scene = make_scene(60, 40)
    dark = paint({"type": "image", "darken": 1, "color": "#204060"}, scene)[..., :3].astype(int)
    assert np.abs(dark - (0x20, 0x40, 0x60)).max() <= 1
    grey = paint({"type": "image", "saturation": 0}, scene)[..., :3].astype(int)
    assert np.ptp(grey, axis=2).max() <= 1


def test_blur_keeps_the_mean_and_takes_the_detail() -> None:
    scene = make_scene(100, 100)
    sharp, soft = (paint({"type": "image", "blur": blur}, scene)[..., :3].astype(float) for blur in (0, 0.1))
    assert soft.std() < sharp.std() / 8
    assert np.abs(soft.mean(axis=(0, 1)) - sharp.mean(axis=(0, 1))).max() < 6


def test_drift_moves_slowly_and_comes_back() -> None:
    scene = make_scene(160, 90, timeline=FakeTimeline(duration_s=60, beat=0.0))
    made = ground({"type": "gradient", "colors": ["black", "white"], "angle": 0, "drift": 0.1}, scene)
    assert not made.still
    shown = {i: made.pixels(make_frame(scene, i)).astype(int) for i in (0, 1, 225, 900)}
    assert np.abs(shown[1] - shown[0]).mean() < 1
    assert np.abs(shown[225] - shown[0]).mean() > 5
    assert np.array_equal(shown[900], shown[0])


def test_beats_zoom_towards_the_middle_and_silence_rests() -> None:
    scene = make_scene(160, 90, timeline=FakeTimeline(beat=lambda frame: float(frame == 5)))
    background = {"type": "gradient", "shape": "radial", "colors": ["white", "black"], "radius": 0.6}
    still = paint(background, scene).astype(int)
    made = ground(background | {"beat_zoom": 0.2}, scene)
    assert np.array_equal(made.pixels(make_frame(scene, 0)), still)
    larger = made.pixels(make_frame(scene, 5)).astype(int)
    assert larger.mean() > still.mean() + 5
    assert abs(larger[45, 80, 0] - still[45, 80, 0]) <= 2
