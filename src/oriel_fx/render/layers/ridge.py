"""Ridge: the last seconds of the spectrum as a landscape of lines, receding towards the horizon."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oriel_fx.render.colors import Color, ramp
from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import luma_and_differences
from oriel_fx.render.planar import PlanarSurface, half
from oriel_fx.render.scene import Frame, Pixels, Placed, Scene
from oriel_fx.render.shapes import AnySurface

Floats = NDArray[np.float32]

PROFILE_POINTS = 192
# A steep part of a line covers more rows of a column; beyond this it thins out.
STEEPEST = 3.0
# Brightnesses a line's pixels are rounded to.
LEVELS = 64


class RidgeLayer(Placed):
    """Lines of past spectra: the nearest is now, the farthest `history` seconds ago; nearer ones hide those behind."""

    type: Literal["ridge"] = "ridge"
    lines: int = Field(38, ge=4, le=120)
    history: float = Field(4.5, gt=0.2, le=30, description="seconds from the front to the horizon")
    width: float = Field(1.6, gt=0, le=4, description="of the nearest line, in short sides; at most the safe area")
    far: float = Field(0.36, gt=0, le=1, description="width of the farthest line, as a share of the nearest")
    depth: float = Field(0.56, gt=0, le=2, description="from the nearest line up to the farthest, in short sides")
    height: float = Field(0.22, gt=0, le=1, description="of the highest ridge in front, in short sides")
    valley: float = Field(0.16, ge=0, lt=1, description="share of the width in the middle that stays flat")
    thickness: float = Field(0.0022, gt=0, le=0.02, description="of the nearest line, in short sides")
    colors: list[Color] = Field(
        ["palette.2", "palette.1", "palette.0"], min_length=1, max_length=8, description="near to far"
    )

    def prepare(self, scene: Scene) -> RidgeDrawer:
        unit = scene.layout.unit
        x, y = scene.layout.place(self.anchor, self.x, self.y)
        left, _, right, _ = scene.layout.safe
        width = min(self.width * unit, right - left)
        depth, height = self.depth * unit, self.height * unit
        bottom = y + depth / 2
        pad = max(3, round(self.thickness * unit * 2))
        bounds = Rect.around(
            x - width / 2 - pad, bottom - depth - height * self.far - pad, x + width / 2 + pad, bottom + pad
        )
        bounds = Rect.around(bounds.left, min(bounds.top, bottom - height - pad), bounds.right, bounds.bottom)
        bounds = bounds.align(2).intersect(scene.layout.frame)
        rows = np.arange(bounds.top, bounds.bottom, dtype=np.float32)
        inks = _inks(ramp(scene.colors(self.colors), (bottom - rows) / depth) * 255 * np.float32(self.opacity))
        return RidgeDrawer(
            params=self,
            centre_x=x,
            bottom=bottom,
            width=width,
            depth=depth,
            height=height,
            stroke=max(1.0, self.thickness * unit),
            stride=self.history * float(scene.timeline.fps) / self.lines,
            inks=inks,
            shades=_shades(inks),
            bounds=bounds,
        )


@dataclass
class RidgeDrawer:
    params: RidgeLayer
    centre_x: float
    bottom: float
    width: float
    depth: float
    height: float
    stroke: float
    stride: float
    inks: NDArray[np.uint32]
    shades: tuple[Pixels, Pixels, Pixels]
    bounds: Rect
    static: bool = field(default=False, init=False)
    glows: bool = field(default=True, init=False)

    def state(self, frame: Frame) -> Hashable | None:
        return None

    def planar(self, flat: bool) -> bool:
        return True

    def draw(self, surface: AnySurface, frame: Frame) -> Rect | None:
        ages, profiles = self._history(frame)
        widths, bases, heights, lights = self._perspective(ages)
        columns = np.arange(self.bounds.left, self.bounds.right, dtype=np.float32)
        ys = self._lines(columns, profiles, widths, bases, heights) - np.float32(self.bounds.top)
        strokes = self.stroke * (widths / widths[0]) ** 0.5
        if not isinstance(surface, PlanarSurface):
            return self._on_rgba(surface.pixels[self.bounds.slices], ys, lights, strokes)
        planes, chroma = surface.planes, half(self.bounds).slices
        touched = self._on_luma(planes.y[self.bounds.slices], ys, lights, strokes)
        self._on_chroma(planes.u[chroma], planes.v[chroma], ys[:, ::2] * np.float32(0.5), lights, strokes / 2)
        return touched

    def _on_rgba(self, picture: Pixels, ys: Floats, lights: Floats, strokes: Floats) -> Rect:
        whole, span = picture.view(np.uint32)[..., 0], _Span()
        for rows, columns, level in covered(ys, lights, strokes, picture.shape[0]):
            inked = self.inks[rows * LEVELS + level].view(np.uint8)
            whole[rows, columns] = np.maximum(inked, whole[rows, columns].view(np.uint8)).view(np.uint32)
            span.take(rows)
        return span.rect(self.bounds)

    def _on_luma(self, plane: Pixels, ys: Floats, lights: Floats, strokes: Floats) -> Rect:
        span = _Span()
        for rows, columns, level in covered(ys, lights, strokes, plane.shape[0]):
            plane[rows, columns] = np.maximum(self.shades[0][rows * LEVELS + level], plane[rows, columns])
            span.take(rows)
        return span.rect(self.bounds)

    def _on_chroma(self, u: Pixels, v: Pixels, ys: Floats, lights: Floats, strokes: Floats) -> None:
        for rows, columns, level in covered(ys, lights, strokes, u.shape[0]):
            place = rows * (2 * LEVELS) + level
            u[rows, columns], v[rows, columns] = self.shades[1][place], self.shades[2][place]

    def _history(self, frame: Frame) -> tuple[Floats, Floats]:
        """Ages of the lines (0 front .. 1 horizon), front first, and their profiles (lines + 1, PROFILE_POINTS).

        A line belongs to a moment of the song and moves away from it, so nothing jumps as time goes on.
        """
        newest = np.floor(frame.index / self.stride)
        slots = newest - np.arange(self.params.lines)
        moments = np.concatenate([[frame.index], np.round(slots * self.stride)])
        ages = (frame.index - np.concatenate([[frame.index], slots * self.stride])) / (self.stride * self.params.lines)
        spectra = frame.timeline.spectra(moments.astype(np.int64))
        # The front line is the present; the ones behind settle into smoother hills.
        return ages.astype(np.float32), _profile(spectra, self.params.valley)

    def _perspective(self, ages: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Width, base row, height and light of each line."""
        away = 1 / (1 + ages * (1 / self.params.far - 1))
        risen = (1 - away) / (1 - self.params.far) if self.params.far < 1 else ages
        lights = np.clip((1 - ages) * 5, 0, 1) * (0.42 + 0.58 * away)
        return (
            (self.width * away).astype(np.float32),
            (self.bottom - self.depth * risen).astype(np.float32),
            (self.height * away).astype(np.float32),
            lights.astype(np.float32),
        )

    def _lines(self, columns: Floats, profiles: Floats, widths: Floats, bases: Floats, heights: Floats) -> Floats:
        """Row of each line in each column (lines, columns); NaN beyond its ends and where a nearer line hides it."""
        across = np.abs(columns - np.float32(self.centre_x))[None, :] * (2 / widths)[:, None]
        place = np.minimum(across, 0.9999) * (PROFILE_POINTS - 1)
        low = place.astype(np.int32)
        part = place - low
        flat = (np.arange(len(profiles)) * PROFILE_POINTS)[:, None] + low
        values = profiles.ravel()
        ys = bases[:, None] - heights[:, None] * (values[flat] * (1 - part) + values[flat + 1] * part)
        ys[across > 1] = np.inf
        nearest = np.minimum.accumulate(ys, axis=0)
        hidden = np.zeros(ys.shape, bool)
        hidden[1:] = ys[1:] > nearest[:-1] - 0.75
        ys[hidden | (across > 1)] = np.nan
        return np.asarray(ys, np.float32)


