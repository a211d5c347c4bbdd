"""The finished MP4 plays everywhere, in the right colours."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import PLAIN, Finished
from tests.songs import decoded_frames, ffmpeg, ffmpeg_banner, music, write_wav

from oriel_fx import RenderSpec, render_video


def boxes(file: Path) -> list[str]:
    """Names of an MP4's top-level boxes, in order."""
    data, at, names = file.read_bytes(), 0, []
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        names.append(name.decode())
        at += size
    return names


def test_the_index_comes_first(finished: Finished) -> None:
    names = boxes(finished.video)
    assert names.index("moov") < names.index("mdat")
    assert names.count("moov") == names.count("mdat") == 1


@pytest.mark.parametrize("quality", ["draft", "standard", "high"])
def test_what_the_streams_are(songs: Path, tmp_path: Path, quality: str) -> None:
    output = {"size": "96x54", "fps": "24", "quality": quality}
    render_video(songs / "short.wav", tmp_path / "a.mp4", RenderSpec.from_config({**PLAIN, "output": output}))
    banner = ffmpeg_banner(tmp_path / "a.mp4")
    assert "Video: h264 (High) (avc1" in banner
    assert "yuv420p(tv, bt709, progressive), 96x54" in banner
    assert "24 fps, 24 tbr" in banner
    assert "Audio: aac (LC) (mp4a" in banner
    assert "44100 Hz, stereo" in banner


def test_sound_is_192_kilobits_where_there_is_that_much_of_it(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 44100 * 20)
    write_wav(tmp_path / "a.wav", noise)
    ffmpeg("-i", tmp_path / "a.wav", "-ac", "2", "-ar", "48000", tmp_path / "b.wav")
    render_video(tmp_path / "b.wav", spec=RenderSpec.from_config(PLAIN))
    sound = ffmpeg("-i", tmp_path / "b.mp4", "-map", "0:a", "-c", "copy", "-f", "adts", "pipe:1")
    assert len(sound) * 8 / 20 / 1000 == pytest.approx(192, rel=0.1)


def test_the_sound_is_the_songs(finished: Finished) -> None:
    chain = ["-ac", "1", "-ar", "44100", "-f", "f32le", "pipe:1"]
    song, video = (np.frombuffer(ffmpeg("-i", file, "-vn", *chain), "<f4") for file in (finished.song, finished.video))
    song, video = (signal[44100 : 30 * 44100] for signal in (song, video))
    assert np.corrcoef(song, video)[0, 1] > 0.99


@pytest.mark.parametrize(
    ("size", "colors"),
    [
        ("1280x720", ["#ff0000", "#00ff00", "#0000ff", "#c08040", "#ffffff"]),
        ("1920x1080", ["#0b0c14", "#3366cc", "#000000"]),
    ],
)
def test_colours_are_what_was_drawn(songs: Path, tmp_path: Path, size: str, colors: list[str]) -> None:
    width, height = map(int, size.split("x"))
    for color in colors:
        spec = RenderSpec.from_config(
            {
                **PLAIN,
                "background": {"type": "color", "color": color},
                "layers": [],
                "output": {"size": size, "duration": 0.1, "quality": "standard"},
            }
        )
        render_video(songs / "short.wav", tmp_path / "a.mp4", spec, force=True)
        shown = decoded_frames(tmp_path / "a.mp4", width, height)
        drawn = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
        assert np.abs(shown.astype(int) - drawn).max() <= 4, color


@pytest.mark.soak
def test_a_three_hour_song_is_as_long_as_it_is(tmp_path: Path) -> None:
    write_wav(tmp_path / "part.wav", music(60))
    ffmpeg("-stream_loop", "179", "-i", tmp_path / "part.wav", "-c", "copy", tmp_path / "long.wav")
    spec = RenderSpec.from_config({**PLAIN, "output": {"size": "32x32", "fps": 2, "quality": "draft"}})
    assert render_video(tmp_path / "long.wav", spec=spec).n_frames == 3 * 3600 * 2
