"""The original Oriel frontend's flat config, turned into a RenderSpec's plain data."""

from __future__ import annotations

from typing import Any

from oriel_fx.errors import SpecError

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
SPEC_KEYS = {"preset", "output", "palette", "tags", "background", "layers", "effects", "seed"}


def is_classic(config: dict[str, Any]) -> bool:
    """Whether plain data is the original frontend's flat config: it has one of its keys at the top."""
    return any(key in KEYS for key in config)


def from_classic(config: dict[str, Any]) -> dict[str, Any]:
    """The flat config as plain data for a RenderSpec: the preset `classic` with its one solid set up.

    A flat config may carry `output`, `tags` and `seed` too. Raises SpecError for other keys.
    """
    allowed = KEYS.keys() | {"output", "tags", "seed"}
    unknown = [key for key in config if key not in allowed]
    if unknown:
        clash = unknown[0] in SPEC_KEYS
        raise SpecError(
            f"Unknown key {unknown[0]!r} in an original-style config (one with {next(k for k in config if k in KEYS)!r}).",
            "Use either the original's flat keys or a composition, not both."
            if clash
            else f"Known: {', '.join(sorted(allowed))}.",
            unknown[0],
        )
    layer = {"type": "wireframe"} | {KEYS[key]: value for key, value in config.items() if key in KEYS}
    rest = {key: value for key, value in config.items() if key not in KEYS}
    return {"preset": "classic", "layers": [layer]} | rest