def _profile(spectra: Floats, valley: float) -> Floats:
    """Spectra (lines, 128) → heights from the middle outwards (lines, PROFILE_POINTS), flat in the valley and ends."""
    outwards = np.linspace(0, 1, PROFILE_POINTS, dtype=np.float32)
    band = np.clip((outwards - valley) / (1 - valley), 0, 1) * 127
    low = np.minimum(band.astype(np.int32), 126)
    values = spectra[:, low] + (spectra[:, low + 1] - spectra[:, low]) * (band - low)
    rise = np.clip((outwards - valley * 0.7) / 0.12, 0, 1)
    fall = np.clip((1 - outwards) / 0.35, 0, 1)
    shape = rise * rise * (3 - 2 * rise) * fall * fall * (3 - 2 * fall)
    kernel = np.hanning(11)[1:-1].astype(np.float32)
    smooth = np.apply_along_axis(np.convolve, 1, values, kernel / kernel.sum(), "same")
    return np.ascontiguousarray(smooth * shape, np.float32)


class _Span:
    """The rows that were touched."""

    def __init__(self) -> None:
        self._first, self._stop = 1 << 30, 0

    def take(self, rows: NDArray[np.int32]) -> None:
        self._first, self._stop = min(self._first, int(rows.min())), max(self._stop, int(rows.max()) + 1)

    def rect(self, bounds: Rect) -> Rect:
        """Those rows of `bounds`, which they are counted from."""
        first = min(self._first, self._stop)
        return Rect(bounds.left, bounds.top + first, bounds.right, bounds.top + self._stop)


