"""The JSON Schema accepts what the loader accepts, and refuses what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from oriel_fx.errors import SpecError
from oriel_fx.render import presets
from oriel_fx.render.schema import config_schema
from oriel_fx.render.spec import RenderSpec

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("**/*.json"))


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    made = config_schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_is_valid(schema: jsonschema.Draft202012Validator, name: str) -> None:
    schema.validate(presets.load(name) | {"preset": name})


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_written_out_in_full_is_valid(schema: jsonschema.Draft202012Validator, name: str) -> None:
    schema.validate(json.loads(json.dumps(RenderSpec.from_config({"preset": name}).model_dump())))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_valid(schema: jsonschema.Draft202012Validator, path: Path) -> None:
    config = json.loads(path.read_text("utf-8"))
    schema.validate(config)
    RenderSpec.from_config(config)


VALID: list[dict[str, Any]] = [
    {},
    {"$schema": "./oriel.schema.json", "preset": "wave"},
    {"background": {"blur": 0.2}},
    {"background": {"color": "#123456"}},
    {"background": {"type": "gradient", "colors": ["red", "#fff"]}},
    {"background": {"landscape": {"type": "color"}, "portrait": {"type": "image"}}},
    {"layers": [{"type": "bars"}, {"type": "text", "font": None}], "effects": [{"type": "bloom"}]},
    {"layers": [{"type": "bars", "count": {"landscape": 80, "portrait": 40}, "color": 16777215}]},
    {"layers": {"landscape": [{"type": "stars"}], "portrait": []}},
    {"output": {"size": "1080x1350", "fps": 29.97, "start": "1:15.5", "duration": None}},
    {"output": {"fps": "30000/1001"}, "palette": {"ground": "navy"}, "tags": {"title": "T"}, "seed": 0},
    {"shape": "cube", "size": 4, "baseColor": 16777215, "glowColor": "#00ffff", "rotationSpeed": 0.1},
]
INVALID: list[dict[str, Any]] = [
    {"foo": 1},
    {"preset": "nope"},
    {"background": {"type": "colour"}},
    {"background": {"blurr": 0.2}},
    {"layers": [{}]},
    {"layers": [{"type": "bars", "colr": "#fff"}]},
    {"layers": [{"type": "bars", "count": {"landscape": 80}}]},
    {"layers": [{"type": "bars", "count": 1000}]},
    {"layers": {}},
    {"output": {"size": {"landscape": "1080p", "portrait": "vertical"}}},
    {"output": {"fps": "fast"}},
    {"palette": {"ground": "palette.0"}},
    {"seed": -1},
    {"shape": "cub"},
]


@pytest.mark.parametrize("config", VALID, ids=str)
def test_what_is_valid_loads(schema: jsonschema.Draft202012Validator, config: dict[str, Any]) -> None:
    schema.validate(config)
    RenderSpec.from_config(config)


@pytest.mark.parametrize("config", INVALID, ids=str)
def test_what_is_not_valid_does_not_load(schema: jsonschema.Draft202012Validator, config: dict[str, Any]) -> None:
    assert not schema.is_valid(config)
    with pytest.raises(SpecError):
        RenderSpec.from_config(config)
