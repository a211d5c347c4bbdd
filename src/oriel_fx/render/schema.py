"""The JSON Schema of a config."""

from __future__ import annotations

from typing import Any

from oriel_fx.render import presets
from oriel_fx.render.classic import KEYS
from oriel_fx.render.spec import ASPECTS, RenderSpec

TITLE = "Oriel FX config"


def config_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what `--config` takes: a composition, or the original frontend's flat config.

    Every value of a background, layer, effect or palette may also be given by aspect ratio.
    """
    schema = RenderSpec.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = TITLE
    schema["properties"]["preset"] = {
        "enum": presets.names(),
        "default": presets.names()[0],
        "description": "The look to start from.",
    }
    schema["properties"]["$schema"] = {"type": "string"}
    for definition in schema["$defs"].values():
        _widen(definition)
    wireframe = schema["$defs"]["WireframeLayer"]["properties"]
    schema["properties"] |= {
        flat: wireframe[own] | {"description": "original-style config"} for flat, own in KEYS.items()
    }
    return schema


def _widen(definition: dict[str, Any]) -> None:
    """A config may change one value of a preset's object, and may choose values by aspect ratio."""
    for name, value in definition.get("properties", {}).items():
        if name == "type":
            continue
        described = {key: value.pop(key) for key in ("description", "title", "default") if key in value}
        by_aspect = {
            "type": "object",
            "properties": {aspect: dict(value) for aspect in ASPECTS},
            "required": ["landscape", "portrait"],
            "additionalProperties": False,
        }
        definition["properties"][name] = described | {"anyOf": [dict(value), by_aspect]}
