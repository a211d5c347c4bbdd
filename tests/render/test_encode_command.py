"""ffmpeg's arguments."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from oriel_fx.render.encode.command import VideoFormat, encode_audio, encode_video, join, timescale

HD = VideoFormat(1280, 720, Fraction(30), "standard")


@pytest.mark.parametrize("fps", [Fraction(1), Fraction(30), Fraction(24000, 1001), Fraction(120), Fraction(37, 3)])
def test_a_frame_is_a_whole_number_of_ticks(fps: Fraction) -> None:
    assert (timescale(fps) / fps).denominator == 1
    assert timescale(fps) >= 12000


def test_files_are_never_taken_for_options_or_protocols() -> None:
    odd = Path("-a:b%03d.mp4")
    commands = [
        encode_video("ffmpeg", HD, "pipe:0", odd),
        encode_audio("ffmpeg", odd, Fraction(0), Fraction(1), 48000, odd),
        join("ffmpeg", Path("chunks.txt"), odd, {}, Fraction(30), odd),
    ]
    for command in commands:
        named = [word for word in command if "-a:b" in word]
        assert named
        assert all(word == f"file:{odd.absolute()}" for word in named)


def test_the_number_of_threads_never_follows_the_machine() -> None:
    assert "threads=3:" in " ".join(encode_video("ffmpeg", HD, "pipe:0", Path("a.mp4")))


def test_every_quality_is_high_profile() -> None:
    for quality in ("draft", "standard", "high"):
        command = encode_video("ffmpeg", VideoFormat(64, 64, Fraction(30), quality), "pipe:0", Path("a.mp4"))
        assert command[command.index("-profile:v") + 1] == "high"
        assert "8x8dct=1" in command[command.index("-x264-params") + 1]


def test_only_tags_that_say_something_are_written() -> None:
    command = join("ffmpeg", Path("l"), Path("a"), {"title": "A = B", "artist": ""}, Fraction(30), Path("o.mp4"))
    assert "title=A = B" in command
    assert not any(word.startswith("artist") for word in command)
