"""What is printed: names that cannot play with the terminal, sizes, stages, and a batch's last line."""

from __future__ import annotations

import os
import sys
from fractions import Fraction

import pytest

from oriel_fx.cli.console import LineReporter, announce, count_made, fail, megabytes, printable, say
from oriel_fx.errors import SongError
from oriel_fx.render.estimate import Estimate
from oriel_fx.render.pipeline import Progress


def test_what_a_terminal_would_act_on_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    assert printable("東 é 🎹.mp3") == "東 é 🎹.mp3"
    assert printable("\x1b[31mred\n\u202e.mp3\x07") == "\\x1b[31mred\\n\\u202e.mp3\\x07"
    fail(SongError("There is no file a\nb\x1b[2J.mp3.", "Check\rit."))
    assert capsys.readouterr().err == "Error: There is no file a\\nb\\x1b[2J.mp3.\n  Check\\rit.\n"
    lines = announce("a\nb.mp3", "a\nb.mp4", Estimate(20, 96, 54, Fraction(10), 2.0)).splitlines()
    assert lines[0] == "a\\nb.mp3 → a\\nb.mp4"


def test_sizes_have_a_fitting_unit() -> None:
    assert [megabytes(n) for n in (0, 63_877, 2_100_660)] == ["0 kB", "64 kB", "2.1 MB"]


def test_only_drawing_has_a_pace(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = LineReporter()
    reporter.progress(Progress("decode", 0, 0, 0.1))
    reporter.progress(Progress("draw", 5, 20, 0.5, 25.0, 0.6, 2.5))
    reporter.progress(Progress("join", 20, 20, 1.0, 20.0, 0.0, 2.0))
    reporter.progress(Progress("verify", 20, 20, 1.1, 18.0, 0.0, 1.8))
    lines = ["reading the song", "drawing: 5 of 20 frames, 25 fps, 0.6 s left", "joining", "checking"]
    assert capsys.readouterr().out.splitlines() == lines


def test_a_batch_is_counted() -> None:
    assert count_made(3, 3) == "All 3 videos are made."
    assert count_made(2, 3).startswith("2 of 3 videos are made;")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk that is always full")  # noqa: PTH110
def test_a_log_on_a_full_disk_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as log:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", log)
        say("heard by nobody")
        say("nor this")
