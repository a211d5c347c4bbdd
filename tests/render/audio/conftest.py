"""Synthetic songs, whose every tone and hit is known."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from oriel_fx.render.audio import SAMPLE_RATE, Pcm
from oriel_fx.render.audio.ffmpeg import ffmpeg_exe

Signal = NDArray[np.float64]


class Synth:
    """Writes signals (float, -1..1) as PCM files, and makes the signals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def pcm(self, signal: Signal) -> Pcm:
        self._count += 1
        path = self.folder / f"{self._count}.pcm"
        np.round(np.clip(signal, -1, 1) * 32767).astype("<i2").tofile(path)
        return Pcm.open(path)

    @staticmethod
    def silence(duration_s: float) -> Signal:
        return np.zeros(round(duration_s * SAMPLE_RATE))

    @staticmethod
    def tone(freq_hz: float, duration_s: float, amplitude: float = 0.5) -> Signal:
        return amplitude * np.sin(2 * np.pi * freq_hz * np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE)

    @staticmethod
    def noise(duration_s: float, amplitude: float = 0.1, seed: int = 0) -> Signal:
        return amplitude * np.random.default_rng(seed).standard_normal(round(duration_s * SAMPLE_RATE))

    @staticmethod
    def hits(times_s: NDArray[Any], duration_s: float, seed: int = 1) -> Signal:
        """A 10 ms burst of noise, falling, at each time."""
        signal = np.zeros(round(duration_s * SAMPLE_RATE) + 441)
        burst = 0.5 * np.random.default_rng(seed).standard_normal(441) * np.exp(-np.arange(441) / 90)
        for start in np.round(times_s * SAMPLE_RATE).astype(int):
            signal[start : start + 441] += burst
        return signal[:-441]

    def pulse_train(self, bpm: float, duration_s: float) -> tuple[Signal, NDArray[Any]]:
        times_s = np.arange(0.25, duration_s - 0.2, 60 / bpm)
        return self.hits(times_s, duration_s), times_s


@pytest.fixture
def synth(tmp_path: Path) -> Synth:
    folder = tmp_path / "synth"
    folder.mkdir()
    return Synth(folder)


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., None]:
    """Runs ffmpeg with these arguments, or fails the test."""

    def run(*args: str | Path) -> None:
        subprocess.run([ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *map(str, args)], check=True)

    return run
