"""The demo song's instruments: drums, bass, plucked glass and a pad, each a function from notes and seconds to sound.

Sounds are float32 of shape (samples,), or (2, samples) where they say so, full scale ±1, at RATE samples a second.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]

RATE = 44_100


def time_axis(seconds: float) -> Audio:
    """The seconds at which each sample of a sound stands. Shape (samples,)."""
    return np.arange(round(seconds * RATE), dtype=np.float32) / np.float32(RATE)


def _hertz(note: float) -> float:
    return float(440.0 * 2.0 ** ((note - 69) / 12))


def soften_edges(sound: Audio, attack_s: float, release_s: float) -> Audio:
    """Raised-cosine fades at both ends (seconds), in place: nothing starts or stops with a click."""
    for seconds, part in ((attack_s, sound), (release_s, sound[..., ::-1])):
        count = min(max(2, round(seconds * RATE)), sound.shape[-1])
        part[..., :count] *= 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, count, dtype=np.float32))
    return sound


def noise(rng: np.random.Generator, seconds: float, low_hz: float, high_hz: float) -> Audio:
    """Noise between two frequencies with 12 dB/oct slopes, RMS 1. Shape (samples,)."""
    count = round(seconds * RATE)
    hertz = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 1.0)
    shape = 1 / ((1 + (low_hz / hertz) ** 2) * (1 + (hertz / high_hz) ** 2))
    sound: Audio = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * shape, count).astype(np.float32)
    return sound / np.float32(np.sqrt(np.mean(sound**2)))


def kick() -> Audio:
    """A sine falling from 170 to 47 Hz, without the offset such a sweep would leave."""
    t = time_axis(0.42)
    phase = 2 * np.pi * (47 * t + 123 * 0.028 * (1 - np.exp(-t / 0.028)))
    sound = soften_edges((np.sin(phase) * np.exp(-t / 0.13)).astype(np.float32), 0.002, 0.12)
    window = np.hanning(t.size).astype(np.float32)
    return sound - window * np.float32(sound.sum() / window.sum())


def snare(rng: np.random.Generator) -> Audio:
    """A clap of three bursts over a 190 Hz body."""
    t = time_axis(0.34)
    bursts = sum(np.where(t >= at, np.exp(-np.maximum(t - at, 0) / 0.008), 0) for at in (0.0, 0.011, 0.021))
    tail = np.where(t >= 0.029, np.exp(-np.maximum(t - 0.029, 0) / 0.07), 0)
    hiss = noise(rng, 0.34, 800, 9000) * (0.45 * bursts + 0.4 * tail)
    body = np.sin(2 * np.pi * (190 * t + 1.2 * np.exp(-t / 0.02))) * np.exp(-t / 0.06)
    return soften_edges((0.5 * hiss + 0.5 * body).astype(np.float32), 0.0015, 0.1)


def hat(rng: np.random.Generator, decay_s: float) -> Audio:
    """Bright noise dying away by 1/e in decay_s."""
    seconds = 5 * decay_s
    fall = np.exp(-time_axis(seconds) / np.float32(decay_s))
    return soften_edges(noise(rng, seconds, 7000, 12_000) * fall * np.float32(0.4), 0.001, 0.3 * seconds)


def swell(rng: np.random.Generator, seconds: float) -> Audio:
    """Breath rising through some seconds, to lead out of a break."""
    rise = (time_axis(seconds) / np.float32(seconds)) ** 3
    return soften_edges(noise(rng, seconds, 900, 5000) * rise, 0.01, 0.02)


@lru_cache(maxsize=64)
def bass(note: int, seconds: float) -> Audio:
    """A sine with a little second and third harmonic that fades first: round, and heard on small speakers."""
    t = time_axis(seconds)
    turn = 2 * np.pi * _hertz(note) * t
    overtones = 0.35 * np.sin(2 * turn) + 0.16 * np.sin(3 * turn) + 0.06 * np.sin(5 * turn)
    sound = np.tanh(1.3 * (np.sin(turn) + overtones * np.exp(-t / 0.18))) * np.exp(-t / 0.9)
    return soften_edges(sound.astype(np.float32), 0.006, min(0.06, seconds / 3))


@lru_cache(maxsize=128)
def pluck(note: int, bright: bool) -> Audio:
    """A struck glass bar: near-harmonic partials, the higher the sooner gone."""
    t = time_axis(0.8)
    sound = np.zeros_like(t)
    for k, level in enumerate((1.0, 0.45, 0.36, 0.24, 0.18, 0.14), start=1):
        hertz = _hertz(note) * k * (1 + 0.0006 * k * k)
        softening = k ** (0.0 if bright else -1.2)
        sound += (level * softening * np.sin(2 * np.pi * hertz * t) * np.exp(-t * (3.5 + 3.2 * k))).astype(np.float32)
    return soften_edges(sound, 0.003, 0.15)


def pad_loops(rng: np.random.Generator, chord: tuple[int, ...]) -> tuple[Audio, Audio]:
    """The chord as endless ensemble loops of 2^17 samples, (dark, bright), each (2, samples), RMS about 1.

    PADsynth (Nasca, 2005): each harmonic is a narrow hill of random-phase bins, which is what an infinitely
    detuned section sounds like; the inverse FFT of it repeats without a seam.
    """
    size = 1 << 17
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    hills = np.zeros_like(hertz)
    for note in chord:
        for k in range(1, int(10_000 / _hertz(note))):
            centre, width = k * _hertz(note), 0.35 + 0.0042 * k * _hertz(note)
            low, high = np.searchsorted(hertz, (centre - 4 * width, centre + 4 * width))
            hill = np.exp(-(((hertz[low:high] - centre) / width) ** 2)) / np.sqrt(width)
            hills[low:high] += hill / k
    middle, side = hills * np.exp(2j * np.pi * rng.random((2, hertz.size)))
    sides = np.stack([middle + 0.55 * side, middle - 0.55 * side])
    dark = np.fft.irfft(sides / (1 + (hertz / 420) ** 2), size)
    bright = np.fft.irfft(sides * (hertz / 900) ** 2 / (1 + (hertz / 900) ** 2) / (1 + (hertz / 7000) ** 2), size)
    scale = 1 / np.sqrt(np.mean(dark**2))
    return (dark * scale).astype(np.float32), (bright * scale).astype(np.float32)


def pad_note(loops: tuple[Audio, Audio], seconds: float, openness: Audio) -> Audio:
    """A chord held for some seconds while its filter moves through `openness` (0 dark … 1 bright)."""
    count = round(seconds * RATE)
    where = np.linspace(0, len(openness) - 1, count, dtype=np.float32)
    opening = np.interp(where, np.arange(len(openness)), openness).astype(np.float32)
    repeats = -(-count // loops[0].shape[1])
    dark, bright = (np.tile(loop, repeats)[:, :count] for loop in loops)
    return dark + opening * bright
