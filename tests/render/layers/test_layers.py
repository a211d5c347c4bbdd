"""What each layer shows, with values that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.render.fake_timeline import FakeTimeline
from tests.render.scenes import PALETTE, draw, draw_layer, make_plate, make_scene, prepare

WHITE = "#ffffff"


def lit(light: np.ndarray, threshold: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns that hold light."""
    bright = light.max(axis=2) > threshold
    return np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))


class TestBars:
    def bars(self, level: float, **params: Any) -> np.ndarray:
        scene = make_scene(320, 200, timeline=FakeTimeline(spectrum=level))
        layer = {"type": "bars", "count": 10, "width": 1.0, "height": 0.5, "color": WHITE, "rounded": False}
        return draw_layer(layer | params, scene)

    @pytest.mark.parametrize("level", [0.25, 0.5, 1.0])
    def test_their_height_is_the_bands_value(self, level: float) -> None:
        rows, _ = lit(self.bars(level, rest=0))
        assert len(rows) == pytest.approx(level * 100, abs=3)

    @pytest.mark.parametrize(("origin", "first", "last"), [("bottom", 50, 99), ("center", 75, 124), ("top", 100, 149)])
    def test_they_grow_from_their_origin(self, origin: str, first: int, last: int) -> None:
        rows, _ = lit(self.bars(0.5, origin=origin))
        assert (rows[0], rows[-1]) == (pytest.approx(first, abs=2), pytest.approx(last, abs=2))

    def test_there_are_as_many_as_asked_for_evenly_spread(self) -> None:
        columns = lit(self.bars(1.0))[1]
        starts = columns[np.flatnonzero(np.diff(columns, prepend=-9) > 1)]
        assert len(starts) == 10
        assert set(np.diff(starts).tolist()) <= {19, 20, 21}

    def test_silence_leaves_them_at_rest(self) -> None:
        assert len(lit(self.bars(0.0, rest=0.05))[0]) == pytest.approx(10, abs=2)

    def test_peaks_stand_where_the_loudness_was(self) -> None:
        timeline = FakeTimeline(spectrum=lambda frame: 0.8 if frame == 100 else 0.1)
        scene = make_scene(320, 200, timeline=timeline)
        layer = {"type": "bars", "count": 10, "height": 0.5, "color": WHITE, "peaks": True, "rest": 0}
        tops = [int(lit(draw_layer(layer, scene, index))[0][0]) for index in (99, 100, 106, 112, 130, 160)]
        assert tops[1] < tops[2] < tops[3] < tops[4] < tops[5]
        assert tops[5] == tops[0]

    def test_mirrored_ones_have_the_bass_in_the_middle_and_both_halves_alike(self) -> None:
        class Bass(FakeTimeline):
            def spectrum(self, frame: int) -> np.ndarray:
                return np.linspace(1, 0, 128).astype(np.float32)

        layer = {"type": "bars", "count": 16, "color": WHITE, "mirror": True, "rounded": False}
        light = draw_layer(layer, make_scene(320, 200, timeline=Bass())).max(axis=2)
        assert np.abs(light - light[:, ::-1]).max() <= 8
        assert light[:, 150:170].sum() > light[:, 40:60].sum() * 2

    def test_a_reflection_lies_below_and_is_fainter(self) -> None:
        light = self.bars(1.0, reflection=0.5, rest=0).max(axis=2)
        above, below = light[50:98].max(), light[104:140].max()
        assert above > 240
        assert 20 < below < 0.6 * above


class TestRadial:
    def test_the_ring_is_closed_round_and_both_halves_alike(self) -> None:
        scene = make_scene(200, 200, timeline=FakeTimeline(spectrum=0.5, weight=0.0))
        layer = {"type": "radial", "count": 60, "color": WHITE, "radius": 0.25, "length": 0.2, "rest": 0}
        light = draw_layer(layer, scene).max(axis=2)
        assert np.abs(light.astype(float) - light[:, ::-1]).mean() < 4
        rows, columns = np.nonzero(light > 100)
        radius = np.hypot(rows - 99.5, columns - 99.5)
        assert radius.min() == pytest.approx(50, abs=3)
        assert radius.max() == pytest.approx(70, abs=3)
        degrees = np.degrees(np.arctan2(rows - 99.5, columns - 99.5)).round().astype(int)
        assert np.diff(np.unique(degrees)).max() < 12

    def test_the_bass_swells_it_a_little(self) -> None:
        layer = {"type": "radial", "color": WHITE, "rest": 0, "breath": 1}
        sizes = [
            len(lit(draw_layer(layer, make_scene(400, 400, timeline=FakeTimeline(spectrum=0.2, weight=weight))))[0])
            for weight in (0.0, 1.0)
        ]
        assert 1.02 < sizes[1] / sizes[0] < 1.08


