"""Tempo and beats of pulse trains, of a mix that changes tempo, of what has no beat."""

from __future__ import annotations

import numpy as np
import pytest

from oriel_fx.render.audio import measure_song

from .conftest import Synth


@pytest.mark.parametrize("bpm", [70, 90, 120, 128, 140, 174])
def test_a_pulse_train_gives_its_tempo_and_beats_on_time(bpm: float, synth: Synth) -> None:
    song, times_s = synth.pulse_train(bpm, 30)
    stats = measure_song(synth.pcm(song))
    assert stats.tempo_bpm == pytest.approx(bpm, rel=0.002)
    on_train = stats.beats_s[stats.beats_s < times_s[-1] + 0.1]
    assert len(on_train) >= len(times_s) - 1
    assert np.abs(on_train[:, None] - times_s).min(axis=1).max() < 0.015


def test_a_mix_that_changes_tempo_is_followed(synth: Synth) -> None:
    slow, slow_s = synth.pulse_train(100, 60)
    fast, fast_s = synth.pulse_train(140, 60)
    stats = measure_song(synth.pcm(np.concatenate([slow, fast])))
    early = stats.beats_s[stats.beats_s < 52]
    late = stats.beats_s[(stats.beats_s > 68) & (stats.beats_s < 119)]
    assert np.abs(early[:, None] - slow_s).min(axis=1).max() < 0.015
    assert np.abs(late[:, None] - (fast_s + 60)).min(axis=1).max() < 0.015
    assert np.median(np.diff(early)) == pytest.approx(0.6, abs=0.005)
    assert np.median(np.diff(late)) == pytest.approx(60 / 140, abs=0.005)


def test_missed_hits_do_not_lose_the_beat(synth: Synth) -> None:
    _, times_s = synth.pulse_train(120, 40)
    heard = times_s[np.random.default_rng(0).random(len(times_s)) < 0.75]
    stats = measure_song(synth.pcm(synth.hits(heard, 40)))
    assert stats.tempo_bpm == pytest.approx(120, rel=0.01)
    assert np.abs(stats.beats_s[:, None] - times_s).min(axis=1).max() < 0.03


def test_there_are_no_beats_in_silence(synth: Synth) -> None:
    first, _ = synth.pulse_train(120, 20)
    stats = measure_song(synth.pcm(np.concatenate([first, synth.silence(20), first])))
    assert not ((stats.beats_s > 21) & (stats.beats_s < 39)).any()
    assert (stats.beats_s < 20).sum() > 30
    assert (stats.beats_s > 40).sum() > 30


@pytest.mark.parametrize("kind", ["silence", "tone", "bang", "instant"])
def test_what_has_no_pulse_has_no_beats(kind: str, synth: Synth) -> None:
    song = {
        "silence": synth.silence(8),
        "tone": synth.tone(440, 8),
        "bang": synth.hits(np.array([2.0]), 8),
        "instant": synth.tone(440, 0.005),
    }[kind]
    stats = measure_song(synth.pcm(song))
    assert len(stats.beats_s) == 0
    assert stats.tempo_bpm == 0.0


@pytest.mark.soak
def test_the_tempo_of_a_drum_loop_agrees_with_librosa(synth: Synth) -> None:
    librosa = pytest.importorskip("librosa")

    eighths = np.arange(0.2, 40, 60 / 96 / 2)
    song = synth.hits(eighths[::4], 40) + 0.5 * synth.hits(eighths[2::4], 40, 2) + 0.1 * synth.hits(eighths, 40, 3)
    pcm = synth.pcm(song)
    theirs, _ = librosa.beat.beat_track(y=pcm.read(0, pcm.n_samples), sr=44_100)
    assert measure_song(pcm).tempo_bpm == pytest.approx(float(np.ravel(theirs)[0]), rel=0.04)
