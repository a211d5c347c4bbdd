"""The smoothed features of one block of rows: what moves on screen."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from oriel_fx.render.audio.pcm import Floats, Pcm
from oriel_fx.render.audio.spectrum import N_BANDS, ROW_SAMPLES, ROWS_PER_S, band_heights, band_powers, to_db
from oriel_fx.render.audio.stats import BASS_HZ, MID_HZ, TREBLE_HZ, SongStats, register_power
from oriel_fx.render.audio.weigh import multiply

BASS, MID, TREBLE, LEVEL, SPARKLE, WEIGHT = range(N_BANDS, N_BANDS + 6)
N_FEATURES = N_BANDS + 6

# Enough for everything below to forget where it began: the slowest of it falls to 1/300, the bands to 1e-11.
PREROLL_ROWS = 400

# A dense mix is nearly level on a dB scale: notes are seen only where they are lifted off their surroundings.
_RELIEF, _RELIEF_BANDS = 1.2, 13.0
_SHOULDER = 0.75
_REGISTER_RANGE_DB = 26.0
_LEVEL_RANGE_DB = 32.0
_REGISTER_POWER = 1.6
_LEVEL_POWER = 1.4
# 65% and 20% of the way per frame of 30 a second.
_BAND_ATTACK_MS, _BAND_RELEASE_MS = 31.75, 149.4
# Of bass, mid, treble, level, sparkle.
_ATTACK_MS = (15.0, 20.0, 10.0, 30.0, 5.0)
_RELEASE_MS = (220.0, 220.0, 160.0, 300.0, 90.0)
# Release aims a little below zero, so that a value arrives there instead of creeping up on it for ever.
_REST = -0.02
_SPARKLE_RISE_DB = 11.0
_SPARKLE_LAG_ROWS = 3
_SPRING_HZ, _SPRING_DAMPING = 3.2, 0.75
# A spring nears its rest for ever: closer than this it is there.
_STILL, _HEAVIEST = 1e-3, 1.1
# A bass that goes on is felt less than one that sets in: this much of it wears off, in this time; the rest is
# scaled so that a hit out of rest reaches 1.
_WEAR, _WEAR_MS, _WEAR_GAIN = 0.42, 700.0, 1.35


def compute_features(pcm: Pcm, stats: SongStats, first_row: int, n_rows: int) -> Floats:
    """Rows first_row… of all features: float32 (n_rows, N_FEATURES), 0..1 (WEIGHT to 1.1).

    The first N_BANDS columns are the bands' heights, then come BASS, MID, TREBLE, LEVEL, SPARKLE and WEIGHT.

    Starts at rest 4 s before; so values are a function of the song and of `first_row` alone.
    """
    start = first_row - PREROLL_ROWS
    powers = band_powers(pcm, start, n_rows + PREROLL_ROWS)
    targets = np.empty((len(powers), N_BANDS + 5), np.float32)
    targets[:, :N_BANDS] = _band_targets(powers, stats)
    targets[:, BASS] = _register_target(powers, BASS_HZ, stats.bass_db)
    targets[:, MID] = _register_target(powers, MID_HZ, stats.mid_db)
    targets[:, TREBLE] = _register_target(powers, TREBLE_HZ, stats.treble_db)
    targets[:, LEVEL] = _level_target(pcm, stats, start, len(powers))
    targets[:, SPARKLE] = _sparkle_target(targets[:, TREBLE], powers, stats)
    features = np.empty((n_rows, N_FEATURES), np.float32)
    smoothed = _attack_release(targets)
    smoothed[:, :N_BANDS] **= np.float32(stats.shape_power)
    features[:, : N_BANDS + 5] = smoothed[PREROLL_ROWS:]
    features[:, WEIGHT] = _spring(_wear_off(smoothed[:, BASS]))[PREROLL_ROWS:]
    return features


def _band_targets(powers: Floats, stats: SongStats) -> Floats:
    """Heights of the bands, each set off from its surroundings, neighbours joined to one outline."""
    heights = band_heights(powers, stats.reference_db)
    standing_out = heights - multiply(heights, _surroundings())
    heights = _shoulder(np.maximum(heights + np.float32(_RELIEF) * standing_out, 0.0))
    padded = np.pad(heights, ((0, 0), (1, 1)), mode="edge")
    targets: Floats = 0.25 * padded[:, :-2] + 0.5 * heights + 0.25 * padded[:, 2:]
    return targets


def _shoulder(heights: Floats) -> Floats:
    """Bends what rises past three quarters ever less, so that no two loud bands stop at one flat top."""
    past = np.maximum(heights - np.float32(_SHOULDER), 0.0) / np.float32(1.0 - _SHOULDER)
    low = np.minimum(heights, np.float32(_SHOULDER))
    bent: Floats = low + np.float32(1.0 - _SHOULDER) * (1.0 - np.exp(-past))
    return bent


@lru_cache(maxsize=1)
def _surroundings() -> Floats:
    """(N_BANDS, N_BANDS): columns that average the bands about two thirds of an octave either way."""
    apart = (np.arange(N_BANDS)[:, None] - np.arange(N_BANDS)[None, :]) / _RELIEF_BANDS
    weights = np.exp(-0.5 * apart**2)
    columns: Floats = (weights / weights.sum(axis=0)).astype(np.float32)
    return columns


def _register_target(powers: Floats, register_hz: tuple[float, float], loud_db: float) -> Floats:
    db = to_db(register_power(powers, register_hz))
    target: Floats = np.clip((db - loud_db) / _REGISTER_RANGE_DB + 1.0, 0.0, 1.0) ** np.float32(_REGISTER_POWER)
    return target


def _level_target(pcm: Pcm, stats: SongStats, first_row: int, n_rows: int) -> Floats:
    """RMS over the 40 ms centred on each row, in the song's own range."""
    signal = pcm.read((first_row - 2) * ROW_SAMPLES, (first_row + n_rows + 2) * ROW_SAMPLES).reshape(-1, ROW_SAMPLES)
    hops = np.einsum("ij,ij->i", signal, signal) / np.float32(ROW_SAMPLES)
    power = (hops[:-4] + hops[1:-3] + hops[2:-2] + hops[3:-1]) / 4
    target: Floats = np.clip((to_db(power) - stats.loudness_db) / _LEVEL_RANGE_DB + 1.0, 0.0, 1.0) ** np.float32(
        _LEVEL_POWER
    )
    return target


