"""The song's features, one row per video frame, each computed the same however it is reached."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.audio.analyser import STEPS_PER_S, compute_bytes
from oriel_fx.render.audio.blocks import BlockCache
from oriel_fx.render.audio.features import (
    BASS,
    LEVEL,
    MID,
    N_FEATURES,
    SPARKLE,
    TREBLE,
    WEIGHT,
    compute_features,
)
from oriel_fx.render.audio.pcm import SAMPLE_RATE, Floats, Pcm
from oriel_fx.render.audio.scope import read_waveform
from oriel_fx.render.audio.spectrum import N_BANDS, ROWS_PER_S
from oriel_fx.render.audio.stats import SongStats, measure_song

_BLOCK_S = 16
_BLOCKS_KEPT = 4
# After this many decay times a pulse is below what eight bits can show.
_PULSE_REACH = 6.0


class Timeline:
    """Frame n shows the song at exactly n / fps; n_frames = max(1, round(duration × fps)).

    Features live on a grid of 100 rows a second, whatever the fps, and a frame lies between two rows. Rows
    are computed on first use in fixed blocks of 16 s, each started at rest 4 s earlier, and the last few
    blocks are kept: so a value never depends on what was asked before, nothing is computed ahead of the first
    frame, and memory is flat on a song of any length. Pickles to its song, fps and stats. Frames outside
    0..n_frames-1 are silence.
    """

    def __init__(self, pcm: Pcm, fps: Fraction, stats: SongStats) -> None:
        self.pcm = pcm
        self.fps = Fraction(fps)
        self.stats = stats
        self.duration_s = pcm.duration_s
        self.n_frames = max(1, round(Fraction(pcm.n_samples, SAMPLE_RATE) * self.fps))
        self._features = BlockCache(self._compute_features, _BLOCKS_KEPT)
        self._analyser = BlockCache(self._compute_analyser, _BLOCKS_KEPT)
        self._latest: tuple[int, Floats] = -1, np.zeros(N_FEATURES, np.float32)
        self._beat_frames = self._frames_of(stats.beats_s)
        self._onset_frames = self._frames_of(stats.onsets_s)

    def __reduce__(self) -> tuple[type[Timeline], tuple[Pcm, Fraction, SongStats]]:
        return Timeline, (self.pcm, self.fps, self.stats)

    def spectrum(self, frame: int) -> Floats:
        """Heights of the bands at BAND_FREQS_HZ: float32 (N_BANDS,), 0..1."""
        return self._row(frame)[:N_BANDS].copy()

    def spectra(self, frames: NDArray[np.integer[Any]]) -> Floats:
        """Heights of the bands at each of `frames`: float32 (len(frames), N_BANDS), 0..1."""
        return self._rows(np.asarray(frames, np.int64))[:, :N_BANDS]

    def bass(self, frame: int) -> float:
        """Energy below 150 Hz against the song's own, 0..1: up at once, down slowly."""
        return float(self._row(frame)[BASS])

    def mid(self, frame: int) -> float:
        """Energy from 300 Hz to 2 kHz against the song's own, 0..1."""
        return float(self._row(frame)[MID])

    def treble(self, frame: int) -> float:
        """Energy above 4 kHz against the song's own, 0..1."""
        return float(self._row(frame)[TREBLE])

    def level(self, frame: int) -> float:
        """Loudness, 0..1: 36 dB of RMS up to the song's loud passages."""
        return float(self._row(frame)[LEVEL])

    def weight(self, frame: int) -> float:
        """The bass as a heavy thing moves under it, 0..1.1: a spring of 3.2 Hz, slightly under-damped."""
        return float(self._row(frame)[WEIGHT])

    def sparkle(self, frame: int) -> float:
        """Hits in the treble (hats, consonants), 0..1: gone in a tenth of a second."""
        return float(self._row(frame)[SPARKLE])

    def beat_pulse(self, frame: int, decay_s: float = 0.25) -> float:
        """A beat's strength at the frame nearest it, then falls to 1/e in `decay_s`; 0..1."""
        return self._pulse(frame, self._beat_frames, self.stats.beat_strengths, decay_s)

    def onset_pulse(self, frame: int, decay_s: float = 0.15) -> float:
        """An onset's strength at the frame nearest it, then falls to 1/e in `decay_s`; 0..1."""
        return self._pulse(frame, self._onset_frames, self.stats.onset_strengths, decay_s)

    def beat_index(self, frame: int) -> int:
        """How many beats there have been, this frame's included."""
        return int(np.searchsorted(self._beat_frames, frame, side="right"))

    def waveform(self, frame: int, n_points: int, span_s: float, trigger: bool = False) -> Floats:
        """`span_s` seconds round the frame: float32 (n_points,), -1..1 (see stats.peak), anti-aliased.

        `trigger` moves the centre, by at most 20 ms, to a rising zero crossing, so that a steady tone stands
        still.
        """
        if not 0 <= frame < self.n_frames:
            return np.zeros(n_points, np.float32)
        return read_waveform(self.pcm, float(frame * SAMPLE_RATE / self.fps), n_points, span_s, trigger)

    def envelope(self, n_points: int) -> Floats:
        """How tall the whole song's waveform is: float32 (n_points,), 0..1, the tallest 1 (0 in silence)."""
        return _envelope_of(self.stats, n_points).copy()

    def analyser(self, frame: int, bin: int) -> float:
        """Mean of bins `bin` and `bin` + 1 of AnalyserNode.getByteFrequencyData, / 255: 0..1.

        The bytes of the last 60 Hz step at or before the frame; 0 ≤ bin ≤ 126, bins past the last read as it.
        """
        if not 0 <= frame < self.n_frames:
            return 0.0
        step = frame * STEPS_PER_S * self.fps.denominator // self.fps.numerator
        block, row = divmod(step, _BLOCK_S * STEPS_PER_S)
        steps = self._analyser.get(block)[row]
        last = len(steps) - 1
        return float(steps[min(bin, last)] + steps[min(bin + 1, last)]) / 510.0

    def _row(self, frame: int) -> Floats:
        if not 0 <= frame < self.n_frames:
            return np.zeros(N_FEATURES, np.float32)
        # Layers ask one after another about the same frame.
        known, latest = self._latest
        if known == frame:
            return latest
        at, rest = divmod(frame * ROWS_PER_S * self.fps.denominator, self.fps.numerator)
        block, at = divmod(at, _BLOCK_S * ROWS_PER_S)
        rows, between = self._features.get(block), np.float32(rest / self.fps.numerator)
        row: Floats = rows[at] * (1 - between) + rows[at + 1] * between
        self._latest = frame, row
        return row

    def _rows(self, frames: NDArray[np.int64]) -> Floats:
        # A ridge asks for one new line a frame: what follows costs ten times as much.
        if len(frames) == 1:
            return self._row(int(frames[0]))[None].copy()
        result = np.zeros((len(frames), N_FEATURES), np.float32)
        rows, rest = np.divmod(frames * ROWS_PER_S * self.fps.denominator, self.fps.numerator)
        blocks, rows = np.divmod(rows, _BLOCK_S * ROWS_PER_S)
        between = (rest / self.fps.numerator).astype(np.float32)[:, None]
        inside = (frames >= 0) & (frames < self.n_frames)
        for block in np.unique(blocks[inside]).tolist():
            mine = inside & (blocks == block)
            computed = self._features.get(block)
            result[mine] = computed[rows[mine]] * (1 - between[mine]) + computed[rows[mine] + 1] * between[mine]
        return result

    def _compute_features(self, block: int) -> Floats:
        n_rows = _BLOCK_S * ROWS_PER_S
        return compute_features(self.pcm, self.stats, block * n_rows, n_rows + 1)

    def _compute_analyser(self, block: int) -> Floats:
        n_steps = _BLOCK_S * STEPS_PER_S
        return compute_bytes(self.pcm, block * n_steps, n_steps)

    def _frames_of(self, times_s: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.floor(times_s * float(self.fps) + 0.5).astype(np.int64)

    def _pulse(self, frame: int, events: NDArray[np.int64], strengths: Floats, decay_s: float) -> float:
        decay_frames = max(decay_s, 1e-6) * float(self.fps)
        stop = int(np.searchsorted(events, frame, side="right"))
        start = int(np.searchsorted(events, frame - _PULSE_REACH * decay_frames, side="left"))
        if start >= stop:
            return 0.0
        return float((strengths[start:stop] * np.exp((events[start:stop] - frame) / decay_frames)).max())


def build_timeline(pcm: Pcm, fps: Fraction) -> Timeline:
    """Measures the song (see measure_song) and stands its timeline on it."""
    return Timeline(pcm, fps, measure_song(pcm))


@lru_cache(maxsize=8)
def _envelope_of(stats: SongStats, n_points: int) -> Floats:
    overview = stats.overview
    tallest = float(overview.max(initial=0.0))
    if tallest <= 0.0 or n_points < 1:
        return np.zeros(max(0, n_points), np.float32)
    sums = np.concatenate([[0.0], np.cumsum(overview, dtype=np.float64)])
    edges = np.linspace(0.0, len(overview), n_points + 1)
    parts = np.diff(np.interp(edges, np.arange(len(sums)), sums)) * n_points / len(overview)
    envelope: Floats = (parts / tallest).clip(0.0, 1.0).astype(np.float32)
    return envelope
