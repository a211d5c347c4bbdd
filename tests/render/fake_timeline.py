"""A stand-in for `audio.timeline.Timeline`, so that layers and effects can be tested with values that are known.

It has the same methods. A value is fixed, or follows the frame; what is not given jumps from frame to frame
over its whole range, which no song does, so that a layer that leaves something behind is found out.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Value = float | Callable[[int], float]

N_BANDS = 128


class FakeTimeline:
    """Values by name: bass, mid, treble, level, weight, sparkle, beat, onset, analyser, spectrum, waveform."""

    def __init__(self, fps: int = 30, duration_s: float = 10.0, **values: Value) -> None:
        self.fps = Fraction(fps)
        self.duration_s = duration_s
        self.n_frames = round(duration_s * fps)
        self._values = values

    def _value(self, name: str, frame: int, largest: float = 1.0) -> float:
        given = self._values.get(name)
        if given is None:
            # Silence and full scale come up often: they are where drawings go wrong.
            return float(np.clip(_dice(name, frame).uniform(-0.3, 1.3), 0, 1)) * largest
        return float(given(frame)) if callable(given) else float(given)

    def spectrum(self, frame: int) -> Floats:
        if "spectrum" in self._values:
            return np.full(N_BANDS, self._value("spectrum", frame), np.float32)
        loud = self._value("level", frame)
        return (np.clip(_dice("bands", frame).uniform(-0.2, 1.2, N_BANDS), 0, 1) * loud).astype(np.float32)

    def spectra(self, frames: NDArray[np.integer[Any]]) -> Floats:
        silence = np.zeros(N_BANDS, np.float32)
        return np.stack([self.spectrum(f) if 0 <= f < self.n_frames else silence for f in frames.tolist()])

    def bass(self, frame: int) -> float:
        return self._value("bass", frame)

    def mid(self, frame: int) -> float:
        return self._value("mid", frame)

    def treble(self, frame: int) -> float:
        return self._value("treble", frame)

    def level(self, frame: int) -> float:
        return self._value("level", frame)

    def weight(self, frame: int) -> float:
        return self._value("weight", frame, 1.1)

    def sparkle(self, frame: int) -> float:
        return self._value("sparkle", frame)

    def beat_pulse(self, frame: int, decay_s: float = 0.25) -> float:
        return self._value("beat", frame)

    def onset_pulse(self, frame: int, decay_s: float = 0.15) -> float:
        return self._value("onset", frame)

    def beat_index(self, frame: int) -> int:
        return frame // 15

    def waveform(self, frame: int, n_points: int, span_s: float, trigger: bool = False) -> Floats:
        if "waveform" in self._values:
            return np.full(n_points, self._value("waveform", frame), np.float32)
        loud = self._value("level", frame)
        return (_dice("waveform", frame).uniform(-1, 1, n_points) * loud).astype(np.float32)

    def envelope(self, n_points: int) -> Floats:
        return np.sin(np.linspace(0, np.pi, n_points)).astype(np.float32)

    def analyser(self, frame: int, bin: int) -> float:
        return self._value(f"analyser_{bin}", frame)


def _dice(name: str, frame: int) -> np.random.Generator:
    return np.random.default_rng([frame + 1000, *name.encode()])
