"""Tempo and beats from the onset strength."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.audio.onsets import moving_mean
from oriel_fx.render.audio.pcm import Floats
from oriel_fx.render.audio.spectrum import ROWS_PER_S

_SLOWEST_BPM, _FASTEST_BPM = 50.0, 220.0
_N_TEMPI = 160
_PRIOR_BPM, _PRIOR_OCTAVES = 120.0, 1.0
# Tempo is read from windows this long, this often, so that a mix that changes tempo is followed.
_WINDOW_S, _HOP_S = 20.0, 5.0
_HALF_PENALTY = 0.15
_CHANGE_COST_PER_OCTAVE = 1.5
_LEVEL_REACH_ROWS = 4 * ROWS_PER_S
_TIGHTNESS = 100.0
# A beat moves to an onset this near; a row is 10 ms and the flux peaks early.
_SNAP_S = 0.035
_SILENT_BELOW_DB = 50.0
# A pulse is heard where this many onsets are this near; a held note or a lone bang has none.
_MIN_ONSETS, _ONSETS_WITHIN_S = 3, 3.0


@dataclass(frozen=True)
class Beats:
    """`times_s` float64 (n,) ascending; `strengths` float32 (n,) 0..1; `tempo_bpm`, 0.0 without beats."""

    times_s: NDArray[np.float64]
    strengths: Floats
    tempo_bpm: float


def track_beats(flux: Floats, power: Floats, onsets_s: NDArray[np.float64]) -> Beats:
    """Follows the pulse of the flux, 100 rows a second.

    A tempo is found for every five seconds by autocorrelation under a log-normal prior round 120 BPM and
    smoothed by Viterbi; beats by the dynamic programming of Ellis, "Beat Tracking by Dynamic Programming",
    JNMR 2007.
    """
    none = Beats(np.zeros(0), np.zeros(0, np.float32), 0.0)
    if len(onsets_s) < _MIN_ONSETS or len(flux) < ROWS_PER_S:
        return none
    pulse = _level(flux)
    periods = _local_periods(pulse)
    rows = _chain_beats(pulse, periods)
    rows = rows[_sounding(rows, power, periods) & _pulsing(rows, onsets_s)]
    if len(rows) < 2:
        return none
    strengths = _strengths(flux, rows)
    times_s, first = np.unique(_snap(rows / ROWS_PER_S, onsets_s), return_index=True)
    return Beats(times_s, strengths[first], _overall_bpm(times_s))


def _level(flux: Floats) -> Floats:
    """The flux made even: loud and soft passages swing alike; silence stays flat."""
    smooth = np.convolve(flux, np.array([0.25, 0.5, 0.25], np.float32), "same").astype(np.float32)
    centred = np.maximum(smooth - moving_mean(smooth, ROWS_PER_S // 2), 0.0)
    spread = np.sqrt(moving_mean(centred * centred, _LEVEL_REACH_ROWS))
    levelled: Floats = centred / np.maximum(spread, max(0.2, 0.25 * float(spread.max())))
    return levelled


def _local_periods(pulse: Floats) -> NDArray[np.float64]:
    """The beat's period in rows, one for every five seconds."""
    bpm = np.geomspace(_SLOWEST_BPM, _FASTEST_BPM, _N_TEMPI)
    lags = 60.0 * ROWS_PER_S / bpm
    scores = _tempo_scores(pulse, lags)
    octaves = np.log2(bpm / _PRIOR_BPM)
    scores = scores * np.exp(-0.5 * (octaves / _PRIOR_OCTAVES) ** 2)
    scores /= max(float(scores.max(initial=0.0)), 1e-9)
    cost = _CHANGE_COST_PER_OCTAVE * np.abs(octaves[:, None] - octaves[None, :])
    path = _best_path(scores + 0.3 * scores.mean(axis=0), np.minimum(cost, 0.6))
    return lags[path]


