"""Onsets are where hits begin, to the millisecond, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from oriel_fx.render.audio import Pcm, measure_song

from .conftest import Synth


def onsets_of(pcm: Pcm) -> NDArray[np.float64]:
    return measure_song(pcm).onsets_s


def uneven_times(n: int) -> NDArray[np.float64]:
    return 0.3 + np.cumsum(np.random.default_rng(3).uniform(0.12, 0.6, n))


@pytest.mark.parametrize("kind", ["burst", "click", "note"])
def test_each_hit_is_found_once_within_3_ms(kind: str, synth: Synth) -> None:
    times_s = uneven_times(50)
    if kind == "burst":
        song = synth.hits(times_s, times_s[-1] + 1)
    else:
        shape = np.array([0.9]) if kind == "click" else synth.tone(600, 0.08, 0.7) * np.exp(-np.arange(3528) / 500)
        song = synth.silence(times_s[-1] + 1)
        for start in np.round(times_s * 44_100).astype(int):
            song[start : start + len(shape)] += shape
    found = onsets_of(synth.pcm(song))
    assert len(found) == len(times_s)
    assert np.abs(found - times_s).max() < 0.003


def test_hits_over_a_loud_bass_are_found(synth: Synth) -> None:
    times_s = np.arange(0.5, 9.5, 0.5)
    found = onsets_of(synth.pcm(synth.tone(55, 10, 0.4) + synth.hits(times_s, 10)))
    assert np.abs(found[1:] - times_s).max() < 0.003


@pytest.mark.parametrize("freqs_hz", [(55,), (440,), (110, 220, 277, 330, 440.5)])
def test_a_held_note_begins_once(freqs_hz: tuple[float, ...], synth: Synth) -> None:
    chord = sum((synth.tone(freq_hz, 8, 0.15) for freq_hz in freqs_hz), synth.silence(8))
    found = onsets_of(synth.pcm(np.concatenate([synth.silence(1), chord])))
    assert found.tolist() == pytest.approx([1.0], abs=0.01)


def test_silence_and_hiss_have_none(synth: Synth) -> None:
    assert len(onsets_of(synth.pcm(synth.silence(5)))) == 0
    assert len(onsets_of(synth.pcm(synth.noise(5, 1e-4)))) == 0


def test_louder_hits_are_stronger(synth: Synth) -> None:
    strong, weak = np.arange(0.5, 20, 1.0), np.arange(1.0, 19.9, 1.0)
    song = synth.hits(strong, 20) + 0.03 * synth.hits(weak, 20) + synth.noise(20, 1e-3)
    stats = measure_song(synth.pcm(song))
    is_strong = np.abs(stats.onsets_s[:, None] - strong).min(axis=1) < 0.003
    assert is_strong.sum() == len(strong)
    assert stats.onset_strengths[is_strong].min() > stats.onset_strengths[~is_strong].max(initial=0)
    assert stats.onset_strengths.max() <= 1
