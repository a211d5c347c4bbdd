"""Log-spaced bands of the song, on a grid of rows a hundred a second that no frame rate moves.

Row r is centred on sample 441 r. Each band is measured through a window that suits it (91 ms below about 250
Hz, 49 ms to about 1.6 kHz, 23 ms above), cross-faded in power, so lows are told apart and highs are sharp in
time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.audio.pcm import SAMPLE_RATE, Floats, Pcm
from oriel_fx.render.audio.weigh import SparseWeights

ROWS_PER_S = 100
ROW_SAMPLES = SAMPLE_RATE // ROWS_PER_S
N_BANDS = 128
LOWEST_HZ, HIGHEST_HZ = 35.0, 14_000.0
BAND_FREQS_HZ: Floats = np.geomspace(LOWEST_HZ, HIGHEST_HZ, N_BANDS).astype(np.float32)
TILT_DB_PER_OCTAVE = 3.0
SILENCE_POWER = 1e-10
BAND_RANGE_DB = 50.0

# (decimation, window length at the decimated rate): 91 ms, 49 ms, 23 ms.
_RESOLUTIONS = ((9, 448), (3, 720), (1, 1024))
# Where one window fades into the next, Hz.
_CROSSFADES_HZ = ((180.0, 360.0), (1100.0, 2200.0))
# Small enough that the arrays of one go stay in the allocator and the cache: four times faster than
# thousands.
_ROWS_AT_ONCE = 128
_TAPS = 27
# Half the longest window and both decimation filters, in whole rows.
_MARGIN_ROWS = 5
MARGIN_SAMPLES = _MARGIN_ROWS * ROW_SAMPLES


@dataclass(frozen=True)
class _Resolution:
    """One window length: `decimation`, `window` (n,), `bands` from |FFT|² to power."""

    decimation: int
    window: Floats
    bands: SparseWeights


def band_powers(pcm: Pcm, first_row: int, n_rows: int) -> Floats:
    """Power of bands at rows first_row…: float32 (n_rows, N_BANDS), mean square; a full sine is 0.3–0.5."""
    start = first_row * ROW_SAMPLES - MARGIN_SAMPLES
    signal = pcm.read(start, start + n_rows * ROW_SAMPLES + 2 * MARGIN_SAMPLES)
    return powers_at(signal, np.arange(n_rows) + _MARGIN_ROWS)


def sampled_powers(pcm: Pcm, n_spots: int) -> Floats:
    """Band powers at up to `n_spots` moments spread over the song: float32 (n, N_BANDS).

    The moments are spread by the golden ratio inside equal strata, so no beat can fall in step with them.
    """
    n_rows = max(1, pcm.n_samples // ROW_SAMPLES)
    n_spots = min(n_spots, n_rows)
    jitter = (np.arange(n_spots) * 0.618034) % 1.0
    spots = ((np.arange(n_spots) + jitter) * n_rows / n_spots).astype(np.int64)
    span = 2 * _MARGIN_ROWS + 1
    starts = (spots - _MARGIN_ROWS) * ROW_SAMPLES
    signal = np.concatenate([pcm.read(start, start + span * ROW_SAMPLES) for start in starts.tolist()])
    return powers_at(np.append(signal, np.zeros(MARGIN_SAMPLES, np.float32)), np.arange(n_spots) * span + _MARGIN_ROWS)


def powers_at(signal: Floats, rows: NDArray[np.int64]) -> Floats:
    """Band powers at row indices of a signal that reaches at least 5 rows past both ends of them."""
    total = np.zeros((len(rows), N_BANDS), np.float32)
    for resolution in _resolutions():
        slow = _decimate(signal, resolution.decimation)
        length = len(resolution.window)
        starts = rows * (ROW_SAMPLES // resolution.decimation) - length // 2
        windows = np.lib.stride_tricks.sliding_window_view(slow, length)
        for at in range(0, len(rows), _ROWS_AT_ONCE):
            taken = windows[starts[at : at + _ROWS_AT_ONCE]] * resolution.window
            bins = np.fft.rfft(taken)[:, : resolution.bands.n_bins]
            squares = (bins.real**2 + bins.imag**2).astype(np.float32)
            total[at : at + _ROWS_AT_ONCE] += resolution.bands.sum(squares)
    return total


def tilted_db(powers: Floats) -> Floats:
    """Band powers as dB, rising 3 dB per octave from 1 kHz, which levels the fall of most music."""
    tilt = (TILT_DB_PER_OCTAVE * np.log2(BAND_FREQS_HZ / 1000.0)).astype(np.float32)
    db: Floats = to_db(powers) + tilt
    return db


def band_heights(powers: Floats, reference_db: float) -> Floats:
    """Tilted band dB as heights 0..1: 0 is 50 dB below the reference, 1 the reference and above."""
    heights: Floats = np.clip((tilted_db(powers) - np.float32(reference_db)) / BAND_RANGE_DB + 1.0, 0.0, 1.0)
    return heights


def to_db(power: Floats) -> Floats:
    """10 log10, never below -100 dB."""
    db: Floats = (10.0 * np.log10(np.maximum(power, SILENCE_POWER))).astype(np.float32)
    return db


def hann(length: int) -> NDArray[np.float64]:
    """The periodic Hann window."""
    window: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    return window


@lru_cache(maxsize=1)
def _resolutions() -> tuple[_Resolution, ...]:
    return tuple(_make_resolution(index) for index in range(len(_RESOLUTIONS)))


def _make_resolution(index: int) -> _Resolution:
    decimation, length = _RESOLUTIONS[index]
    rate_hz = SAMPLE_RATE / decimation
    window = hann(length)
    weights = _triangles(rate_hz / length, length // 2 + 1) * _share(index)
    scale = 2.0 / (length * float(np.sum(window**2)))
    return _Resolution(decimation, window.astype(np.float32), SparseWeights.of(weights * scale))


def _triangles(bin_hz: float, n_bins: int) -> NDArray[np.float64]:
    """(n_bins, N_BANDS): each band a triangle to its neighbours' centres, or a bin where that is wider."""
    centres = BAND_FREQS_HZ.astype(np.float64)
    ratio = centres[1] / centres[0]
    below = np.maximum(centres * (1 - 1 / ratio), bin_hz)
    above = np.maximum(centres * (ratio - 1), bin_hz)
    offset = np.arange(n_bins)[:, None] * bin_hz - centres[None, :]
    reach = np.where(offset < 0, below, above)
    triangles: NDArray[np.float64] = np.maximum(0.0, 1.0 - np.abs(offset) / reach)
    return triangles