def _sparkle_target(treble: Floats, powers: Floats, stats: SongStats) -> Floats:
    """How much the treble has risen within 30 ms, where it is loud enough to hear."""
    db = np.maximum(to_db(register_power(powers, TREBLE_HZ)), stats.treble_db - _REGISTER_RANGE_DB)
    rise = np.zeros_like(db)
    rise[_SPARKLE_LAG_ROWS:] = db[_SPARKLE_LAG_ROWS:] - db[:-_SPARKLE_LAG_ROWS]
    target = np.clip(rise / _SPARKLE_RISE_DB, 0.0, 1.0) * np.sqrt(treble)
    return target.astype(np.float32)


def _attack_release(targets: Floats) -> Floats:
    """Each column follows its target, quickly up, slowly down, and comes to rest at 0."""
    attack, release = _rates(_BAND_ATTACK_MS, _ATTACK_MS), _rates(_BAND_RELEASE_MS, _RELEASE_MS)
    aimed = np.where(targets > 0, targets, np.float32(_REST))
    smoothed = np.empty_like(targets)
    value = np.zeros(targets.shape[1], np.float32)
    for row, target in zip(smoothed, aimed, strict=True):
        change = target - value
        change *= np.where(change > 0, attack, release)
        np.maximum(value + change, 0.0, out=row)
        value = row
    return smoothed


def _rates(band_ms: float, others_ms: tuple[float, ...]) -> Floats:
    """Of the way to the target, how much is gone in one row, per column."""
    constants_ms = np.array([band_ms] * N_BANDS + list(others_ms))
    rates: Floats = (1.0 - np.exp(-1000.0 / ROWS_PER_S / constants_ms)).astype(np.float32)
    return rates


def _wear_off(pull: Floats) -> Floats:
    keep = float(np.exp(-1000.0 / ROWS_PER_S / _WEAR_MS))
    usual, left = 0.0, []
    for now in pull.tolist():
        usual = now + (usual - now) * keep
        left.append(max(0.0, _WEAR_GAIN * (now - _WEAR * usual)))
    return np.array(left, np.float32)


def _spring(pull: Floats) -> Floats:
    """A mass on a slightly under-damped spring, pulled to `pull`; stepped exactly, each row's pull held."""
    step_s = 1.0 / ROWS_PER_S
    omega = 2 * np.pi * _SPRING_HZ
    decay = np.exp(-_SPRING_DAMPING * omega * step_s)
    damped = omega * np.sqrt(1 - _SPRING_DAMPING**2)
    sine, cosine = np.sin(damped * step_s), np.cos(damped * step_s)
    ratio = _SPRING_DAMPING * omega / damped
    keep, push = float(decay * (cosine + ratio * sine)), float(decay * sine / damped)
    back, slow = float(-decay * omega * omega * sine / damped), float(decay * (cosine - ratio * sine))
    position = velocity = 0.0
    places = []
    for aim in pull.tolist():
        away = position - aim
        position, velocity = aim + keep * away + push * velocity, back * away + slow * velocity
        places.append(position)
    reached = np.clip(np.array(places, np.float32), 0.0, _HEAVIEST)
    return np.where(reached > _STILL, reached, np.float32(0.0))