class TestWave:
    @pytest.mark.parametrize("style", ["line", "filled"])
    def test_silence_is_a_line_along_the_axis(self, style: str) -> None:
        scene = make_scene(320, 200, timeline=FakeTimeline(waveform=0.0))
        rows, columns = lit(draw_layer({"type": "wave", "style": style, "color": WHITE, "thickness": 0.03}, scene))
        assert (rows[0] + rows[-1]) / 2 == pytest.approx(99.5, abs=1)
        assert len(rows) <= 8
        assert len(columns) == 320

    def test_sound_above_zero_is_drawn_above(self) -> None:
        scene = make_scene(320, 200, timeline=FakeTimeline(waveform=0.9))
        rows, _ = lit(draw_layer({"type": "wave", "color": WHITE, "height": 0.8, "thickness": 0.02}, scene))
        assert 20 <= rows[0] < 40
        assert rows[-1] <= 104

    def test_ribbons_open_with_the_spectrum_and_filter_the_ground(self) -> None:
        layer = {"type": "wave", "style": "ribbons", "blend": "multiply"}
        dark = []
        for level in (0.1, 0.9):
            scene = make_scene(320, 200, timeline=FakeTimeline(spectrum=level))
            plate = make_plate(scene, 240)
            pixels, _ = draw(prepare(layer, scene), scene, 0, plate)
            assert (pixels <= plate).all()
            dark.append(int((pixels < plate).any(axis=2).sum()))
        assert dark[1] > 3 * dark[0]


class TestProgress:
    @pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
    def test_the_line_fills_with_the_song(self, share: float) -> None:
        scene = make_scene(400, 200)
        layer = {"type": "progress", "time": False, "width": 1.0, "thickness": 0.04, "track_opacity": 0}
        columns = lit(draw_layer(layer, scene, round(share * 300)))[1]
        assert len(columns) == pytest.approx(max(8, share * 200), abs=3)
        assert columns[0] == pytest.approx(100, abs=2)

    def test_times_stand_at_both_ends(self) -> None:
        scene = make_scene(400, 200)
        layer = {"type": "progress", "width": 1.0, "size": 0.06, "thickness": 0.01, "track_opacity": 0.5}
        with_times, without = (draw_layer(layer | {"time": time}, scene, 150) for time in (True, False))
        assert lit(with_times, 60)[1][0] == pytest.approx(lit(without, 60)[1][0], abs=4)
        assert len(lit(with_times, 60)[0]) > len(lit(without, 60)[0])

    @pytest.mark.parametrize(
        ("time_s", "duration_s", "shown"),
        [(0, 60, "0:00"), (59.99, 60, "0:59"), (61, 600, "1:01"), (3661, 7200, "1:01:01"), (5, 3600, "0:00:05")],
    )
    def test_clocks(self, time_s: float, duration_s: float, shown: str) -> None:
        from oriel_fx.render.layers.progress import clock

        assert clock(time_s, duration_s) == shown


class TestRidge:
    def test_a_sound_moves_away_as_it_gets_older(self) -> None:
        timeline = FakeTimeline(duration_s=20, spectrum=lambda frame: float(100 <= frame < 104))
        scene = make_scene(320, 240, timeline=timeline)
        layer = {"type": "ridge", "history": 4, "lines": 30}
        quiet = draw_layer(layer, scene, 90)
        highest = [
            int(np.flatnonzero((draw_layer(layer, scene, index) != quiet).any(axis=(1, 2)))[0])
            for index in (126, 146, 166, 186, 206)
        ]
        assert highest == sorted(highest, reverse=True)
        assert np.abs(draw_layer(layer, scene, 322) - quiet).mean() < 3

    def test_lines_are_as_light_as_the_ground_or_lighter(self) -> None:
        scene = make_scene(320, 240)
        plate = make_plate(scene, 0, 1)
        plate[..., :3] = [int(PALETTE.ground[i : i + 2], 16) for i in (1, 3, 5)]
        pixels, _ = draw(prepare({"type": "ridge"}, scene), scene, 77, plate)
        assert (pixels.astype(int) >= plate.astype(int) - 1).all()
        assert (pixels > plate).any()


class TestStars:
    def test_they_are_few_faint_and_the_same_on_every_frame(self) -> None:
        scene = make_scene(320, 180)
        drawer = prepare({"type": "stars", "count": 50, "size": 0.01}, scene)
        first, last = (draw(drawer, scene, index)[0] for index in (0, 299))
        assert drawer.static
        assert np.array_equal(first, last)
        assert 20 < (first[..., :3].max(axis=2) > 10).sum() < 600


