"""The JSON Schema of a config."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from oriel_fx.render import presets
from oriel_fx.render.classic import KEYS
from oriel_fx.render.spec import ASPECTS, RenderSpec

TITLE = "Oriel FX config"
# The picture's shape follows from the output, so nothing in it can depend on the shape.
_SAME_FOR_ALL_ASPECTS = ("Output",)
_BY_ASPECT_AT_TOP = ("background", "layers", "effects")


def config_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what `--config` takes: a composition, or the original frontend's flat config.

    Everything is optional, as it merges over a preset; only the entries of `layers` and `effects`, which replace
    the preset's, must say their type. Every value but the output's may also be given by aspect ratio.
    """
    schema = RenderSpec.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = TITLE
    for name, definition in schema["$defs"].items():
        if name.endswith(("Layer", "Effect")):
            definition["required"] = ["type"]
        if name not in _SAME_FOR_ALL_ASPECTS:
            keys = [key for key in definition["properties"] if key != "type"]
            _widen(definition["properties"], keys, f"#/$defs/{name}/properties")
    properties = schema["properties"]
    # A background without a type changes the preset's, whichever type that has.
    properties["background"]["anyOf"] = properties["background"].pop("oneOf")
    del properties["background"]["discriminator"]
    _widen(properties, _BY_ASPECT_AT_TOP, "#/properties")
    names = presets.names()
    properties["preset"] = {"enum": names, "default": names[0], "description": "The look to start from."}
    properties["$schema"] = {"type": "string"}
    wireframe = schema["$defs"]["WireframeLayer"]["properties"]
    for flat, own in KEYS.items():
        properties[flat] = wireframe[own] | {"description": "original-style config"}
    return schema


def _widen(properties: dict[str, Any], names: Iterable[str], pointer: str) -> None:
    """Let these values also be chosen by aspect ratio; `pointer` is where `properties` is in the schema."""
    for name in names:
        value = dict(properties[name])
        described = {key: value.pop(key) for key in ("description", "title", "default") if key in value}
        by_aspect = {
            "type": "object",
            "properties": {aspect: {"$ref": f"{pointer}/{name}/anyOf/0"} for aspect in ASPECTS},
            "required": ["landscape", "portrait"],
            "additionalProperties": False,
        }
        properties[name] = described | {"anyOf": [value, by_aspect]}