def _tempo_scores(pulse: Floats, lags: NDArray[np.float64]) -> NDArray[np.float64]:
    """How strongly each window repeats at each lag and not already at half of it: (windows, lags)."""
    window, hop = int(_WINDOW_S * ROWS_PER_S), int(_HOP_S * ROWS_PER_S)
    n_windows = max(1, -(-len(pulse) // hop))
    padded = np.zeros(n_windows * hop + window, np.float32)
    padded[window // 2 : window // 2 + len(pulse)] = pulse
    scores = np.empty((n_windows, len(lags)))
    for index in range(n_windows):
        heard = padded[index * hop + hop // 2 : index * hop + hop // 2 + window]
        spectrum = np.fft.rfft(heard - heard.mean(), 2 * window)
        correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[:window]
        scores[index] = _comb(correlation / max(float(correlation[0]), 1e-9), lags)
    return scores


def _comb(correlation: NDArray[np.float64], lags: NDArray[np.float64]) -> NDArray[np.float64]:
    index = np.arange(len(correlation))
    once, twice, four = (np.interp(lags * times, index, correlation) for times in (1, 2, 4))
    half = np.interp(lags / 2, index, correlation)
    return np.maximum(once + 0.5 * twice + 0.25 * four - _HALF_PENALTY * np.maximum(half, 0.0), 0.0)


def _best_path(scores: NDArray[np.float64], cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """Viterbi: the sequence of columns with the highest sum of scores less the costs of changing."""
    total = scores[0].copy()
    came_from = np.zeros(scores.shape, np.int64)
    for index in range(1, len(scores)):
        reached = total[:, None] - cost
        came_from[index] = np.argmax(reached, axis=0)
        total = scores[index] + np.max(reached, axis=0)
    path = np.empty(len(scores), np.int64)
    path[-1] = int(np.argmax(total))
    for index in range(len(scores) - 1, 0, -1):
        path[index - 1] = came_from[index, path[index]]
    return path


def _chain_beats(pulse: Floats, periods: NDArray[np.float64]) -> NDArray[np.int64]:
    """The chain of rows that hits the most pulse at the most even distance.

    A beat's predecessor lies at least half a period back, so rows are scored half a period at a time.
    """
    hop = int(_HOP_S * ROWS_PER_S)
    n_rows = len(pulse)
    score = np.zeros(n_rows)
    came_from = np.full(n_rows, -1, np.int64)
    first = 0
    while first < n_rows:
        period = float(periods[min(first // hop, len(periods) - 1)])
        nearest, farthest = round(period / 2), round(period * 2)
        last = min(first + nearest, n_rows)
        lags = np.arange(nearest, farthest + 1)
        reward = -_TIGHTNESS * np.log(lags / period) ** 2
        earlier = np.arange(first, last)[:, None] - lags[None, :]
        reached = np.where(earlier >= 0, score[np.maximum(earlier, 0)], 0.0) + reward
        best = np.argmax(reached, axis=1)
        score[first:last] = pulse[first:last] + reached[np.arange(last - first), best]
        came_from[first:last] = earlier[np.arange(last - first), best]
        first = last
    return _trace_back(score, came_from, round(float(periods[-1])))


def _trace_back(score: NDArray[np.float64], came_from: NDArray[np.int64], period: int) -> NDArray[np.int64]:
    row = len(score) - period + int(np.argmax(score[-period:])) if len(score) > period else int(np.argmax(score))
    rows = []
    while row >= 0:
        rows.append(row)
        row = int(came_from[row])
    return np.array(rows[::-1], np.int64)


def _sounding(rows: NDArray[np.int64], power: Floats, periods: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which beats have sound within half a period of them."""
    loud = float(np.percentile(power, 95)) * 10 ** (-_SILENT_BELOW_DB / 10)
    heard = np.concatenate([[0], np.cumsum(power > max(loud, 1e-8))])
    reach = round(float(np.median(periods)) / 2)
    low, high = np.maximum(rows - reach, 0), np.minimum(rows + reach, len(power))
    sounding: NDArray[np.bool_] = heard[high] > heard[low]
    return sounding


def _pulsing(rows: NDArray[np.int64], onsets_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which beats have onsets enough round them."""
    times_s = rows / ROWS_PER_S
    first = np.searchsorted(onsets_s, times_s - _ONSETS_WITHIN_S)
    last = np.searchsorted(onsets_s, times_s + _ONSETS_WITHIN_S)
    pulsing: NDArray[np.bool_] = last - first >= _MIN_ONSETS
    return pulsing


def _strengths(flux: Floats, rows: NDArray[np.int64]) -> Floats:
    """The flux near each beat against the song's strong beats, 0.3..1."""
    near = np.stack([flux[np.clip(rows + offset, 0, len(flux) - 1)] for offset in range(-3, 4)]).max(axis=0)
    strong = max(float(np.percentile(near, 80)), 1e-6)
    strengths: Floats = np.sqrt(np.clip(near / strong, 0.1, 1.0)).astype(np.float32)
    return strengths


def _snap(beats_s: NDArray[np.float64], onsets_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moves each beat to the nearest onset within 35 ms."""
    after = np.clip(np.searchsorted(onsets_s, beats_s), 1, len(onsets_s) - 1)
    before = after - 1
    nearest = np.where(beats_s - onsets_s[before] < onsets_s[after] - beats_s, before, after)
    distance = np.abs(onsets_s[nearest] - beats_s)
    snapped: NDArray[np.float64] = np.where(distance <= _SNAP_S, onsets_s[nearest], beats_s)
    return snapped


def _overall_bpm(beats_s: NDArray[np.float64]) -> float:
    """The tempo most of the beats keep: the median distance among those near the most common one."""
    gaps = np.diff(beats_s)
    counts, edges = np.histogram(np.log2(gaps), bins=np.arange(-3.0, 2.0, 0.06))
    counts = np.convolve(counts, [1, 2, 1], "same")
    common = 2 ** (edges[int(np.argmax(counts))] + 0.03)
    near = gaps[np.abs(np.log2(gaps / common)) < 0.12]
    return float(60.0 / np.mean(near)) if len(near) else float(60.0 / np.median(gaps))
