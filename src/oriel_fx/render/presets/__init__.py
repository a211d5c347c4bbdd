"""Named looks: one JSON file each in this folder."""

from __future__ import annotations

import difflib
import json
from importlib import resources
from typing import Any

from oriel_fx.errors import SpecError


def names() -> list[str]:
    """All presets, the default first."""
    found = sorted(
        f.name.removesuffix(".json") for f in resources.files(__name__).iterdir() if f.name.endswith(".json")
    )
    return sorted(found, key=lambda name: name != "halo")


def load(name: object) -> dict[str, Any]:
    """A preset's plain data, without its description. Raises SpecError naming the nearest preset."""
    known = names()
    if not isinstance(name, str) or name not in known:
        close = difflib.get_close_matches(str(name).lower(), known, 1)
        guess = f"Did you mean {close[0]!r}? " if close else ""
        raise SpecError(f"There is no preset {name!r}.", f"{guess}Presets: {', '.join(known)}.", "preset")
    return {key: value for key, value in _read(name).items() if key not in ("$schema", "description")}


def describe(name: str) -> str:
    """The one line a preset says about itself."""
    return str(_read(name)["description"])


def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(resources.files(__name__).joinpath(f"{name}.json").read_text("utf-8"))
    return data
