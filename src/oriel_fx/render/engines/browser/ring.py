"""Frames out of the page: a file of its private file system, shared as memory.

The page's worker writes whole frames into slots and counts them; Oriel reads them where they are and counts what
it has done with. Layout, little-endian: frames written (u32 at 0), frames read (u32 at 4), four u32 for each
slot from 64 on (frame, the colour behind the canvas as 0xrrggbb or NO_GROUND, 0, kind), and the slots' pixels
from HEADER_BYTES on.
"""

from __future__ import annotations

import contextlib
import mmap
import time
from pathlib import Path

import numpy as np

from oriel_fx.render.scene import Pixels

# The opaque colour that lies behind a picture, if one does.
Ground = tuple[int, int, int] | None
HEADER_BYTES = 4096
SLOTS = 4
LOOK_EVERY_S = 0.02
BGRA, RGBA_UP, RGBA = 1, 2, 3
NO_GROUND = 1 << 24


class Ring:
    """The reading end. `find` looks for the file, which the page makes with its first frame."""

    def __init__(self, profile: Path, width: int, height: int) -> None:
        self._profile = profile
        self._size = HEADER_BYTES + SLOTS * width * height * 4
        self._width, self._height = width, height
        self._memory: mmap.mmap | None = None
        self._words: np.ndarray[tuple[int], np.dtype[np.uint32]] = np.zeros(0, np.uint32)
        self._pixels: Pixels = np.zeros(0, np.uint8)
        self._read = 0
        self._look_again = 0.0

    def _is_time(self) -> bool:
        """Looking through the profile takes longer than waiting does."""
        now = time.monotonic()
        if now < self._look_again:
            return False
        self._look_again = now + LOOK_EVERY_S
        return True

    def _find(self) -> bool:
        for path in self._profile.glob("Default/File System/**/*"):
            # Chromium makes and moves files meanwhile.
            with contextlib.suppress(OSError):
                if path.is_file() and path.stat().st_size == self._size:
                    self._map(path)
                    return True
        return False

    def _map(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), self._size)
        whole = np.frombuffer(self._memory, np.uint8)
        self._words = whole[:HEADER_BYTES].view("<u4")
        self._pixels = whole[HEADER_BYTES:].reshape(SLOTS, self._height, self._width, 4)
        self._read = 0

    def peek(self) -> tuple[int, int, Ground, Pixels] | None:
        """The next frame, if there is one: its number, kind, ground and pixels (height, width, 4); then `next`."""
        if self._memory is None and not (self._is_time() and self._find()):
            return None
        if int(self._words[0]) <= self._read:
            return None
        slot = self._read % SLOTS
        facts = self._words[16 + 4 * slot : 20 + 4 * slot]
        behind = int(facts[1])
        ground = None if behind == NO_GROUND else (behind >> 16 & 255, behind >> 8 & 255, behind & 255)
        return int(facts[0]), int(facts[3]), ground, self._pixels[slot]

    def next(self) -> None:
        """The frame last peeked at is done with."""
        self._read += 1
        self._words[1] = self._read

    def skip(self) -> None:
        """All that was written so far is done with."""
        if self._memory is not None:
            self._read = int(self._words[0])
            self._words[1] = self._read

    def forget(self) -> None:
        """Another page will make another file."""
        self._words, self._pixels = np.zeros(0, np.uint32), np.zeros(0, np.uint8)
        self._memory = None
