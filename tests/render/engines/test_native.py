"""The native engine: any frame alone equals the same frame in any run, to the byte."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from oriel_fx.render import presets
from oriel_fx.render.assets import NoAssets
from oriel_fx.render.engines.native import NativeEngine
from oriel_fx.render.pixels import Planes, to_rgb
from oriel_fx.render.prepare import PreparedSong
from oriel_fx.render.setup import build_engine
from oriel_fx.render.spec import RenderSpec

STILL = {"type": "gradient", "shape": "radial", "colors": ["#241040", "#05050b"]}
MOVING = {"type": "image", "blur": 0.1, "darken": 0.5, "drift": 0.05, "beat_zoom": 0.05}
EVERY_LAYER: list[dict[str, Any]] = [
    {"type": "stars", "count": 40, "size": 0.01},
    {"type": "text", "text": "under everything", "anchor": "top", "size": 0.1},
    {"type": "ridge", "y": 0.2, "lines": 12},
    {"type": "radial", "count": 60, "y": -0.1, "radius": 0.2},
    {"type": "image", "shape": "circle", "width": 0.35, "y": -0.1, "breath": 1, "outline": 0.01},
    {"type": "image", "shape": "circle", "width": 0.2, "anchor": "top-right", "spin": 33},
    {"type": "wireframe", "size": 2, "x": -0.3, "vertices": 0.01, "depth": 0.5, "motion": "smooth"},
    {"type": "wave", "style": "line", "anchor": "bottom", "height": 0.2},
    {"type": "wave", "style": "ribbons", "blend": "screen", "height": 0.2, "opacity": 0.5},
    {"type": "bars", "peaks": True, "reflection": 0.3, "anchor": "bottom", "y": -0.2, "height": 0.2},
    {"type": "text", "text": "{title} — {artist}", "anchor": "bottom-left"},
    {"type": "progress", "anchor": "bottom", "knob": True},
]
EVERY_EFFECT: list[dict[str, Any]] = [
    {"type": "bloom", "strength": 0.8, "pulse": 1},
    {"type": "vignette"},
    {"type": "flash", "strength": 0.2},
    {"type": "shake", "strength": 0.02},
    {"type": "zoom", "strength": 0.05},
    {"type": "fade"},
]


def everything(background: dict[str, Any], *effects: dict[str, Any]) -> dict[str, Any]:
    return {"background": background, "layers": EVERY_LAYER, "effects": list(effects)}


SPECS: dict[str, dict[str, Any]] = {name: {"preset": name} for name in presets.names()} | {
    "everything, still": everything(STILL, *EVERY_EFFECT),
    "everything, moving": everything(MOVING, *EVERY_EFFECT),
    "everything, no effects": everything(STILL),
    "everything, only glowing": everything(STILL, {"type": "bloom"}),
    "everything, fps 24": everything(STILL, *EVERY_EFFECT) | {"output": {"fps": 24}},
}
SIZES = ["256x144", "90x160"]
# Far apart, side by side, on beats and between them, at both ends.
FRAMES = [0, 1, 16, 17, 77, 150, 151, 190]


def engine(song: PreparedSong, config: dict[str, Any], size: str) -> NativeEngine:
    return build_engine(song, RenderSpec.from_config(config, {"output": {"size": size}}), NoAssets())


def draw(drawing: NativeEngine, index: int, size: str, planes: Planes | None = None) -> bytes:
    width, height = map(int, size.split("x"))
    if planes is None:
        planes = Planes.empty(width, height)
        planes.data[:] = 77
    drawing.draw(index, planes)
    return planes.data.tobytes()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("config", SPECS.values(), ids=SPECS.keys())
def test_a_frame_is_the_same_in_any_order_alone_or_again(song: PreparedSong, config: dict[str, Any], size: str) -> None:
    forwards = engine(song, config, size)
    wanted = {index: draw(forwards, index, size) for index in FRAMES}
    other = engine(song, config, size)
    order = [*reversed(FRAMES), 77, 77, 0, 190, 16, 151]
    for index in order:
        assert draw(other, index, size) == wanted[index], f"frame {index} after others"
    for index in (77, 151):
        assert draw(engine(song, config, size), index, size) == wanted[index], f"frame {index} alone"


@pytest.mark.parametrize("config", SPECS.values(), ids=SPECS.keys())
def test_buffers_may_be_used_again_by_any_engine(song: PreparedSong, config: dict[str, Any]) -> None:
    size = SIZES[0]
    one, two = engine(song, config, size), engine(song, {"preset": "wave"}, size)
    wanted = {index: draw(one, index, size) for index in FRAMES}
    buffers = [Planes.empty(256, 144) for _ in range(3)]
    for turn, index in enumerate(FRAMES * 2):
        planes = buffers[turn % 3]
        if turn % 5 == 0:
            two.draw(index, planes)
        assert draw(one, index, size, planes) == wanted[index], f"frame {index}, turn {turn}"


@pytest.mark.parametrize("size", ["16x16", "640x360", "1080x1350", "2048x16", "16x1024", "98x34"])
@pytest.mark.parametrize("name", presets.names())
def test_every_preset_draws_at_odd_sizes(song: PreparedSong, name: str, size: str) -> None:
    drawing = engine(song, {"preset": name}, size)
    width, height = map(int, size.split("x"))
    planes = Planes.empty(width, height)
    drawing.draw(100, planes)
    assert planes.y.min() >= 16
    assert planes.y.max() <= 235
    assert to_rgb(planes).shape == (height, width, 3)


def test_the_largest_picture_is_drawn(song: PreparedSong) -> None:
    drawing = engine(song, everything(STILL, *EVERY_EFFECT), "8192x16")
    assert draw(drawing, 100, "8192x16") == draw(drawing, 100, "8192x16")


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_moves_with_the_song(song: PreparedSong, name: str) -> None:
    drawing = engine(song, {"preset": name, "effects": []}, SIZES[0])
    first, later = (np.frombuffer(draw(drawing, index, SIZES[0]), np.uint8).astype(int) for index in (100, 110))
    assert np.abs(first - later).mean() > 0.02


def test_the_first_and_last_frame_of_a_faded_song_are_black(song: PreparedSong) -> None:
    drawing = engine(song, {"effects": [{"type": "fade"}]}, SIZES[0])
    for index in (0, 239):
        planes = Planes.empty(256, 144)
        drawing.draw(index, planes)
        assert set(planes.y.ravel().tolist()) == {16}


def test_frames_past_the_end_are_drawn_as_silence(song: PreparedSong) -> None:
    drawing = engine(song, everything(STILL, *EVERY_EFFECT), SIZES[0])
    draw(drawing, 5000, SIZES[0])


def test_a_flat_ground_comes_out_in_the_colour_asked_for(song: PreparedSong) -> None:
    config = {"background": {"type": "color", "color": "#c04020"}, "layers": [], "effects": []}
    drawing = engine(song, config, SIZES[0])
    planes = Planes.empty(256, 144)
    drawing.draw(10, planes)
    assert np.abs(to_rgb(planes).astype(int) - (0xC0, 0x40, 0x20)).max() <= 4
    assert len(set(planes.y.ravel().tolist())) == 1


def test_regions_leave_no_seams(song: PreparedSong) -> None:
    """Every pixel of a frame is the conversion of the picture that was drawn, converted all at once or in parts."""
    still = engine(song, everything(STILL, *EVERY_EFFECT[:2]), SIZES[0])
    assert not still._planar
    planes, whole = Planes.empty(256, 144), Planes.empty(256, 144)
    for index in (150, 16, 77):
        still.draw(index, planes)
        still._converter.write_region(still._surface.pixels, still._frame_rect, whole)
        assert np.abs(planes.data.astype(int) - whole.data).max() <= 1


@pytest.mark.parametrize("preset", ["halo", "ridge", "wire", "wave", "skyline", "scope", "classic"])
def test_drawing_in_the_planes_looks_like_drawing_in_rgb(song: PreparedSong, preset: str) -> None:
    """The two ways differ by rounding; colours of thin lines are a little fuller, being drawn at half size."""
    width, height = 640, 360
    size = f"{width}x{height}"
    in_planes, in_rgb = engine(song, {"preset": preset}, size), engine(song, {"preset": preset}, size)
    assert in_planes._planar
    in_rgb._planar = False
    one, other = Planes.empty(width, height), Planes.empty(width, height)
    for index in (150, 77):
        in_planes.draw(index, one)
        in_rgb.draw(index, other)
        assert np.abs(one.y.astype(int) - other.y).mean() < 1.5
        softened = [cv2.blur(to_rgb(planes), (9, 9)).astype(int) for planes in (one, other)]
        assert np.abs(softened[0] - softened[1]).mean() < 4


def test_ribbons_leave_the_ground_round_them_as_it_is(song: PreparedSong) -> None:
    drawing = engine(song, {"preset": "wave"}, "640x360")
    planes = Planes.empty(640, 360)
    drawing.draw(150, planes)
    levels, counts = np.unique(planes.y, return_counts=True)
    assert levels[counts.argmax()] == planes.y[2, 320]
    assert not (np.abs(planes.y.astype(int) - planes.y[2, 320]) == 1).sum() > 200


@pytest.mark.parametrize("y", [-0.5, -0.45, 0.013, 0.45, 0.6])
def test_ribbons_over_an_edge_of_the_picture_are_cut_off_there(song: PreparedSong, y: float) -> None:
    """Only the side above the axis is drawn and shown on both: what is outside on one may be inside on the other."""
    ribbons = {"type": "wave", "style": "ribbons", "blend": "multiply", "y": y, "height": 0.6}
    config = {"background": {"type": "color", "color": "#f4efe6"}, "layers": [ribbons], "effects": []}
    in_planes, in_rgb = engine(song, config, "320x180"), engine(song, config, "320x180")
    assert in_planes._planar
    in_rgb._planar = False
    one, other = Planes.empty(320, 180), Planes.empty(320, 180)
    in_planes.draw(150, one)
    in_rgb.draw(150, other)
    assert np.abs(one.y.astype(int) - other.y).mean() < 1.5
    covered = [np.flatnonzero((drawn.y != np.median(drawn.y)).any(axis=1)) for drawn in (one, other)]
    assert len(covered[0])
    assert np.array_equal(*covered)
