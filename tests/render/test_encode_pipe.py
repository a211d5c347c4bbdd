"""Frames lent to a pipe arrive as they were drawn, however slowly they are read."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from oriel_fx.render.encode.pipe import PIPE_BYTES, FramePipe
from oriel_fx.render.pixels import Planes

LARGE = (1280, 720)
SMALL = (320, 180)


def drawn(number: int, planes: Planes) -> Planes:
    planes.data[:] = np.arange(len(planes.data), dtype=np.uint32) * (number + 1) % 251
    return planes


def send(descriptor: int, size: tuple[int, int], n_frames: int) -> list[int]:
    """Draw frames into two buffers as they become free; returns how many times a frame came back at once."""
    pipe = FramePipe(descriptor, len(Planes.empty(*size).data))
    free = [Planes.empty(*size), Planes.empty(*size)]
    came_back = []
    for number in range(n_frames):
        planes = drawn(number, free.pop())
        back = pipe.write(planes)
        if back is not None:
            came_back.append(int(back is planes))
            free.append(back)
    os.close(descriptor)
    return came_back


def assert_frames(data: bytes, size: tuple[int, int], n_frames: int) -> None:
    expected = [drawn(number, Planes.empty(*size)).data.tobytes() for number in range(n_frames)]
    assert data == b"".join(expected)


@pytest.mark.parametrize("size", [LARGE, SMALL])
def test_a_slow_reader_sees_every_frame_as_it_was_drawn(size: tuple[int, int]) -> None:
    reading, writing = os.pipe()
    writer = threading.Thread(target=send, args=(writing, size, 12))
    writer.start()
    data = bytearray()
    while part := os.read(reading, 700_001):
        data += part
        time.sleep(0.001)
    writer.join()
    os.close(reading)
    assert_frames(bytes(data), size, 12)


def test_a_frame_is_lent_until_the_next_is_in(tmp_path: Path) -> None:
    assert len(Planes.empty(*LARGE).data) > PIPE_BYTES
    reading, writing = os.pipe()
    reader = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reading, 1 << 16), b"")])
    reader.start()
    came_back = send(writing, LARGE, 6)
    reader.join()
    os.close(reading)
    # Where the kernel cannot lend, each is copied and comes back at once.
    assert came_back in ([0] * 5, [1] * 6)


def test_what_is_no_pipe_is_written_to(tmp_path: Path) -> None:
    file = tmp_path / "frames"
    send(os.open(file, os.O_WRONLY | os.O_CREAT), LARGE, 3)
    assert_frames(file.read_bytes(), LARGE, 3)


@pytest.mark.parametrize("size", [LARGE, SMALL])
def test_a_reader_that_went_away_is_an_error(size: tuple[int, int]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    pipe = FramePipe(writing, len(Planes.empty(*size).data))
    with pytest.raises(BrokenPipeError):
        pipe.write(Planes.empty(*size))
    os.close(writing)