def covered(
    ys: Floats, lights: Floats, strokes: Floats, n_rows: int
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]]:
    """The pixels that lines cover: rows, columns and levels (0..LEVELS - 1), no pixel twice in one step.

    `ys` (lines, columns): row of each line in each column, NaN where there is none. Outermost rows come first, so
    that no edge dims another line's core.
    """
    line, cols = np.nonzero(ys >= 0)
    y = ys[line, cols]
    half_px = (strokes / 2)[line] * np.sqrt(1 + _slopes(ys)[line, cols] ** 2).clip(1, STEEPEST)
    light = lights[line] * np.float32(LEVELS - 1)
    centre = np.floor(y)
    off = y - centre - np.float32(0.5)
    centre = centre.astype(np.int32)
    reach = int(np.ceil(float(half_px.max(initial=0.5)))) + 1
    for step in sorted(range(-reach, reach + 1), key=abs, reverse=True):
        # Most of a line is level and touches few rows: the outer ones only concern its steep parts.
        near = np.flatnonzero(half_px > abs(step) - 1)
        cover = np.clip(half_px[near] + np.float32(0.5) - np.abs(np.float32(step) - off[near]), 0, 1)
        rows, level = centre[near] + step, (cover * light[near]).astype(np.int32)
        seen = np.flatnonzero((level > 0) & (rows >= 0) & (rows < n_rows))
        if len(seen):
            yield rows[seen], cols[near[seen]], level[seen]


def _shades(inks: NDArray[np.uint32]) -> tuple[Pixels, Pixels, Pixels]:
    """The same colours as Y', Cb and Cr levels."""
    rgb = inks.view(np.uint8).reshape(-1, 4)[:, :3].astype(np.float32)
    luma, blue, red = luma_and_differences(rgb)
    y, u, v = (np.round(part + base).astype(np.uint8) for part, base in ((luma, 16), (blue, 128), (red, 128)))
    return y, u, v


def _slopes(ys: Floats) -> Floats:
    """Rows a line rises or falls per column, 0 at its ends and where it is hidden."""
    slopes = np.zeros_like(ys)
    slopes[:, 1:-1] = np.abs(ys[:, 2:] - ys[:, :-2]) / 2
    return np.nan_to_num(slopes, copy=False, posinf=0.0)


def _inks(row_colors: Floats) -> NDArray[np.uint32]:
    """Packed RGBA of each row's colour at each of LEVELS brightnesses: (rows × LEVELS,)."""
    levels = np.linspace(0, 1, LEVELS, dtype=np.float32)
    inks = np.full((len(row_colors), LEVELS, 4), 255, np.uint8)
    inks[..., :3] = (row_colors[:, None, :] * levels[None, :, None]).astype(np.uint8)
    return inks.view(np.uint32).reshape(-1)
