"""Stills: a frame or a contact sheet without the rest of the video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.conftest import PLAIN, Finished
from tests.songs import decoded_frames

from oriel_fx import OutputError, RenderSpec, SpecError, contact_sheet, render_frame, render_frames
from oriel_fx.render.prepare import moves_on_beats
from oriel_fx.render.stills import write_picture

SPEC = RenderSpec.from_config(PLAIN)


def test_a_still_is_what_the_video_shows_then(finished: Finished) -> None:
    shown = decoded_frames(finished.video, 96, 54)
    for time_s, index in [(0.0, 0), (0.29, 2), (0.3, 3), (20.05, 200), (40.0, 399)]:
        still = render_frame(finished.song, time_s, SPEC)
        assert still.shape == (54, 96, 3)
        # The video went through the encoder, at its lowest quality.
        assert np.abs(still.astype(int) - shown[index]).mean() < 4


def test_several_frames_are_each_drawn_as_if_alone(songs: Path) -> None:
    late, early = render_frames(songs / "short.wav", [1.5, 0.2], SPEC)
    assert np.array_equal(early, render_frame(songs / "short.wav", 0.2, SPEC))
    assert np.array_equal(late, render_frame(songs / "short.wav", 1.5, SPEC))


def test_past_the_end_there_is_no_frame(songs: Path) -> None:
    with pytest.raises(SpecError, match=r"2\.1 s is past the song's end at 2\.0 s"):
        render_frame(songs / "short.wav", 2.1, SPEC)


def test_a_sheet_shows_moments_of_the_whole_song(songs: Path) -> None:
    sheet = contact_sheet(songs / "short.wav", SPEC, count=5, columns=2)
    assert sheet.shape[1:] == (1920, 3)
    assert sheet.shape[0] == pytest.approx(24 + 3 * (924 * 54 / 96 + 40 + 24), abs=3)


def test_a_sheet_of_a_song_cut_short_keeps_to_what_is_there(songs: Path, tmp_path: Path) -> None:
    whole = (songs / "long.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 20])
    assert contact_sheet(tmp_path / "cut.wav", SPEC, count=1, columns=1).shape[1] == 1920


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp"])
def test_pictures_are_written_in_each_format(tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]) -> None:
    rgb = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    write_picture(tmp_path / f"a{suffix}", rgb)
    back = cv2.cvtColor(cv2.imread(str(tmp_path / f"a{suffix}")), cv2.COLOR_BGR2RGB)
    assert np.abs(back.astype(int) - rgb).max() <= 4
    assert capfd.readouterr() == ("", "")


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not end in"):
        write_picture(tmp_path / "a.gif", np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize(
    "config",
    [
        {"effects": [{"type": "flash"}]},
        {"effects": [{"type": "bloom", "pulse": 1}]},
        {"background": {"type": "gradient", "beat_zoom": 0.1}},
    ],
    ids=str,
)
def test_stills_measure_the_rhythm_where_something_follows_it(config: dict[str, object]) -> None:
    assert moves_on_beats(RenderSpec.from_config(config))
    assert not moves_on_beats(RenderSpec.from_config({}))
