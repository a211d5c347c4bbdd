"""`analyser` equals an AnalyserNode worked out directly from the Web Audio text."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from oriel_fx.render.audio import Pcm, Timeline, measure_song

from .conftest import Synth


def reference_bytes(pcm: Pcm, n_steps: int) -> np.ndarray:
    """Every step from the song's start, in the plainest way."""
    n = np.arange(256)
    alpha = 0.16
    window = (1 - alpha) / 2 - 0.5 * np.cos(2 * np.pi * n / 256) + alpha / 2 * np.cos(4 * np.pi * n / 256)
    smoothed, steps = np.zeros(128), []
    for step in range(n_steps):
        block = pcm.read(step * 735 - 256, step * 735).astype(np.float64)
        magnitude = np.abs(np.fft.fft(block * window))[:128] / 256
        smoothed = 0.8 * smoothed + 0.2 * magnitude
        with np.errstate(divide="ignore"):
            decibels = 20 * np.log10(smoothed)
        steps.append(np.clip(np.floor(255 / 70 * (decibels + 100)), 0, 255))
    return np.array(steps)


@pytest.mark.parametrize("fps", [Fraction(30), Fraction(24), Fraction(60), Fraction(30000, 1001)])
def test_it_reports_what_the_node_would(fps: Fraction, synth: Synth) -> None:
    pcm = synth.pcm(synth.tone(300, 20, 0.2) * np.linspace(0, 1, 882_000) + synth.noise(20, 0.02))
    expected = reference_bytes(pcm, 1200)
    timeline = Timeline(pcm, fps, measure_song(pcm))
    for frame in range(0, timeline.n_frames, 7):
        step = int(Fraction(frame) / fps * 60)
        for bin in (0, 2, 50, 126):
            assert timeline.analyser(frame, bin) == pytest.approx(
                (expected[step, bin] + expected[step, bin + 1]) / 2 / 255, abs=1.01 / 510
            )


def test_silence_reads_zero_and_a_loud_tone_saturates(synth: Synth) -> None:
    pcm = synth.pcm(np.concatenate([synth.silence(1), synth.tone(5 * 44_100 / 256, 2, 1.0)]))
    timeline = Timeline(pcm, Fraction(30), measure_song(pcm))
    assert timeline.analyser(15, 5) == 0.0
    assert timeline.analyser(80, 5) == 1.0
    assert timeline.analyser(80, 500) < 0.5