def _share(index: int) -> NDArray[np.float64]:
    """How much of each band's power one resolution gives: the shares of all sum to one."""
    octaves = np.log2(BAND_FREQS_HZ.astype(np.float64))
    edges = [(np.log2(low), np.log2(high)) for low, high in _CROSSFADES_HZ]
    rising = [np.clip((octaves - low) / (high - low), 0, 1) for low, high in edges]
    opened = rising[index - 1] if index > 0 else np.ones(N_BANDS)
    closed = rising[index] if index < len(rising) else np.zeros(N_BANDS)
    return opened - closed


def _decimate(signal: Floats, factor: int) -> Floats:
    """Every `factor`-th sample (1, 3 or 9) of the low-passed signal; sample 0 stays sample 0."""
    while factor > 1:
        signal = _third(signal)
        factor //= 3
    return signal


def _third(signal: Floats) -> Floats:
    """Low-pass (flat to a tenth of it, -70 dB from a quarter) and keep every third sample."""
    padded = np.zeros(len(signal) + _TAPS, np.float32)
    padded[_TAPS // 2 : _TAPS // 2 + len(signal)] = signal
    near = np.lib.stride_tricks.sliding_window_view(padded, _TAPS)[: len(signal) : 3]
    slow: Floats = np.einsum("ij,j->i", near, _lowpass_taps())
    return slow


@lru_cache(maxsize=1)
def _lowpass_taps() -> Floats:
    offsets = np.arange(_TAPS) - _TAPS // 2
    taps = np.sinc(offsets / 3.0) * np.blackman(_TAPS + 2)[1:-1]
    taps32: Floats = (taps / taps.sum()).astype(np.float32)
    return taps32
