"""Tones land in their bands, and no seam shows where one window gives way to the next."""

from __future__ import annotations

import numpy as np
import pytest

from oriel_fx.render.audio import BAND_FREQS_HZ, N_BANDS
from oriel_fx.render.audio.spectrum import ROW_SAMPLES, band_powers, sampled_powers, to_db

from .conftest import Synth


@pytest.mark.parametrize("freq_hz", [45, 60, 110, 220, 261, 300, 440, 1000, 1500, 1900, 3000, 8000, 13_000])
def test_a_tone_is_loudest_in_its_own_band(freq_hz: float, synth: Synth) -> None:
    powers = band_powers(synth.pcm(synth.tone(freq_hz, 1.0)), 50, 1)[0]
    octaves_off = np.log2(BAND_FREQS_HZ[np.argmax(powers)] / freq_hz)
    resolution = max(1 / 14, np.log2(1 + 5.5 / freq_hz))
    assert abs(octaves_off) <= resolution
    far = np.abs(np.log2(BAND_FREQS_HZ / freq_hz)) > np.log2(1 + 60 / freq_hz) + 0.3
    assert to_db(powers[far]).max(initial=-100) < to_db(powers.max()) - 30


def test_equal_tones_are_equally_loud_wherever_they_are(synth: Synth) -> None:
    heights = [
        float(to_db(band_powers(synth.pcm(synth.tone(float(freq_hz), 0.4)), 20, 1).max()))
        for freq_hz in np.geomspace(50, 12_000, 40)
    ]
    assert max(heights) - min(heights) < 3.5


def test_noise_shows_no_seam_between_windows(synth: Synth) -> None:
    db = to_db(band_powers(synth.pcm(synth.noise(40)), 10, 3900).mean(axis=0))
    assert np.abs(np.diff(db)).max() < 1.3


def test_highs_are_sharp_in_time_and_centred(synth: Synth) -> None:
    click = synth.silence(1)
    click[50 * ROW_SAMPLES] = 0.9
    powers = band_powers(synth.pcm(click), 0, 100)
    assert powers[:, -20:].sum(axis=1).argmax() == 50
    assert powers[:, :20].sum(axis=1).argmax() == 50
    assert np.flatnonzero(powers[:, -20:].sum(axis=1) > 1e-9).tolist() == [49, 50, 51]


def test_rows_do_not_depend_on_where_the_reading_starts(synth: Synth) -> None:
    pcm = synth.pcm(synth.noise(3))
    assert np.allclose(band_powers(pcm, 0, 200)[150:], band_powers(pcm, 150, 50), rtol=1e-3, atol=1e-9)


def test_silence_has_no_power(synth: Synth) -> None:
    powers = band_powers(synth.pcm(synth.silence(0.5)), 0, 50)
    assert powers.shape == (50, N_BANDS)
    assert powers.dtype == np.float32
    assert not powers.any()


def test_samples_are_spread_over_the_whole_song(synth: Synth) -> None:
    song = np.concatenate([synth.tone(200, 10), synth.tone(5000, 10)])
    powers = sampled_powers(synth.pcm(song), 40)
    low, high = powers[:, :70].sum(axis=1), powers[:, 70:].sum(axis=1)
    assert (low > high).tolist() == [True] * 20 + [False] * 20
