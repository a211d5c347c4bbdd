"""Global facts follow the song's loudness and survive JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from oriel_fx.render.audio import SongStats, measure_song

from .conftest import Synth


def test_the_reference_follows_the_songs_loudness(synth: Synth) -> None:
    song = synth.noise(6)
    loud, soft = measure_song(synth.pcm(song)), measure_song(synth.pcm(song / 10))
    assert loud.reference_db - soft.reference_db == pytest.approx(20, abs=0.5)
    assert loud.loudness_db - soft.loudness_db == pytest.approx(20, abs=0.5)


def test_silence_between_passages_does_not_lower_the_reference(synth: Synth) -> None:
    song = synth.noise(6)
    alone = measure_song(synth.pcm(song))
    spaced = measure_song(synth.pcm(np.concatenate([synth.silence(30), song, synth.silence(30)])))
    assert spaced.reference_db == pytest.approx(alone.reference_db, abs=1.5)


def test_stats_survive_json(synth: Synth) -> None:
    stats = measure_song(synth.pcm(synth.pulse_train(120, 8)[0]))
    again = SongStats.from_dict(json.loads(json.dumps(stats.to_dict())))
    assert again.to_dict() == stats.to_dict()
    assert again.beats_s.dtype == np.float64
    assert again.overview.dtype == np.float32


def test_a_clipped_song_measures_as_full_scale(synth: Synth) -> None:
    stats = measure_song(synth.pcm(10 * synth.tone(100, 4)))
    assert stats.peak == pytest.approx(1.0, abs=1e-4)
    assert np.isfinite([stats.reference_db, stats.bass_db, stats.mid_db, stats.treble_db, stats.loudness_db]).all()
