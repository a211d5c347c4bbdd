"""The ffmpeg child: what it says when it fails, and that it ends when it should."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from oriel_fx.errors import EncodeError, OutputError
from oriel_fx.render.encode.command import VideoFormat, encode_video
from oriel_fx.render.encode.encoder import Encoder
from oriel_fx.render.encode.probe import probe
from oriel_fx.render.encode.process import ffmpeg_error, find_ffmpeg, run_ffmpeg

SMALL = VideoFormat(64, 64, Fraction(30), "draft")


def feed(encoder: Encoder, n_frames: int) -> None:
    for _ in range(n_frames):
        encoder.put(encoder.take())
    encoder.finish()


def test_frames_become_a_file(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    feed(Encoder(encode_video(find_ffmpeg(), SMALL, "pipe:0", target), target, 64, 64), 20)
    assert target.read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("size", [(64, 64), (1920, 1080), (3840, 2160)])
@pytest.mark.parametrize("n_frames", [1, 4, 7, 15])
def test_every_frame_arrives_however_many_are_drawn_in_turn(
    n_frames: int, size: tuple[int, int], tmp_path: Path
) -> None:
    target = tmp_path / "a.mp4"
    feed(
        Encoder(
            encode_video(find_ffmpeg(), VideoFormat(*size, Fraction(30), "draft"), "pipe:0", target), target, *size
        ),
        n_frames,
    )
    stream = probe(target).video
    assert stream is not None and stream.packets == n_frames


@pytest.mark.parametrize(("size", "least", "most"), [((1920, 1080), 10, 14), ((3840, 2160), 5, 5), ((64, 64), 14, 14)])
def test_large_frames_wait_in_smaller_number(size: tuple[int, int], least: int, most: int, tmp_path: Path) -> None:
    reader = [sys.executable, "-c", "import sys; sys.stdin.buffer.read()"]
    encoder = Encoder(reader, tmp_path / "a.mp4", *size)
    assert least <= encoder._free.qsize() <= most
    encoder.finish()


def test_a_disk_that_fills_up_is_said_to_be_full(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to("/dev/full")
    command = encode_video(find_ffmpeg(), VideoFormat(640, 640, Fraction(30), "draft"), "pipe:0", tmp_path / "a.mp4")
    encoder = Encoder(command, tmp_path / "a.mp4", 640, 640)
    with pytest.raises(OutputError, match=f"disk is full: {tmp_path}"):
        feed(encoder, 400)


def test_an_ffmpeg_that_fails_is_quoted(tmp_path: Path) -> None:
    command = encode_video(find_ffmpeg(), SMALL, "pipe:0", tmp_path / "nowhere" / "a.mp4")
    with pytest.raises(EncodeError, match="No such file or directory"):
        feed(Encoder(command, tmp_path / "nowhere" / "a.mp4", 64, 64), 400)


def test_an_ffmpeg_killed_from_outside_is_noticed(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    encoder = Encoder(encode_video(find_ffmpeg(), SMALL, "pipe:0", target), target, 64, 64)
    encoder.put(encoder.take())
    encoder._child.kill()
    with pytest.raises(EncodeError, match=r"while writing a\.mp4"):
        feed(encoder, 400)


def test_a_cancelled_ffmpeg_stops_at_once() -> None:
    endless = [find_ffmpeg(), "-v", "error", "-re", "-f", "lavfi", "-i", "anullsrc", "-f", "null", "-"]
    assert run_ffmpeg(endless, Path("a.mp4"), cancelled=lambda: True) == ""


@pytest.mark.parametrize(
    ("said", "kind", "sentence"),
    [
        ("x\nav_write: No space left on device\n", OutputError, "The disk is full: /a has no room left."),
        ("/a/b.mp4: Permission denied", OutputError, "/a/b.mp4 cannot be written: permission denied."),
        ("first\nlast words\n\n", EncodeError, "ffmpeg failed while writing b.mp4: last words"),
        ("", EncodeError, "ffmpeg ended unexpectedly while writing b.mp4."),
    ],
)
def test_what_ffmpeg_says_becomes_one_sentence(said: str, kind: type[Exception], sentence: str) -> None:
    error = ffmpeg_error(said, Path("/a/b.mp4"))
    assert type(error) is kind
    assert error.message == sentence
    assert error.hint


def test_starting_children_does_not_stop_a_matrix_product_on_another_thread() -> None:
    # A fork makes OpenBLAS drop its threads: a product under way then waited for them for ever.
    script = """
import subprocess, threading
import numpy as np
from oriel_fx.render.audio.child import start_child
a = np.ones((3, 128, 128), np.float32)
done = threading.Event()
def work():
    while not done.is_set():
        a @ a[0]
thread = threading.Thread(target=work)
thread.start()
for _ in range(200):
    start_child(["true"], stdin=None, stdout=None, stderr=subprocess.DEVNULL).wait()
done.set()
thread.join()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
