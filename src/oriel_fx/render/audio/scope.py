"""The waveform round one moment, as an oscilloscope shows it."""

from __future__ import annotations

import numpy as np

from oriel_fx.render.audio.pcm import SAMPLE_RATE, Floats, Pcm

_SEARCH_S = 0.02
_PROBE_S = 0.0025
_SMOOTH_SAMPLES = 9


def read_waveform(pcm: Pcm, centre: float, n_points: int, span_s: float, trigger: bool) -> Floats:
    """The `span_s` seconds round sample `centre`: float32 (n_points,), -1..1, low-passed to their spacing."""
    if trigger:
        centre = find_trigger(pcm, centre)
    step = span_s * SAMPLE_RATE / max(1, n_points)
    reach = max(1, round(step))
    first = int(np.floor(centre - span_s * SAMPLE_RATE / 2)) - reach - 1
    last = int(np.ceil(centre + span_s * SAMPLE_RATE / 2)) + reach + 2
    smooth = _triangle(pcm.read(first, last), reach)
    at = centre - first + (np.arange(n_points) - (n_points - 1) / 2) * step
    points: Floats = np.interp(at, np.arange(len(smooth)), smooth).astype(np.float32)
    return points


def find_trigger(pcm: Pcm, centre: float) -> float:
    """The sample (fractional) near `centre` where the signal most clearly turns from below zero to above.

    On a steady tone that is the same point of its period whatever the centre, so the picture stands still.
    """
    search, probe = round(_SEARCH_S * SAMPLE_RATE), round(_PROBE_S * SAMPLE_RATE)
    first = round(centre) - search - probe
    signal = _triangle(pcm.read(first, first + 2 * (search + probe) + 1), _SMOOTH_SAMPLES)
    rising = np.flatnonzero((signal[:-1] < 0) & (signal[1:] >= 0))
    rising = rising[(rising >= probe) & (rising < len(signal) - probe - 1)]
    if not len(rising):
        return centre
    sums = np.concatenate([[0.0], np.cumsum(signal, dtype=np.float64)])
    turn = sums[rising + 1 + probe] - 2 * sums[rising + 1] + sums[rising + 1 - probe]
    away = np.abs(first + rising - centre) / search
    best = int(rising[np.argmax(turn * (1 - 0.25 * away))])
    below, above = float(signal[best]), float(signal[best + 1])
    return first + best + below / (below - above)


def _triangle(signal: Floats, reach: int) -> Floats:
    """Mean under a triangle `reach` samples to each side; the same length, as it was where reach is 1."""
    n, before, after = len(signal), (reach - 1) // 2, reach // 2 + 1
    for _ in range(2 if reach > 1 else 0):
        # Sums up to each sample; before the first there is nothing, after the last no more.
        sums = np.zeros(before + n + after, np.float64)
        np.cumsum(signal, dtype=np.float64, out=sums[before + 1 : before + 1 + n])
        sums[before + 1 + n :] = sums[before + n]
        signal = ((sums[before + after : before + after + n] - sums[:n]) / reach).astype(np.float32)
        signal = signal[::-1]
    return signal
