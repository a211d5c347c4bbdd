"""A picture of a song: its waveform, its beats and its spectrum, one above the other on one time axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.analysis import SongAnalysis, opened_song
from oriel_fx.render.audio import BAND_FREQS_HZ, N_BANDS, Pcm
from oriel_fx.render.audio.spectrum import ROWS_PER_S, band_heights, band_powers
from oriel_fx.render.colors import hex_to_rgb, ramp, ramp_hex, skia_color
from oriel_fx.render.layers.progress import clock
from oriel_fx.render.layout import Rect
from oriel_fx.render.lazy import skia
from oriel_fx.render.scene import Pixels, Surface
from oriel_fx.render.text import Figures, TextStyle, set_text

WIDTH, HEIGHT = 1920, 1080
GROUND, INK = "#0b0c14", "#f6f3ee"
HUES = ("#5b4bd6", "#ff5f8f", "#ffd98a")
# The quiet end of the spectrogram is the ground itself, so that silence is empty.
HEAT = (GROUND, "#1f1a4d", "#5b4bd6", "#c2529f", "#ff8f7a", "#ffd98a", "#fff6e0")
# A dense mix fills its bands; raised to this power, hits and tones still stand out of it.
CONTRAST = 1.5
WAVE, BEATS, SPECTRUM = Rect(112, 190, 1840, 410), Rect(112, 426, 1840, 474), Rect(112, 492, 1840, 1004)
FREQUENCIES = {50: "50", 100: "100", 200: "200", 500: "500", 1000: "1k", 2000: "2k", 5000: "5k", 10000: "10k"}
# Of a long song each column shows a moment from its middle: 0.12 s of every 6 s in three hours, in a quarter minute.
COLUMN_ROWS = 12
_TIME_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def plot_song(song: str | Path) -> tuple[SongAnalysis, Pixels]:
    """A song's analysis and a picture of it: RGB uint8, 1,080 × 1,920 × 3. Raises what analyze_song raises."""
    with opened_song(Path(song)) as (pcm, analysis):
        heights = spectrogram(pcm, analysis.reference_db, SPECTRUM.width)
    picture = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    picture[..., :3] = np.round(np.array(hex_to_rgb(GROUND)) * 255)
    _paint_spectrum(picture, heights)
    surface = Surface(picture)
    _draw_heading(surface.canvas, analysis)
    _draw_wave(surface.canvas, analysis)
    _draw_beats(surface.canvas, analysis)
    _draw_axes(surface.canvas, analysis.duration_s)
    return analysis, np.ascontiguousarray(picture[..., :3])


