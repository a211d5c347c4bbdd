"""The original Oriel frontend's flat config, turned into a RenderSpec's plain data."""

from __future__ import annotations

from typing import Any

from oriel_fx.errors import SpecError
from oriel_fx.render.nearest import nearest

KEYS = {
    "shape": "shape",
    "size": "size",
    "baseColor": "base_color",
    "glowColor": "glow_color",
    "rotationSpeed": "rotation_speed",
    "pulseIntensity": "pulse_intensity",
    "bassFrequency": "bass_frequency",
    "trebleFrequency": "treble_frequency",
}
# Where each flat key's value stands in the spec.
PATHS = {f"layers.0.{own}": flat for flat, own in KEYS.items()}
COMPOSITION_KEYS = {"preset", "palette", "background", "layers", "effects"}


def is_classic(config: dict[str, Any]) -> bool:
    """Whether plain data is the original frontend's flat config: it has one of its keys at the top.

    `size` alone may be a picture's size put in the wrong place; only a number beside no composition counts.
    """
    flat = [key for key in config if key in KEYS]
    if flat == ["size"]:
        return isinstance(config["size"], int | float) and not config.keys() & COMPOSITION_KEYS
    return bool(flat)


def from_classic(config: dict[str, Any]) -> dict[str, Any]:
    """The flat config as plain data for a RenderSpec: the preset `classic` with its one solid set up.

    A flat config may carry `output`, `tags`, `seed` and `page` too. Raises SpecError for other keys.
    """
    allowed = [*KEYS, "output", "tags", "seed", "page"]
    for key in config:
        if key not in allowed:
            raise SpecError(_unknown(key, config), _hint(key, allowed), str(key))
    layer = {"type": "wireframe"} | {KEYS[key]: value for key, value in config.items() if key in KEYS}
    rest = {key: value for key, value in config.items() if key not in KEYS}
    return {"preset": "classic", "layers": [layer]} | rest


def _unknown(key: object, config: dict[str, Any]) -> str:
    flat = next(name for name in config if name in KEYS)
    return f"Unknown key {key!r} in an original-style config (one with {flat!r})."


def _hint(key: object, allowed: list[str]) -> str:
    if key in COMPOSITION_KEYS:
        return "Use either the original's flat keys or a composition, not both."
    close = nearest(str(key), allowed)
    return (f"Did you mean {close!r}? " if close else "") + f"Known: {', '.join(allowed)}."
