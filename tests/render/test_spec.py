"""The spec: how configs merge, how sizes, rates and times are written, what a flat original config becomes."""

from __future__ import annotations

import pickle
from fractions import Fraction
from typing import Any, ClassVar

import pytest

from oriel_fx.errors import SpecError
from oriel_fx.render import presets
from oriel_fx.render.spec import RenderSpec, merge, parse_fps, parse_size, parse_time


def spec(*configs: dict[str, Any]) -> RenderSpec:
    return RenderSpec.from_config(*configs)


def background(*configs: dict[str, Any]) -> dict[str, Any]:
    return spec(*configs).background.model_dump()


class TestMerging:
    def test_an_empty_config_is_the_default_preset(self) -> None:
        assert spec({}) == spec() == spec({"preset": "halo"})

    def test_a_partial_object_changes_the_presets(self) -> None:
        changed = background({"background": {"blur": 0.33}})
        assert changed == background({}) | {"blur": 0.33}

    def test_an_object_of_another_type_replaces_the_presets(self) -> None:
        assert background({"background": {"type": "color", "color": "#123456"}}) == {
            "type": "color",
            "color": "#123456",
            "drift": 0.0,
            "beat_zoom": 0.0,
        }

    def test_an_object_of_the_same_type_merges_even_when_it_says_so(self) -> None:
        assert background({"background": {"type": "image", "darken": 0.5}})["blur"] == background({})["blur"]

    def test_naming_the_presets_own_type_later_keeps_what_came_between(self) -> None:
        assert background({"background": {"blur": 0.33}}, {"background": {"type": "image"}})["blur"] == 0.33

    def test_lists_replace(self) -> None:
        made = spec({"layers": [{"type": "bars"}], "effects": []})
        assert [layer.type for layer in made.layers] == ["bars"]
        assert made.effects == []

    def test_later_configs_win_key_by_key(self) -> None:
        made = spec({"output": {"size": "720p", "fps": 24}, "seed": 1}, {"output": {"fps": 60}}, {"preset": "scope"})
        assert (made.output.size, made.output.fps, made.seed, made.preset) == ("720p", "60", 1, "scope")

    def test_a_palette_is_completed_by_the_presets(self) -> None:
        made = spec({"preset": "scope", "palette": {"ink": "white"}})
        assert made.palette.ink == "#ffffff"
        assert made.palette.ground == spec({"preset": "scope"}).palette.ground

    def test_merging_changes_neither_side(self) -> None:
        under, over = {"a": {"b": 1}}, {"a": {"c": 2}}
        assert merge(under, over) == {"a": {"b": 1, "c": 2}}
        assert (under, over) == ({"a": {"b": 1}}, {"a": {"c": 2}})

    def test_the_schema_key_is_for_editors(self) -> None:
        assert spec({"$schema": "./oriel.schema.json"}) == spec({})

    @pytest.mark.parametrize("name", presets.names())
    def test_every_preset_stands_for_itself(self, name: str) -> None:
        made = spec({"preset": name})
        assert made.layers
        assert presets.describe(name).endswith(".")
        assert spec(made.model_dump()) == made
        assert pickle.loads(pickle.dumps(made)) == made

    def test_a_spec_cannot_be_changed(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            spec().seed = 3  # type: ignore[misc]

    def test_titles_may_be_numbers(self) -> None:
        assert spec({"tags": {"title": 1999}}).tags.title == "1999"


class TestByAspect:
    BARS: ClassVar[dict[str, Any]] = {"type": "bars", "count": {"landscape": 80, "square": 60, "portrait": 40}}

    @pytest.mark.parametrize(
        ("size", "count"),
        [("1080p", 80), ("vertical", 40), ("square", 60), ("1080x1350", 40), ("1200x1080", 60)],
    )
    def test_a_value_is_chosen_by_the_pictures_shape(self, size: str, count: int) -> None:
        made = spec({"output": {"size": size}, "layers": [self.BARS]})
        assert made.layers[0].count == count  # type: ignore[union-attr]

    def test_square_takes_the_landscape_value_when_left_out(self) -> None:
        bars = {"type": "bars", "count": {"landscape": 80, "portrait": 40}}
        made = spec({"output": {"size": "square"}, "layers": [bars]})
        assert made.layers[0].count == 80  # type: ignore[union-attr]

    def test_whole_objects_and_lists_may_be_chosen(self) -> None:
        config = {
            "background": {"landscape": {"type": "color", "color": "red"}, "portrait": {"blur": 0.4}},
            "layers": {"landscape": [], "portrait": [{"type": "stars"}]},
        }
        wide, tall = spec(config), spec(config, {"output": {"size": "vertical"}})
        assert (wide.background.type, wide.layers) == ("color", [])
        assert (tall.background.type, tall.background.blur) == ("image", 0.4)  # type: ignore[union-attr]

    def test_the_last_size_decides(self) -> None:
        made = spec({"output": {"size": "vertical"}, "layers": [self.BARS]}, {"output": {"size": "720p"}})
        assert made.layers[0].count == 80  # type: ignore[union-attr]


class TestSizes:
    @pytest.mark.parametrize(
        ("written", "pixels"),
        [
            ("1080p", (1920, 1080)),
            (" 4K ", (3840, 2160)),
            ("vertical", (1080, 1920)),
            ("16x16", (16, 16)),
            ("8192X16", (8192, 16)),
            ("640 × 360", (640, 360)),
            ("1080x1350", (1080, 1350)),
        ],
    )
    def test_names_and_pixels_are_read(self, written: str, pixels: tuple[int, int]) -> None:
        assert parse_size(written) == pixels

    @pytest.mark.parametrize(
        ("written", "complaint"),
        [
            ("1080", "did you mean '1080p'"),
            ("skware", "did you mean 'square'"),
            ("1281x720", "even ones, such as 1280x720"),
            ("14x16", "16 to 8192"),
            ("1x1", "16 to 8192"),
            ("8194x16", "16 to 8192"),
            ("99999999999x2", "not a size"),
            ("1280*720", "not a size"),
            ("-16x16", "not a size"),
            ("16x16x16", "not a size"),
            ("", "not a size"),
            (None, "not a size"),
            ([1280, 720], "not a size"),
            (720, "not a size"),
        ],
    )
    def test_anything_else_is_refused_with_what_is_allowed(self, written: object, complaint: str) -> None:
        with pytest.raises(ValueError, match=complaint):
            parse_size(written)

    def test_one_picture_has_one_spelling(self) -> None:
        assert spec({"output": {"size": " 1280 × 0720 "}}) == spec({"output": {"size": "1280x720"}})


class TestRates:
    @pytest.mark.parametrize(
        ("written", "rate"),
        [
            (30, Fraction(30)),
            ("30.0", Fraction(30)),
            (12.5, Fraction(25, 2)),
            (23.976, Fraction(24000, 1001)),
            ("23.98", Fraction(24000, 1001)),
            (29.97, Fraction(30000, 1001)),
            ("30000/1001", Fraction(30000, 1001)),
            (59.94, Fraction(60000, 1001)),
            (1, Fraction(1)),
            ("120", Fraction(120)),
        ],
    )
    def test_rates_are_exact(self, written: object, rate: Fraction) -> None:
        assert parse_fps(written) == rate

    @pytest.mark.parametrize(
        "written", [0, 0.5, 121, "abc", "", None, True, "nan", "inf", "1/0", "-30", "1e999999999", "9" * 5000]
    )
    def test_anything_else_is_refused_at_once(self, written: object) -> None:
        with pytest.raises(ValueError, match=r"frame rate|1 to 120"):
            parse_fps(written)


class TestTimes:
    @pytest.mark.parametrize(
        ("written", "seconds"),
        [(0, 0), (5, 5), ("75.5", 75.5), ("1:15.5", 75.5), ("1:01:15", 3675), (".5", 0.5), (" 0:05 ", 5)],
    )
    def test_seconds_and_clock_times_are_read(self, written: object, seconds: float) -> None:
        assert parse_time(written) == seconds

    @pytest.mark.parametrize(
        "written",
        [-1, "-1", "1:", ":5", "", None, True, "1m30s", "1e3", float("nan"), float("inf"), "9" * 400, "1:15,5"],
    )
    def test_anything_else_is_refused(self, written: object) -> None:
        with pytest.raises(ValueError, match="not a time"):
            parse_time(written)

    def test_a_duration_is_more_than_nothing(self) -> None:
        with pytest.raises(SpecError, match=r"output\.duration: a duration is more than 0"):
            spec({"output": {"duration": 0}})


class TestWords:
    @pytest.mark.parametrize(
        ("written", "words"),
        [("a\0b\x1b[2J", "a b [2J"), ("a\r\nb\tc", "a\nb c"), (1999, "1999"), ("東 🎹", "東 🎹")],
    )
    def test_control_characters_become_spaces(self, written: object, words: str) -> None:
        assert spec({"tags": {"title": written}}).tags.title == words

    @pytest.mark.parametrize("half", ["\ud800", "bad \udcff"])
    def test_half_a_character_is_no_text(self, half: str) -> None:
        for config in ({"tags": {"title": half}}, {"layers": [{"type": "text", "text": half}]}):
            with pytest.raises(SpecError, match="bytes that are no text"):
                spec(config)
