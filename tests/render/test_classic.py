"""The original frontend's flat config, accepted as it is."""

from __future__ import annotations

from typing import Any

import pytest

from oriel_fx.errors import SpecError
from oriel_fx.render.layers.wireframe import WireframeLayer
from oriel_fx.render.spec import RenderSpec

FLAT = {
    "shape": "torusKnot",
    "size": 3,
    "baseColor": "#ffffff",
    "glowColor": 65535,
    "rotationSpeed": 0.1,
    "pulseIntensity": 1.5,
    "bassFrequency": 2,
    "trebleFrequency": 50,
}


def solid(config: dict[str, Any]) -> WireframeLayer:
    layers = RenderSpec.from_config(config).layers
    assert len(layers) == 1
    assert isinstance(layers[0], WireframeLayer)
    return layers[0]


def test_it_becomes_one_solid_on_black() -> None:
    spec = RenderSpec.from_config(FLAT)
    assert spec.preset == "classic"
    assert spec.background.model_dump()["color"] == "#000000"
    assert spec.effects == []
    layer = solid(FLAT)
    assert (layer.shape, layer.size, layer.motion) == ("torusKnot", 3, "classic")
    assert (layer.base_color, layer.glow_color) == ("#ffffff", "#00ffff")
    assert (layer.rotation_speed, layer.pulse_intensity) == (0.1, 1.5)
    assert (layer.bass_frequency, layer.treble_frequency) == (2, 50)


def test_what_is_left_out_is_as_in_the_original() -> None:
    layer = solid({"shape": "cube"})
    assert (layer.size, layer.base_color, layer.glow_color) == (4, "#ffffff", "#00ffff")
    assert (layer.rotation_speed, layer.pulse_intensity) == (0.1, 1.5)


@pytest.mark.parametrize("key", FLAT)
def test_any_one_of_its_keys_is_enough(key: str) -> None:
    assert RenderSpec.from_config({key: FLAT[key]}).preset == "classic"


@pytest.mark.parametrize(
    ("given", "color"),
    [(16777215, "#ffffff"), (0, "#000000"), (0x1234, "#001234"), ("#ABCDEF", "#abcdef"), ("#abc", "#aabbcc")],
)
def test_colours_are_hex_or_whole_numbers(given: object, color: str) -> None:
    assert solid({"baseColor": given}).base_color == color


def test_output_tags_and_seed_may_stand_beside_it() -> None:
    spec = RenderSpec.from_config(FLAT | {"output": {"size": "square"}, "tags": {"title": "T"}, "seed": 3})
    assert (spec.output.size, spec.tags.title, spec.seed) == ("square", "T", 3)


def test_the_command_line_still_wins() -> None:
    assert RenderSpec.from_config(FLAT, {"output": {"size": "square"}}).output.size == "square"


@pytest.mark.parametrize(
    ("config", "path", "message", "hint"),
    [
        ({"shape": "cube", "sise": 3}, "sise", "Unknown key 'sise'", "Did you mean 'size'?"),
        ({"shape": "cube", "layers": []}, "layers", "Unknown key 'layers'", "not both"),
        ({"shape": "cub"}, "shape", "shape: 'cub' is not a shape (did you mean 'cube'?)", ""),
        ({"shape": "cube", "size": -1}, "size", "size takes more than 0, not -1.", ""),
        ({"baseColor": 16777216}, "baseColor", "baseColor: 16777216 is not a colour", ""),
        ({"bassFrequency": 127}, "bassFrequency", "bassFrequency takes 126 or less, not 127.", ""),
    ],
)
def test_faults_are_told_in_the_originals_words(config: dict[str, Any], path: str, message: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        RenderSpec.from_config(config)
    assert caught.value.path == path
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint
