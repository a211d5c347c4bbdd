"""Wireframe: lines where the camera sees them, scaled by the bass and coloured by the treble."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.render.fake_timeline import FakeTimeline
from tests.render.scenes import draw_layer, make_scene

from oriel_fx.render.solids import SHAPES, build_solid, clip_edges, rotate_xy
from oriel_fx.render.spec import RenderSpec

SILENCE: dict[str, Any] = {"analyser_2": 0.0, "analyser_50": 0.0}


def wireframe(**params: Any) -> dict[str, Any]:
    return {"type": "wireframe", "base_color": "#ffffff", "glow_color": "#0000ff", "thickness": 0.008} | params


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("index", [0, 137])
def test_lines_are_where_the_edges_are_seen_and_nowhere_else(shape: str, index: int) -> None:
    scene = make_scene(320, 180, timeline=FakeTimeline(**SILENCE))
    light = draw_layer(wireframe(shape=shape, rotation_speed=0.5), scene, index).max(axis=2)
    solid = build_solid(shape, 4.0, scene.seed)
    angle = index / 30 * 0.5
    segments, _ = clip_edges(rotate_xy(solid.vertices, angle, 1.5 * angle), solid.edges, 320, 180)
    along = np.linspace(0, 1, 40)[None, :, None]
    points = (segments[:, :1] * (1 - along) + segments[:, 1:] * along).reshape(-1, 2)
    # Pixel (0, 0) covers 0..1, so a point lies in the pixel of its whole part.
    near = np.zeros_like(light, bool)
    columns, rows = points.astype(int).T
    assert (light[rows, columns] > 60).mean() > 0.99
    for down in range(-3, 4):
        for across in range(-3, 4):
            near[np.clip(rows + down, 0, 179), np.clip(columns + across, 0, 319)] = True
    assert light[~near].max() == 0


def extent(light: np.ndarray) -> tuple[int, int]:
    rows, columns = np.nonzero(light.max(axis=2) > 40)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize("bass", [0.0, 0.25, 1.0])
def test_the_bass_scales_it_by_one_plus_bass_times_pulse(bass: float) -> None:
    quiet, loud = (
        make_scene(320, 320, timeline=FakeTimeline(analyser_2=value, analyser_50=0.0)) for value in (0.0, bass)
    )
    flat = wireframe(shape="plane", size=2.5, pulse_intensity=1.5)
    height, width = extent(draw_layer(flat, quiet))
    taller, wider = extent(draw_layer(flat, loud))
    assert taller / height == pytest.approx(1 + 1.5 * bass, rel=0.05)
    assert wider / width == pytest.approx(1 + 1.5 * bass, rel=0.05)


@pytest.mark.parametrize("treble", [0.0, 0.5, 1.0])
def test_the_treble_leads_from_the_base_colour_to_the_glow(treble: float) -> None:
    scene = make_scene(320, 180, timeline=FakeTimeline(analyser_2=0.0, analyser_50=treble))
    light = draw_layer(wireframe(shape="cube", thickness=0.03), scene)
    brightest = light[light[..., 2] > 250]
    wanted = np.array([255 * (1 - treble), 255 * (1 - treble), 255])
    assert np.abs(np.median(brightest, axis=0) - wanted).max() <= 3


def test_bass_and_treble_are_read_at_the_bins_asked_for() -> None:
    timeline = FakeTimeline(analyser_7=1.0, analyser_90=1.0, analyser_2=0.0, analyser_50=0.0)
    scene = make_scene(320, 180, timeline=timeline)
    other = draw_layer(wireframe(size=2, bass_frequency=7, treble_frequency=90), scene)
    usual = draw_layer(wireframe(size=2), scene)
    assert extent(other)[0] > 1.5 * extent(usual)[0]
    assert other[..., 0].max() < 10 < usual[..., 0].max()


def test_smooth_motion_follows_weight_and_treble_instead() -> None:
    timeline = FakeTimeline(weight=1.0, treble=1.0, **SILENCE)
    scene = make_scene(320, 180, timeline=timeline)
    smooth = draw_layer(wireframe(size=2, motion="smooth"), scene)
    classic = draw_layer(wireframe(size=2), scene)
    assert extent(smooth)[0] > 1.5 * extent(classic)[0]
    assert smooth[..., 0].max() < 10 < classic[..., 0].max()


def test_it_turns_by_the_songs_clock_not_by_frames() -> None:
    pictures = []
    for fps in (25, 50):
        scene = make_scene(160, 90, timeline=FakeTimeline(fps=fps, **SILENCE))
        pictures.append(draw_layer(wireframe(rotation_speed=1), scene, 2 * fps))
    assert np.array_equal(*pictures)


def test_far_lines_fade_when_depth_is_asked_for() -> None:
    scene = make_scene(320, 180, timeline=FakeTimeline(**SILENCE))
    flat, deep = (draw_layer(wireframe(shape="cube", depth=depth), scene).sum() for depth in (0, 1))
    assert deep < flat * 0.9


def test_a_solid_round_the_camera_does_not_break() -> None:
    scene = make_scene(160, 90, timeline=FakeTimeline(analyser_2=1.0, analyser_50=1.0))
    for index in range(0, 60, 7):
        draw_layer(wireframe(size=20, pulse_intensity=10, rotation_speed=3, vertices=0.02), scene, index)


@pytest.mark.parametrize("preset", ["classic", "wire"])
@pytest.mark.parametrize("size", [(320, 180), (240, 240), (180, 320)])
def test_the_presets_solids_are_whole_in_every_shape_of_picture(preset: str, size: tuple[int, int]) -> None:
    width, height = size
    spec = RenderSpec.from_config({"preset": preset, "output": {"size": f"{width}x{height}"}})
    (solid,) = [layer.model_dump() for layer in spec.layers if layer.type == "wireframe"]
    scene = make_scene(width, height, timeline=FakeTimeline(analyser_2=1.0, analyser_50=1.0))
    for index in range(0, 4000, 250):
        light = draw_layer(solid, scene, index).max(axis=2)
        assert light.any()
        assert not light[:, [0, -1]].any() and not light[[0, -1]].any(), f"cut off at frame {index}"
