"""Faults in a config: the message names the key and its path, the hint the nearest name that would be right."""

from __future__ import annotations

from typing import Any

import pytest

from oriel_fx.errors import SpecError
from oriel_fx.render.spec import RenderSpec


def fault(config: Any) -> SpecError:
    with pytest.raises(SpecError) as caught:
        RenderSpec.from_config(config)
    return caught.value


def one_layer(**params: Any) -> dict[str, Any]:
    return {"layers": [{"type": "text"}, {"type": "bars"} | params]}


@pytest.mark.parametrize(
    ("config", "path", "message", "hint"),
    [
        ({"layerz": []}, "layerz", "Unknown key 'layerz'.", "Did you mean 'layers'?"),
        ({"output": {"siz": 1}}, "output.siz", "Unknown key 'siz' in output.", "Did you mean 'size'?"),
        (one_layer(colr="#fff"), "layers.1.colr", "Unknown key 'colr' in layers.1.", "Did you mean 'color'?"),
        (
            {"effects": [{"type": "bloom", "strenght": 1}]},
            "effects.0.strenght",
            "Unknown key 'strenght' in effects.0.",
            "Did you mean 'strength'?",
        ),
        ({"fps": 30}, "fps", "Unknown key 'fps'.", "Did you mean 'output.fps'?"),
        ({"size": "1080p"}, "size", "Unknown key 'size'.", "Did you mean 'output.size'?"),
        ({"preset": "halo", "size": 4}, "size", "Unknown key 'size'.", "Did you mean 'output.size'?"),
        ({"hues": ["red"]}, "hues", "Unknown key 'hues'.", "Did you mean 'palette.hues'?"),
        ({"landscape": 1, "portrait": 2}, "landscape", "Unknown key 'landscape'.", "Known: preset"),
        ({"": 1}, "", "Unknown key ''.", "Known: preset"),
    ],
)
def test_an_unknown_key_is_named_with_its_place_and_the_nearest(
    config: dict[str, Any], path: str, message: str, hint: str
) -> None:
    error = fault(config)
    assert (error.message, error.path) == (message, path)
    assert hint in error.hint


def test_an_unknown_key_is_told_before_its_consequences() -> None:
    error = fault({"layers": [{"type": "text", "text": "{titel}"}, {"type": "bars", "colour": "x"}]})
    assert error.path == "layers.1.colour"
    assert "(1 more fault after this one.)" in error.hint


def test_an_unknown_preset_or_size_hides_no_other_fault() -> None:
    error = fault({"preset": "nope", "output": {"size": "huge", "fps": 1000}})
    assert [error.path, *(other.path for other in error.others)] == ["preset", "output.size", "output.fps"]
    assert fault({"preset": "nope"}).others == ()


def test_a_partial_background_of_the_wrong_type_says_which_type_the_preset_has() -> None:
    error = fault({"preset": "scope", "background": {"color": "#123456"}})
    assert error.message == "Unknown key 'color' in background, which is of type 'gradient'."
    assert "Did you mean 'colors'? 'color' goes with type 'color' or 'image'." in error.hint


