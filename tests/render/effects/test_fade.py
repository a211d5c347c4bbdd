"""Fade and flash: mixing the finished frame towards a colour."""

from __future__ import annotations

import numpy as np
import pytest
from tests.render.fake_timeline import FakeTimeline
from tests.render.scenes import make_frame, make_scene

from oriel_fx.render.effects.fade import FadeEffect, FlashEffect, blend_towards
from oriel_fx.render.pixels import Planes, to_rgb, ycbcr
from oriel_fx.render.scene import Scene


def white() -> Planes:
    planes = Planes.empty(32, 16)
    planes.y[:] = 235
    return planes


def shown(effect: FadeEffect, scene: Scene, index: int) -> float:
    """Mean brightness, 0..1, of a white frame after the fade."""
    planes = white()
    effect.prepare(scene).apply(planes, make_frame(scene, index))
    return float(to_rgb(planes).mean() / 255)


def test_the_song_comes_up_from_black_and_ends_in_it() -> None:
    scene = make_scene()
    effect = FadeEffect(start=1.0, end=2.0)
    curve = [shown(effect, scene, index) for index in range(scene.timeline.n_frames)]
    assert curve[0] == curve[-1] == 0
    assert curve[15] == pytest.approx(0.5, abs=0.01)
    assert curve[299 - 30] == pytest.approx(0.5, abs=0.01)
    assert set(curve[30:239]) == {1.0}
    assert (np.diff(curve[:31]) >= 0).all()
    assert (np.diff(curve[239:]) <= 0).all()


def test_the_fades_colour_may_be_any() -> None:
    scene, planes = make_scene(), white()
    FadeEffect(color="#ff8000").prepare(scene).apply(planes, make_frame(scene, 0))
    assert np.abs(to_rgb(planes)[8, 16].astype(int) - (255, 128, 0)).max() <= 4


def test_fades_of_no_length_leave_both_ends_alone() -> None:
    scene = make_scene()
    effect = FadeEffect(start=0, end=0)
    assert shown(effect, scene, 0) == shown(effect, scene, 299) == 1


def test_a_clip_fades_at_its_own_ends_when_asked() -> None:
    scene = make_scene(range_frames=(90, 210))
    of_clip, of_song = FadeEffect(of="clip"), FadeEffect(of="song")
    assert shown(of_clip, scene, 90) == shown(of_clip, scene, 209) == 0
    assert shown(of_song, scene, 90) == shown(of_song, scene, 209) == 1


def test_a_short_song_is_still_seen() -> None:
    scene = make_scene(timeline=FakeTimeline(duration_s=2.0))
    curve = [shown(FadeEffect(start=5, end=5), scene, index) for index in range(60)]
    assert curve[0] == curve[-1] == 0
    assert max(curve) > 0.95


def test_a_song_of_one_frame_is_seen() -> None:
    assert shown(FadeEffect(), make_scene(timeline=FakeTimeline(duration_s=1 / 30)), 0) == 1


@pytest.mark.parametrize("on", ["onset", "beat"])
def test_a_flash_lights_up_on_its_event_only(on: str) -> None:
    timeline = FakeTimeline(**{on: lambda frame: float(frame == 5), "beat" if on == "onset" else "onset": 1.0})
    scene = make_scene(timeline=timeline)
    effect = FlashEffect.model_validate({"on": on, "strength": 0.5}).prepare(scene)
    light = []
    for index in (4, 5):
        planes = Planes.empty(32, 16)
        effect.apply(planes, make_frame(scene, index))
        light.append(to_rgb(planes).mean() / 255)
    assert light[0] == 0
    assert light[1] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("amount", [0.0, 0.001, 0.25, 0.5, 1.0])
def test_blending_is_exact_on_every_level(amount: float) -> None:
    planes = Planes.empty(64, 32)
    planes.y[:] = np.arange(64)[None, :] * 3 + 16
    before = planes.y.astype(float)
    target = ycbcr((1.0, 0.0, 0.0))
    changed = blend_towards(planes, target, amount)
    assert changed == (amount > 0.002)
    assert np.abs(planes.y - (before + (target[0] - before) * amount)).max() <= 0.51
    assert np.abs(planes.v - (128 + (target[2] - 128) * amount)).max() <= 0.51