class TestImage:
    RED = np.full((30, 60, 4), (255, 0, 0, 255), np.uint8)

    def image(self, index: int = 0, timeline: FakeTimeline | None = None, **params: Any) -> np.ndarray:
        scene = make_scene(200, 200, cover=self.RED, timeline=timeline)
        return draw_layer({"type": "image", "width": 0.5} | params, scene, index)[..., 0]

    @pytest.mark.parametrize(
        ("params", "height", "width", "area"),
        [
            ({"shape": "square"}, 50, 100, 5000),
            ({"shape": "square", "height": 0.5}, 100, 100, 10_000),
            ({"shape": "circle"}, 100, 100, 7854),
            ({"shape": "rounded", "height": 0.5, "corner": 0.1}, 100, 100, 10_000 - (4 - np.pi) * 400),
        ],
    )
    def test_shapes(self, params: dict[str, Any], height: int, width: int, area: float) -> None:
        light = self.image(**params)
        rows, columns = np.nonzero(light > 127)
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (pytest.approx(height, abs=1), pytest.approx(width, abs=1))
        assert light.sum() / 255 == pytest.approx(area, rel=0.02)

    def test_it_stands_by_its_edge_where_it_is_anchored(self) -> None:
        columns = np.flatnonzero(self.image(anchor="left").max(axis=0) > 127)
        assert columns[0] == pytest.approx(10, abs=1)
        rows = np.flatnonzero(self.image(anchor="bottom").max(axis=1) > 127)
        assert rows[-1] == pytest.approx(189, abs=1)

    def test_the_bass_swells_it(self) -> None:
        quiet, loud = (
            self.image(timeline=FakeTimeline(weight=weight), shape="circle", breath=1).sum() for weight in (0.0, 1.0)
        )
        assert 1.06 < loud / quiet < 1.18

    def test_a_still_one_is_drawn_once_and_a_turning_one_is_not(self) -> None:
        scene = make_scene(200, 200)
        assert prepare({"type": "image"}, scene).static
        assert not prepare({"type": "image", "shape": "circle", "spin": 33}, scene).static
        layer = {"type": "image", "shape": "circle", "spin": 30}
        turned = [draw_layer(layer, scene, index) for index in (0, 15, 60)]
        assert np.abs(turned[0] - turned[1]).mean() > 5
        assert np.abs(turned[0] - turned[2]).mean() < 1

    def test_an_outline_goes_round_it(self) -> None:
        scene = make_scene(200, 200, cover=self.RED)
        layer = {"type": "image", "width": 0.5, "outline": 0.04, "outline_color": "white", "outline_opacity": 1}
        assert draw_layer(layer, scene)[100, 50].min() > 200

    @pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2000, 3)])
    def test_pictures_of_any_shape_are_cropped_to_fit(self, size: tuple[int, int]) -> None:
        cover = np.full((size[1], size[0], 4), 255, np.uint8)
        scene = make_scene(100, 100, cover=cover)
        for height in (None, 0.05, 2.0):
            draw_layer({"type": "image", "width": 0.5, "height": height}, scene)


@pytest.mark.parametrize(
    "layer",
    [
        {"type": "bars", "rest": 0.1, "count": 8},
        {"type": "radial", "rest": 0.05, "count": 12},
        {"type": "wave", "thickness": 0.05},
        {"type": "wave", "style": "filled", "thickness": 0.05},
        {"type": "wave", "style": "ribbons", "color": "white", "thickness": 0.05},
        {"type": "wireframe", "thickness": 0.02},
        {"type": "progress", "thickness": 0.05},
        {"type": "image"},
        {"type": "text"},
        {"type": "stars", "size": 0.02},
        {"type": "ridge", "thickness": 0.02},
    ],
    ids=str,
)
def test_opacity_is_the_share_of_its_light(layer: dict[str, Any]) -> None:
    scene = make_scene(200, 200, timeline=FakeTimeline(spectrum=0.5, waveform=0.3, analyser_2=0.0, analyser_50=0.0))
    full, half, none = (
        draw_layer(layer | {"opacity": opacity}, scene, 150).astype(float).sum() for opacity in (1, 0.5, 0)
    )
    assert none == 0
    assert half / full == pytest.approx(0.5, abs=0.12)


def test_palette_colours_are_the_scenes() -> None:
    scene = make_scene(100, 100, timeline=FakeTimeline(spectrum=1.0))
    layer = {"type": "bars", "color": "palette.1", "gap": 0, "rounded": False, "count": 4}
    light = draw_layer(layer, scene).reshape(-1, 3)
    assert np.abs(light - [int(PALETTE.hues[1][i : i + 2], 16) for i in (1, 3, 5)]).max(axis=1).min() <= 1
