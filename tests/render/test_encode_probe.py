"""What a finished file holds, and whether that is what was asked for."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from tests.conftest import Finished
from tests.songs import ffmpeg

from oriel_fx.errors import EncodeError, VerifyError
from oriel_fx.render.encode.probe import probe, verify


def test_a_render_is_what_was_asked_for(finished: Finished) -> None:
    verify(finished.video, 400, Fraction(10), 40.0)
    found = probe(finished.video)
    assert found.video is not None
    assert found.audio is not None
    assert (found.video.packets, found.video.start_s, found.video.even) == (400, 0.0, True)
    assert found.video.end_s == pytest.approx(40)
    assert found.audio.end_s == pytest.approx(40, abs=1024 / 44100)


@pytest.mark.parametrize(
    ("n_frames", "fps", "audio_s", "fault"),
    [
        (401, 10, 40.0, "400 frames instead of 401"),
        (400, 11, 40.0, r"the picture lasts 40\.000 s instead of 36\.364 s"),
        (400, 10, 40.5, r"the sound lasts 40\.\d+ s instead of 40\.500 s"),
    ],
)
def test_what_differs_is_named(finished: Finished, n_frames: int, fps: int, audio_s: float, fault: str) -> None:
    with pytest.raises(VerifyError, match=fault):
        verify(finished.video, n_frames, Fraction(fps), audio_s)


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        (["-an", "-c", "copy"], "a stream is missing"),
        (["-c:v", "copy", "-af", "atrim=start=1"], r"the sound starts at 0\.9"),
        (["-vf", "select=not(between(n\\,50\\,60))", "-fps_mode", "vfr"], "not evenly spaced"),
    ],
)
def test_faults_of_a_file_are_found(finished: Finished, tmp_path: Path, args: list[str], fault: str) -> None:
    ffmpeg("-i", finished.video, *args, tmp_path / "a.mp4")
    with pytest.raises(VerifyError, match=fault):
        verify(tmp_path / "a.mp4", 400, Fraction(10), 40.0)


def test_a_file_that_is_no_video_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(EncodeError):
        probe(tmp_path / "a.mp4")
