"""What is true of the whole song: how loud it is, where its beats and onsets fall."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.audio.onsets import SoundRows, pick_onsets, scan_sound
from oriel_fx.render.audio.pcm import Floats, Pcm
from oriel_fx.render.audio.rhythm import track_beats
from oriel_fx.render.audio.spectrum import (
    BAND_FREQS_HZ,
    SILENCE_POWER,
    band_heights,
    sampled_powers,
    tilted_db,
    to_db,
)
from oriel_fx.render.cancel import Cancelled, never

BASS_HZ, MID_HZ, TREBLE_HZ = (0.0, 150.0), (300.0, 2000.0), (4000.0, 20_000.0)
OVERVIEW_POINTS = 4096

_SPOTS = 256
_SILENT_DB = -70.0
_SILENT_BELOW_LOUD_DB = 45.0
_TOP_BANDS = 10
_HEADROOM_DB = 3.0
# Hiss is not blown up to look like music, nor a register the song hardly has.
_LOWEST_REFERENCE_DB = -60.0
_REGISTER_BELOW_DB = 24.0
_REGISTER_HEADROOM_DB = 1.5
# A dense mix is shaped by a higher power than a lone voice, so that its picture too has room for hits.
_USUAL_HEIGHT = 0.36
_LOWEST_SHAPE, _HIGHEST_SHAPE = 1.5, 2.6


@dataclass(frozen=True, eq=False)
class SongStats:
    """Global facts of a song, independent of the frame rate; a few hundred kB for an hour.

    `reference_db`: what its loud moments reach in tilted band dB. `shape_power`: what band heights are raised
    to, 1.5..2.4. `bass_db`, `mid_db`, `treble_db`: what those registers reach. `loudness_db`: RMS of its loud
    10 ms rows, dBFS. `peak`: largest |sample|, 0..1. `tempo_bpm`: 0.0 without beats.
    `beats_s`, `onsets_s`: float64 seconds, ascending; `beat_strengths`, `onset_strengths`: float32, 0..1.
    `overview`: float32 (at most 4096,), 0..1, how tall the waveform of the song is in equal parts.
    """

    reference_db: float
    shape_power: float
    bass_db: float
    mid_db: float
    treble_db: float
    loudness_db: float
    peak: float
    tempo_bpm: float
    beats_s: NDArray[np.float64]
    beat_strengths: Floats
    onsets_s: NDArray[np.float64]
    onset_strengths: Floats
    overview: Floats

    def to_dict(self) -> dict[str, Any]:
        """All fields as numbers and lists, fit for JSON."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SongStats:
        """The reverse of `to_dict`. Raises KeyError where a field is missing."""
        times = ("beats_s", "onsets_s")
        arrays = ("beat_strengths", "onset_strengths", "overview")
        values = {field.name: data[field.name] for field in fields(cls)}
        values.update({name: np.array(values[name], np.float64) for name in times})
        values.update({name: np.array(values[name], np.float32) for name in arrays})
        return cls(**values)


def measure_song(pcm: Pcm, rhythm: bool = True, cancelled: Cancelled = never) -> SongStats:
    """Reads the whole song in blocks and measures it; about 0.3 s for four minutes, memory flat.

    Without `rhythm`, onsets, beats and tempo are left out, which takes a quarter of the time; the rest is the same.
    Raises RenderCancelledError.
    """
    registers = _measure_levels(pcm)
    rows = scan_sound(pcm, registers["reference_db"], flux=rhythm, cancelled=cancelled)
    onsets_s, onset_strengths = pick_onsets(pcm, rows) if rhythm else (np.zeros(0), np.zeros(0, np.float32))
    beats = track_beats(rows.flux, rows.power, onsets_s)
    return SongStats(
        **registers,
        loudness_db=_loudness_db(rows.power),
        peak=float(rows.peak.max()),
        tempo_bpm=beats.tempo_bpm,
        beats_s=beats.times_s,
        beat_strengths=beats.strengths,
        onsets_s=onsets_s,
        onset_strengths=onset_strengths,
        overview=_overview(rows),
    )


def register_power(powers: Floats, register_hz: tuple[float, float]) -> Floats:
    """Power in a register, from band powers (n, N_BANDS) → (n,)."""
    first, last = np.searchsorted(BAND_FREQS_HZ, register_hz)
    power: Floats = powers[:, first:last].sum(axis=1)
    return power


def _measure_levels(pcm: Pcm) -> dict[str, float]:
    powers = sampled_powers(pcm, _SPOTS)
    db = np.sort(tilted_db(powers), axis=1)
    outline, highest = db[:, -_TOP_BANDS:].mean(axis=1), db[:, -1]
    sounding = outline > max(_SILENT_DB, float(outline.max()) - _SILENT_BELOW_LOUD_DB)
    if not sounding.any():
        sounding = np.ones(len(db), bool)
    loud_db = float(np.percentile(outline[sounding], 80)) + _HEADROOM_DB
    reference_db = max(loud_db, float(np.percentile(highest[sounding], 80)), _LOWEST_REFERENCE_DB)
    heard = powers[sounding]
    return {
        "reference_db": reference_db,
        "shape_power": _shape_power(heard, reference_db),
        "bass_db": _register_db(heard, BASS_HZ, reference_db + 10.0),
        "mid_db": _register_db(heard, MID_HZ, reference_db),
        "treble_db": _register_db(heard, TREBLE_HZ, reference_db - 8.0),
    }


def _shape_power(powers: Floats, reference_db: float) -> float:
    usual = float(np.clip(np.median(band_heights(powers, reference_db).mean(axis=1)), 0.05, 0.95))
    return float(np.clip(np.log(_USUAL_HEIGHT) / np.log(usual), _LOWEST_SHAPE, _HIGHEST_SHAPE))


def _register_db(powers: Floats, register_hz: tuple[float, float], expected_db: float) -> float:
    reached = float(np.percentile(to_db(register_power(powers, register_hz)), 95)) + _REGISTER_HEADROOM_DB
    return max(reached, expected_db - _REGISTER_BELOW_DB)


def _loudness_db(power: Floats) -> float:
    heard = power[power > 1e-7]
    if not len(heard):
        return _SILENT_DB
    return float(10 * np.log10(max(float(np.percentile(heard, 95)), SILENCE_POWER)))


def _overview(rows: SoundRows) -> Floats:
    """Half RMS (twice, to stand as tall), half peak, in at most 4096 equal parts."""
    tall = np.minimum(1.0, 0.5 * rows.peak + np.sqrt(rows.power))
    n_points = min(OVERVIEW_POINTS, len(tall))
    edges = np.arange(n_points) * len(tall) // n_points
    counts = np.diff(np.append(edges, len(tall)))
    overview: Floats = (np.add.reduceat(tall, edges) / counts).astype(np.float32)
    return overview
