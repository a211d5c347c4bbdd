"""Camera: the picture zooms and shakes on beats, and is left alone between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.render.fake_timeline import FakeTimeline
from tests.render.scenes import make_frame, make_scene

from oriel_fx.render.effects.camera import ShakeEffect, ZoomEffect
from oriel_fx.render.pixels import Planes

EFFECTS = [ZoomEffect(strength=0.3), ShakeEffect(strength=0.1), ZoomEffect(strength=0.001)]


def cross(width: int, height: int) -> Planes:
    """A bright cross in the middle, with colour in the same place."""
    planes = Planes.empty(width, height)
    planes.y[height // 2 - 4 : height // 2 + 4] = 235
    planes.y[:, width // 2 - 4 : width // 2 + 4] = 235
    planes.u[height // 4 - 2 : height // 4 + 2] = 240
    planes.u[:, width // 4 - 2 : width // 4 + 2] = 240
    return planes


def apply(effect: Any, planes: Planes, beat: float, index: int = 30) -> bool:
    height, width = planes.y.shape
    scene = make_scene(width, height, timeline=FakeTimeline(beat=beat, onset=beat))
    changed: bool = effect.prepare(scene).apply(planes, make_frame(scene, index))
    return changed


@pytest.mark.parametrize("effect", EFFECTS, ids=repr)
@pytest.mark.parametrize("beat", [0.0, 0.01])
def test_at_rest_nothing_moves(effect: Any, beat: float) -> None:
    planes = cross(160, 90)
    assert not apply(effect, planes, beat)
    assert np.array_equal(planes.data, cross(160, 90).data)


@pytest.mark.parametrize("size", [(16, 16), (512, 16), (16, 512), (160, 90), (270, 480)])
@pytest.mark.parametrize("effect", EFFECTS, ids=repr)
def test_no_size_and_no_beat_is_too_much(effect: Any, size: tuple[int, int]) -> None:
    for beat, index in ((1.0, 0), (1.0, 30), (0.5, 77), (0.03, 150)):
        planes = Planes.empty(*size)
        planes.data[:] = np.random.default_rng(0).integers(16, 236, planes.data.shape)
        apply(effect, planes, beat, index)
        assert planes.y.min() >= 16
        assert planes.y.max() <= 235


def test_zooming_enlarges_round_the_middle_light_and_colour_together() -> None:
    planes = cross(160, 90)
    assert apply(ZoomEffect(strength=0.3), planes, 1.0)
    bright = np.flatnonzero(planes.y[5] > 125)
    tinted = np.flatnonzero(planes.u[2] > 184)
    assert 9 <= len(bright) <= 12
    assert bright.mean() == pytest.approx(79.5, abs=0.6)
    assert tinted.mean() * 2 + 0.5 == pytest.approx(bright.mean(), abs=1)


@pytest.mark.parametrize("index", [30, 47, 64, 90])
def test_shaking_moves_light_and_colour_together_and_not_far(index: int) -> None:
    planes = cross(320, 180)
    assert apply(ShakeEffect(strength=0.05), planes, 1.0, index)
    across, down = np.flatnonzero(planes.y[5] > 125), np.flatnonzero(planes.y[:, 5] > 125)
    moved = np.hypot(across.mean() - 159.5, down.mean() - 89.5)
    assert 0 < moved < 0.05 * 180 * 1.5
    for light, tint in ((across, planes.u[2]), (down, planes.u[:, 2])):
        tinted = np.flatnonzero(tint > 184)
        assert tinted.mean() * 2 + 0.5 == pytest.approx(light.mean(), abs=1)


def test_a_frame_is_moved_the_same_every_time() -> None:
    first, second = cross(160, 90), cross(160, 90)
    apply(ShakeEffect(strength=0.05), first, 0.7)
    apply(ShakeEffect(strength=0.05), second, 0.7)
    assert np.array_equal(first.data, second.data)


def test_it_listens_to_beats_or_onsets() -> None:
    scene = make_scene(160, 90, timeline=FakeTimeline(beat=1.0, onset=0.0))
    for on, moved in (("beat", True), ("onset", False)):
        effect = ZoomEffect.model_validate({"on": on, "strength": 0.2}).prepare(scene)
        assert effect.apply(cross(160, 90), make_frame(scene, 3)) is moved
