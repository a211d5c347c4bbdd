"""The script that runs before the page's own: the parts in script/, with what this film is about."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from oriel_fx.render.engines.browser.options import ORIGIN
from oriel_fx.render.engines.browser.ring import SLOTS

FOLDER = Path(__file__).parent / "script"
# In this order: each part uses those before it.
PARTS = (
    "clock",
    "faults",
    "loading",
    "animation",
    "media",
    "audio",
    "stretch",
    "canvas",
    "capture",
    "pictures",
    "look",
    "film",
)
# The page's clock begins here on every run: noon, 1 January 2026, UTC.
EPOCH_MS = 1_767_268_800_000
AUDIO_RATE_HZ = 44100
# A sound of a page's own shorter than this is an effect; a longer one is what it would play, and becomes the song.
OWN_SOUND_S = 10
# How long a page's own clock may run, before the first frame, until it plays.
PATIENCE_S = 10


@cache
def _parts() -> str:
    return "\n".join((FOLDER / f"{name}.js").read_text("utf-8") for name in PARTS)


def build_script(
    *,
    config: dict[str, Any],
    fps: Fraction,
    size_px: tuple[int, int],
    seed: int,
    duration_s: float,
    song_bytes: int,
    song_name: str,
    secret: str,
    transparent: bool = False,
    webgpu: bool = False,
) -> str:
    """JavaScript for the start of every document."""
    width, height = size_px
    base = f"{ORIGIN}/{secret}"
    settings = {
        "config": config,
        "fps": float(fps),
        "fpsNumerator": fps.numerator,
        "fpsDenominator": fps.denominator,
        "size": {"width": width, "height": height},
        "width": width,
        "height": height,
        "seed": seed,
        "transparent": transparent,
        "webgpu": webgpu,
        "durationS": duration_s,
        "songBytes": song_bytes,
        "song": f"{base}/{song_name}",
        "base": base,
        "epochMs": EPOCH_MS,
        "audioRateHz": AUDIO_RATE_HZ,
        "ownSoundS": OWN_SOUND_S,
        "patienceS": PATIENCE_S,
        "slots": SLOTS,
        "ringName": f"oriel-{secret}",
    }
    return f'(() => {{\n"use strict";\nconst settings = {json.dumps(settings)};\n{_parts()}\n}})();'
