"""The estimate before a render."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.songs import ffmpeg

from oriel_fx import RenderSpec, SpecError
from oriel_fx.render.estimate import choose_jobs, estimate


def test_frames_follow_the_song_and_the_part_of_it(songs: Path) -> None:
    whole = estimate(songs / "long.wav", RenderSpec.from_config({}))
    assert (whole.n_frames, whole.width, whole.height, whole.fps) == (1200, 1920, 1080, 30)
    part = RenderSpec.from_config({"output": {"start": 30, "duration": 20}})
    assert estimate(songs / "long.wav", part).n_frames == 300


def test_more_work_takes_longer(songs: Path) -> None:
    times = [
        estimate(songs / "long.wav", RenderSpec.from_config({"output": output})).seconds or 0
        for output in ({"quality": "draft"}, {}, {"quality": "high"}, {"quality": "high", "size": "4k"})
    ]
    assert times == sorted(times)
    assert len(set(times)) == 4


def test_a_start_past_the_end_is_found_before_any_work(songs: Path) -> None:
    with pytest.raises(SpecError, match="past the song's end"):
        estimate(songs / "short.wav", RenderSpec.from_config({"output": {"start": 2}}))


def test_a_song_that_does_not_say_its_length_has_no_frames_yet(songs: Path, tmp_path: Path) -> None:
    ffmpeg("-i", songs / "short.wav", "-f", "webm", "-c:a", "libopus", "-live", "1", tmp_path / "a.webm")
    assert estimate(tmp_path / "a.webm", RenderSpec.from_config({})).n_frames == 0


def test_there_is_always_a_process_to_draw() -> None:
    assert choose_jobs() >= 1