def spectrogram(pcm: Pcm, reference_db: float, columns: int) -> NDArray[np.float32]:
    """Heights 0..1 of the bands over the song, float32 (N_BANDS, columns), low bands last; read block by block."""
    n_rows = max(1, pcm.n_samples * ROWS_PER_S // 44100)
    per_column = min(COLUMN_ROWS, -(-n_rows // columns))
    columns_read = min(columns, n_rows)
    heights = np.empty((columns_read, N_BANDS), np.float32)
    for column in range(columns_read):
        first = column * n_rows // columns_read
        spare = (column + 1) * n_rows // columns_read - first - per_column
        rows = band_heights(band_powers(pcm, first + max(0, spare // 2), per_column), reference_db)
        heights[column] = rows.mean(axis=0)
    upright = np.ascontiguousarray(heights.T[::-1])
    stretched: NDArray[np.float32] = cv2.resize(upright, (columns, N_BANDS), interpolation=cv2.INTER_LINEAR).astype(
        np.float32
    )
    return stretched


def _paint_spectrum(picture: Pixels, heights: NDArray[np.float32]) -> None:
    tall = np.clip(cv2.resize(heights, (SPECTRUM.width, SPECTRUM.height), interpolation=cv2.INTER_CUBIC), 0.0, 1.0)
    colors = np.round(ramp(HEAT, np.linspace(0, 1, 1024, dtype=np.float32)) * 255).astype(np.uint8)
    picture[SPECTRUM.slices][..., :3] = colors[np.round(tall**CONTRAST * 1023).astype(np.int32)]


def _draw_heading(canvas: Any, analysis: SongAnalysis) -> None:
    title = set_text(analysis.tags.title, TextStyle(48, "bold", -0.01, INK), 1080, 1)
    title.paint(canvas, WAVE.left, 92 - title.height / 2)
    if analysis.tags.artist:
        artist = set_text(analysis.tags.artist, TextStyle(22, "regular", 0.0, INK, 0.62), 1080, 1)
        artist.paint(canvas, WAVE.left, 142 - artist.height / 2)
    right = float(WAVE.right)
    facts = [
        ("LENGTH", clock(analysis.duration_s, analysis.duration_s)),
        ("LOUDNESS", f"{_signed(analysis.loudness_db)} dB"),
    ]
    if analysis.tempo_bpm:
        facts.insert(1, ("TEMPO", f"{analysis.tempo_bpm:.0f} BPM"))
    for label, value in reversed(facts):
        shown = set_text(value, TextStyle(34, "semibold", 0.0, INK), 400, 1)
        name = set_text(label, TextStyle(14, "medium", 0.16, INK, 0.55), 400, 1)
        left = right - max(shown.width, name.width)
        name.paint(canvas, left, 70 - name.height / 2)
        shown.paint(canvas, left, 108 - shown.height / 2)
        right = left - 56


def _signed(level_db: float) -> str:
    return f"{level_db:.1f}".replace("-", "−")


def _draw_wave(canvas: Any, analysis: SongAnalysis) -> None:
    """Rounded strokes round the middle, each as tall as the song is there."""
    count = WAVE.width // 6
    tall = _resampled(analysis.envelope, count)
    tall /= max(float(tall.max()), 1e-6)
    middle, reach = (WAVE.top + WAVE.bottom) / 2, WAVE.height / 2
    shades = ramp_hex(HUES, 64)
    paint = skia.Paint(AntiAlias=True)
    for index, height in enumerate(tall.tolist()):
        half = max(1.5, height * reach)
        left = WAVE.left + index * WAVE.width / count
        paint.setColor(skia_color(shades[round(height * 63)]))
        canvas.drawRoundRect(skia.Rect.MakeLTRB(left, middle - half, left + 3.6, middle + half), 1.8, 1.8, paint)


def _resampled(values: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    """Means of `count` equal parts; values are held where there are fewer of them than that."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    edges = np.linspace(0.0, len(values), count + 1)
    means: NDArray[np.float64] = np.diff(np.interp(edges, np.arange(len(sums)), sums)) * count / len(values)
    return means


def _draw_beats(canvas: Any, analysis: SongAnalysis) -> None:
    """Beats as tall ticks, onsets as short faint ones; the stronger, the clearer."""
    scale = BEATS.width / max(analysis.duration_s, 1e-6)
    rows = [
        (analysis.onsets_s, analysis.onset_strengths, INK, BEATS.top + 34, 1.0, 0.3),
        (analysis.beats_s, analysis.beat_strengths, HUES[2], BEATS.top, 1.8, 0.9),
    ]
    paint = skia.Paint(AntiAlias=True)
    for times_s, strengths, color, top, width, opacity in rows:
        # Where ticks stand closer than they are wide, they fade rather than fill the row.
        crowd = min(1.0, BEATS.width / max(1.0, len(times_s) * width * 2))
        for time_s, strength in zip(times_s.tolist(), strengths.tolist(), strict=True):
            paint.setColor(skia_color(color, opacity * (0.35 + 0.65 * strength) * max(crowd, 0.12)))
            left = BEATS.left + time_s * scale - width / 2
            bottom = BEATS.top + 28 if top == BEATS.top else BEATS.bottom
            canvas.drawRect(skia.Rect.MakeLTRB(left, top, left + width, bottom), paint)


def _draw_axes(canvas: Any, duration_s: float) -> None:
    label = TextStyle(17, "medium", 0.02, INK, 0.6)
    figures = Figures(label)
    octaves = np.log2(BAND_FREQS_HZ.astype(np.float64))
    for freq_hz, name in FREQUENCIES.items():
        band = float(np.interp(np.log2(freq_hz), octaves, np.arange(N_BANDS)))
        y = SPECTRUM.bottom - (band + 0.5) / N_BANDS * SPECTRUM.height
        figures.draw(canvas, name, SPECTRUM.left - 16, y, "right")
    line = skia.Paint(Color=skia_color(INK, 0.16))
    for time_s in _ticks(duration_s):
        x = SPECTRUM.left + time_s / max(duration_s, 1e-6) * SPECTRUM.width
        canvas.drawRect(skia.Rect.MakeXYWH(round(x), SPECTRUM.bottom + 8, 1, 8), line)
        text = clock(time_s, duration_s) if _step(duration_s) >= 1 else f"{time_s:.1f}"
        left = min(max(x - figures.width(text) / 2, SPECTRUM.left), SPECTRUM.right - figures.width(text))
        figures.draw(canvas, text, left, SPECTRUM.bottom + 34, "left")


def _step(duration_s: float) -> float:
    return next((step for step in _TIME_STEPS_S if duration_s / step <= 12), 14400.0)


def _ticks(duration_s: float) -> list[float]:
    step = _step(duration_s)
    return [i * step for i in range(int(duration_s / step) + 1)]
