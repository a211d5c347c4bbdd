"""Decoding and measuring stop soon after somebody asks for it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from oriel_fx.errors import RenderCancelledError
from oriel_fx.render.audio.ffmpeg import run_ffmpeg
from oriel_fx.render.audio.pcm import Pcm
from oriel_fx.render.audio.stats import measure_song


def test_ffmpeg_at_work_is_stopped() -> None:
    started = time.monotonic()
    with pytest.raises(RenderCancelledError):
        # Silence without end.
        run_ffmpeg(["-f", "lavfi", "-i", "anullsrc", "-f", "null", "-"], lambda: time.monotonic() > started + 0.5)
    assert time.monotonic() - started < 10


def test_measuring_stops_between_blocks(tmp_path: Path) -> None:
    np.zeros(44100 * 60, np.int16).tofile(tmp_path / "song.pcm")
    answers = iter([False, True])
    with pytest.raises(RenderCancelledError):
        measure_song(Pcm(tmp_path / "song.pcm", 44100 * 60), cancelled=lambda: next(answers))
