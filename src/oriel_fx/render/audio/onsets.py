"""Where notes and hits begin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.audio.pcm import SAMPLE_RATE, Floats, Pcm
from oriel_fx.render.audio.spectrum import ROW_SAMPLES, SILENCE_POWER, hann
from oriel_fx.render.audio.weigh import SparseWeights
from oriel_fx.render.cancel import Cancelled, never, stop_if

_WINDOW = 1024
_N_FLUX_BANDS = 36
_FLUX_LOWEST_HZ, _FLUX_HIGHEST_HZ = 40.0, 16_000.0
_BLOCK_ROWS = 1000
# Small enough that the arrays of one go stay in the allocator and the cache: four times faster than
# thousands.
_ROWS_AT_ONCE = 128
# A rise is measured against this many rows before, so that one that takes 20 ms still counts as one.
_LAG_ROWS = 2
# Below the song's loudest bands by this much, nothing is heard beside them.
_FLOOR_BELOW_DB = 55.0
_LOWEST_FLOOR_DB = -85.0

# A peak in the mean rise over all bands, dB, must stand out of what is around it: noise alone rises and falls
# too.
_MIN_RISE_DB = 1.5
_RISE_OVER_MEAN = 1.5
_RISE_OVER_NOISE_DB = 1.0
# A cut-off note clicks as it ends; what begins with a click goes on.
_CUT_OFF_RATIO = 0.05
_CUT_OFF_S = 0.008
_END_S = 0.05
# However even a song, its onsets are not strong below this.
_STRONG_RISE_DB = 5.0
_MEAN_ROWS = 75
_PEAK_ROWS = 4
_GAP_S = 0.06
# The rise is seen as soon as the window touches it, so an onset lies between a little before its peak and
# this much after.
_SEARCH_S = (-0.020, 0.030)
_SLOPE_S = 0.003
_BEGINS = 0.1
_ONSETS_AT_ONCE = 32


@dataclass(frozen=True)
class SoundRows:
    """Rows of 10 ms, float32 (n,): `flux` mean rise over bands, dB, `power` mean square, `peak` |sample|."""

    flux: Floats
    power: Floats
    peak: Floats


def scan_sound(pcm: Pcm, reference_db: float, flux: bool = True, cancelled: Cancelled = never) -> SoundRows:
    """Reads the whole song once, block by block; the flux stays 0 where it is not asked for.

    `reference_db`: what its loud bands reach, see SongStats. Raises RenderCancelledError.
    """
    n_rows = max(1, -(-pcm.n_samples // ROW_SAMPLES))
    rows = SoundRows(*(np.zeros(n_rows, np.float32) for _ in range(3)))
    floor_db = max(reference_db - _FLOOR_BELOW_DB, _LOWEST_FLOOR_DB)
    before = np.full((_LAG_ROWS, _N_FLUX_BANDS), floor_db, np.float32)
    for first in range(0, n_rows, _BLOCK_ROWS):
        stop_if(cancelled)
        last = min(first + _BLOCK_ROWS, n_rows)
        block = slice(first, last)
        signal = pcm.read(first * ROW_SAMPLES - _WINDOW // 2, last * ROW_SAMPLES + _WINDOW // 2)
        if flux:
            db = np.concatenate([before, _flux_bands_db(signal, last - first, floor_db)])
            rows.flux[block] = _rise(db)
            before = db[-_LAG_ROWS:]
        hops = signal[_WINDOW // 2 : -_WINDOW // 2].reshape(-1, ROW_SAMPLES)
        rows.power[block] = np.einsum("ij,ij->i", hops, hops) / ROW_SAMPLES
        rows.peak[block] = np.maximum(hops.max(axis=1), -hops.min(axis=1))
    return rows


def pick_onsets(pcm: Pcm, rows: SoundRows) -> tuple[NDArray[np.float64], Floats]:
    """Times of onsets, float64 s, ascending, good to about 2 ms; and strengths, 0..1 (1: the strong hits).

    Peaks of the flux over an adaptive threshold (Böck et al., "Evaluating the online capabilities of onset
    detection methods", ISMIR 2012), then the steepest rise of the signal's own energy near each.
    """
    peaks = _find_peaks(rows.flux)
    times_s, goes_on = _refine(pcm, peaks)
    goes_on &= times_s < pcm.duration_s - _END_S
    times_s, strengths = times_s[goes_on], rows.flux[peaks][goes_on]
    if not len(times_s):
        return np.zeros(0), np.zeros(0, np.float32)
    order = np.argsort(times_s, kind="stable")
    times_s, strengths = _drop_doubles(times_s[order], strengths[order])
    strong = max(float(np.percentile(strengths, 90)), _STRONG_RISE_DB)
    return times_s, np.sqrt(np.clip(strengths / strong, 0.0, 1.0)).astype(np.float32)


def moving_mean(values: Floats, reach: int) -> Floats:
    """Mean over 2 × reach + 1 values centred on each; fewer at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    index = np.arange(len(values))
    low, high = np.maximum(index - reach, 0), np.minimum(index + reach + 1, len(values))
    mean: Floats = ((sums[high] - sums[low]) / (high - low)).astype(np.float32)
    return mean


def moving_max(values: Floats, reach: int) -> Floats:
    """Maximum over 2 × reach + 1 values centred on each; values outside count as zero."""
    padded = np.zeros(len(values) + 2 * reach, values.dtype)
    padded[reach : reach + len(values)] = values
    result = values.copy()
    for at in range(2 * reach + 1):
        np.maximum(result, padded[at : at + len(values)], out=result)
    return result


def _flux_bands_db(signal: Floats, n_rows: int, floor_db: float) -> Floats:
    window, bands = _flux_bank()
    framed = np.lib.stride_tricks.sliding_window_view(signal, _WINDOW)[::ROW_SAMPLES]
    db = np.empty((n_rows, _N_FLUX_BANDS), np.float32)
    for at in range(0, n_rows, _ROWS_AT_ONCE):
        stop = min(at + _ROWS_AT_ONCE, n_rows)
        bins = np.fft.rfft(framed[at:stop] * window)
        power = bands.sum((bins.real**2 + bins.imag**2).astype(np.float32))
        db[at:stop] = 10.0 * np.log10(np.maximum(power, SILENCE_POWER))
    return np.maximum(db, np.float32(floor_db))


def _rise(db: Floats) -> Floats:
    """Mean over bands of how far each rises above its neighbourhood two rows before, (n + lag, bands) → (n,).

    The maximum over neighbouring bands keeps vibrato from counting: Böck and Widmer, "Maximum filter vibrato
    suppression for onset detection", DAFx 2013.
    """
    widest = db.copy()
    np.maximum(widest[:, 1:], db[:, :-1], out=widest[:, 1:])
    np.maximum(widest[:, :-1], db[:, 1:], out=widest[:, :-1])
    rise: Floats = np.maximum(db[_LAG_ROWS:] - widest[:-_LAG_ROWS], 0.0).mean(axis=1)
    return rise


@lru_cache(maxsize=1)
def _flux_bank() -> tuple[Floats, SparseWeights]:
    """The window and (bins, bands) rectangles, four to the octave, at least a bin each."""
    window = hann(_WINDOW)
    edges = np.geomspace(_FLUX_LOWEST_HZ, _FLUX_HIGHEST_HZ, _N_FLUX_BANDS + 1) * _WINDOW / SAMPLE_RATE
    low = np.maximum.accumulate(np.round(edges[:-1]).astype(int))
    high = np.maximum(np.round(edges[1:]).astype(int), low + 1)
    index = np.arange(_WINDOW // 2 + 1)[:, None]
    bands = ((index >= low) & (index < high)) * (2.0 / (_WINDOW * float(np.sum(window**2))))
    return window.astype(np.float32), SparseWeights.of(bands)


def _find_peaks(flux: Floats) -> NDArray[np.int64]:
    around = moving_mean(flux, _MEAN_ROWS)
    threshold = np.maximum(_RISE_OVER_MEAN * around + np.minimum(around, _RISE_OVER_NOISE_DB), _MIN_RISE_DB)
    highest = flux >= moving_max(flux, _PEAK_ROWS)
    later = np.append(flux[1:], np.float32(0))
    return np.flatnonzero(highest & (flux > later) & (flux > threshold)).astype(np.int64)


def _refine(pcm: Pcm, peaks: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The time of the steepest rise in energy near each peak, s; and whether there is sound after it."""
    lead, tail = (round(seconds * SAMPLE_RATE) for seconds in _SEARCH_S)
    slope = round(_SLOPE_S * SAMPLE_RATE)
    length = tail - lead + 2 * slope + 1
    times_s, goes_on = np.empty(len(peaks)), np.empty(len(peaks), bool)
    for at in range(0, len(peaks), _ONSETS_AT_ONCE):
        batch = slice(at, min(at + _ONSETS_AT_ONCE, len(peaks)))
        starts = peaks[batch] * ROW_SAMPLES + lead - slope
        near = np.stack([pcm.read(start, start + length) for start in starts.tolist()])
        found = _steepest(near, slope)
        times_s[batch] = np.maximum(starts + found, 0) / SAMPLE_RATE
        goes_on[batch] = _goes_on(near, found)
    return times_s, goes_on


def _goes_on(near: Floats, found: NDArray[np.int64]) -> NDArray[np.bool_]:
    sums = np.cumsum(np.pad(near.astype(np.float64) ** 2, ((0, 0), (1, 0))), axis=1)
    reach, row, last = round(_CUT_OFF_S * SAMPLE_RATE), np.arange(len(near)), near.shape[1]
    middle = sums[row, found]
    after = sums[row, np.minimum(found + reach, last)] - middle
    before = middle - sums[row, np.maximum(found - reach, 0)]
    goes_on: NDArray[np.bool_] = after > _CUT_OFF_RATIO * before
    return goes_on


def _steepest(near: Floats, slope: int) -> NDArray[np.int64]:
    """Index where the energy of the next `slope` samples most exceeds that of the last: (n, length) → (n,).

    The differences between samples are what is squared, so that a loud bass does not hide the hit on top of
    it.
    """
    energy = np.diff(near.astype(np.float64), axis=1, prepend=near[:, :1]) ** 2
    sums = np.cumsum(energy, axis=1)
    middle = sums[:, slope:-slope]
    after = sums[:, 2 * slope :] - middle
    before = middle - sums[:, : -2 * slope]
    floor = 1e-9 + 0.01 * after.max(axis=1, keepdims=True)
    gain = (after - before) / np.sqrt(before + floor)
    best = np.argmax(gain, axis=1) + slope + 1
    # A click is in sight of a whole slope of places: it is where the first of its energy is.
    ahead = energy[np.arange(len(near))[:, None], best[:, None] + np.arange(slope)]
    found: NDArray[np.int64] = best + np.argmax(ahead >= _BEGINS * ahead.max(axis=1, keepdims=True), axis=1)
    return found


def _drop_doubles(times_s: NDArray[np.float64], strengths: Floats) -> tuple[NDArray[np.float64], Floats]:
    """Of onsets closer than 60 ms keeps the stronger."""
    while len(times_s) > 1:
        close = np.diff(times_s) < _GAP_S
        if not close.any():
            break
        weaker = np.where(strengths[1:] > strengths[:-1], np.arange(len(close)), np.arange(len(close)) + 1)
        keep = np.ones(len(times_s), bool)
        keep[weaker[close]] = False
        times_s, strengths = times_s[keep], strengths[keep]
    return times_s, strengths