@pytest.mark.parametrize(
    ("config", "path", "hint"),
    [
        ({"background": {"type": "colour"}}, "background.type", "Did you mean 'color'?"),
        ({"layers": [{"type": "bar"}]}, "layers.0.type", "Did you mean 'bars'?"),
        ({"effects": [{"type": "blom"}]}, "effects.0.type", "Did you mean 'bloom'?"),
        ({"layers": [{}]}, "layers.0.type", '{"type": "bars"}'),
        ({"preset": "hallo"}, "preset", "Did you mean 'halo'?"),
        ({"preset": 5}, "preset", "Presets: halo"),
        ({"output": {"quality": "hi"}}, "output.quality", "Did you mean 'high'?"),
        (one_layer(anchor="centre"), "layers.1.anchor", "Did you mean 'center'?"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(config: dict[str, Any], path: str, hint: str) -> None:
    error = fault(config)
    assert error.path == path
    assert path.removesuffix(".type") in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"output": 5}, "output takes an object such as {...}, not 5."),
        ({"output": None}, "output takes an object such as {...}, not null."),
        ({"palette": []}, "palette takes an object such as {...}, not []."),
        ({"background": "red"}, "background takes an object such as {...}, not 'red'."),
        ({"layers": {}}, "layers takes a list such as [...], not {}."),
        ({"layers": None}, "layers takes a list such as [...], not null."),
        ({"layers": [5]}, "layers.0 takes an object such as {...}, not 5."),
        ({"effects": {"type": "bloom"}}, 'effects takes a list such as [...], not {"type": "bloom"}.'),
        ({"seed": 1.5}, "seed takes a whole number, not 1.5."),
        ({"seed": 2**40}, "seed takes 2147483647 or less, not 1099511627776."),
        (one_layer(count="many"), "layers.1.count takes a whole number, not 'many'."),
        (one_layer(count=1000), "layers.1.count takes 256 or less, not 1000."),
        (one_layer(x=float("nan")), "layers.1.x takes 3 or less, not NaN."),
        (one_layer(x=None), "layers.1.x takes a number, not null."),
        (one_layer(rounded="perhaps"), "layers.1.rounded takes true or false, not 'perhaps'."),
        (one_layer(colors=[]), "layers.1.colors takes a list of at least 1, not []."),
        ({"tags": {"title": []}}, "tags.title takes text, not []."),
        (5, "The config is not a JSON object."),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_what_belongs_there(config: Any, message: str) -> None:
    assert fault(config).message == message


@pytest.mark.parametrize(
    ("config", "path", "complaint"),
    [
        (one_layer(color="whit"), "layers.1.color", "'whit' is not a colour (did you mean 'white'?)"),
        (one_layer(color="#ggg"), "layers.1.color", "'#ggg' is not a colour"),
        (one_layer(colors=["#fff", "blu"]), "layers.1.colors.1", "did you mean 'blue'?"),
        ({"palette": {"hues": ["palette.0"]}}, "palette.hues.0", "write a plain colour"),
        ({"output": {"size": "1080"}}, "output.size", "did you mean '1080p'?"),
        ({"output": {"size": {"landscape": "1080p", "portrait": "vertical"}}}, "output.size", "not a size"),
        ({"output": {"fps": "fast"}}, "output.fps", "is not a frame rate"),
        ({"output": {"start": "soon"}}, "output.start", "is not a time"),
        (
            {"layers": [{"type": "wireframe", "shape": "toruslarge"}]},
            "layers.0.shape",
            "did you mean 'torusLarge'?",
        ),
        ({"layers": [{"type": "text", "text": "{titel}"}]}, "layers.0.text", "did you mean {title}?"),
    ],
)
def test_a_value_that_is_not_known_is_told_what_is(config: dict[str, Any], path: str, complaint: str) -> None:
    error = fault(config)
    assert error.path == path
    assert error.message.startswith(f"{path}: ")
    assert complaint in error.message


@pytest.mark.parametrize("count", [{"landscape": 64}, {"landscape": 64, "portrait": 9, "sqare": 3}])
def test_a_choice_by_aspect_ratio_is_complete(count: dict[str, int]) -> None:
    error = fault(one_layer(count=count))
    assert error.message == "layers.1.count is not chosen for every aspect ratio."
    assert '"portrait"' in error.hint


def test_a_config_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert "nested without end" in fault({"layers": endless}).message


def test_a_long_wrong_value_is_cut() -> None:
    assert len(fault({"output": {"size": "720p"}, "layers": "x" * 5000}).message) < 120


def test_each_fault_is_told() -> None:
    error = fault({"seed": -1, "output": {"fps": 0}, "colour": 1})
    assert [error.path, *(other.path for other in error.others)] == ["colour", "output.fps", "seed"]
    assert "(2 more faults after this one.)" in error.hint


def test_a_wrong_size_hides_no_other_fault() -> None:
    error = fault({"output": {"size": "99999x99", "fps": 1000}, "colour": 1})
    assert [error.path, *(other.path for other in error.others)] == ["output.size", "colour", "output.fps"]
    assert fault({"output": {"size": "99999x99"}}).others == ()
