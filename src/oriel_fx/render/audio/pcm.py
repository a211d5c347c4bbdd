"""Decoded sound on disk, read block by block."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 44_100
BYTES_PER_SAMPLE = 2

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Pcm:
    """A mono 16-bit little-endian PCM file at 44.1 kHz, `n_samples` long.

    Holds no file handle and no samples, so it pickles to a few bytes and any thread or process may read.
    Never mapped: the pages of a mapped file count as this process's memory.
    """

    path: Path
    n_samples: int

    @classmethod
    def open(cls, path: Path) -> Pcm:
        return cls(path, path.stat().st_size // BYTES_PER_SAMPLE)

    @property
    def duration_s(self) -> float:
        return self.n_samples / SAMPLE_RATE

    def read(self, start: int, stop: int) -> Floats:
        """Samples start..stop-1, float32 (stop - start,), -1..1; zeros before and after the song."""
        samples = np.zeros(max(0, stop - start), np.float32)
        first, last = max(start, 0), min(stop, self.n_samples)
        if first >= last:
            return samples
        # A file object costs as much again as the reading.
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            raw = os.pread(descriptor, (last - first) * BYTES_PER_SAMPLE, first * BYTES_PER_SAMPLE)
        finally:
            os.close(descriptor)
        found = np.frombuffer(raw, "<i2", len(raw) // BYTES_PER_SAMPLE)
        np.multiply(found, np.float32(1 / 32768), out=samples[first - start : first - start + len(found)])
        return samples
