"""Ridge: the last seconds of the spectrum as a landscape of lines, receding towards the horizon."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oriel_fx.render.colors import Color, blend, ramp_hex
from oriel_fx.render.layout import Rect
from oriel_fx.render.scene import Frame, Placed, Scene
from oriel_fx.render.shapes import AnySurface, Runs, stroke_thin
from oriel_fx.render.symmetry import Symmetry

Floats = NDArray[np.float32]

PROFILE_POINTS = 192
# Lines are straight between samples this far apart.
STEP_PX = 5.0
# A line with less light than this share is not drawn.
FAINTEST = 0.02
# A line that leaves its course by less than this between two samples is straight.
BEND_PX = 0.06
# Colours told apart between the nearest line and the farthest.
SHADES = 64


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
        left_xs = np.arange(x - width / 2, x, STEP_PX)
        return RidgeDrawer(
            params=self,
            centre_x=x,
            bottom=bottom,
            width=width,
            depth=depth,
            height=height,
            stroke=max(1.0, self.thickness * unit),
            stride=self.history * float(scene.timeline.fps) / self.lines,
            shades=ramp_hex(scene.colors(self.colors), SHADES),
            ground=scene.palette.ground,
            xs=np.append(left_xs, 2 * x - left_xs[::-1]).astype(np.float32),
            bounds=bounds,
            symmetry=Symmetry.about(x, bounds, scene.layout.frame),
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
    shades: list[str]
    ground: str
    xs: Floats
    bounds: Rect
    symmetry: Symmetry | None
    static: bool = field(default=False, init=False)
    glows: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        self._profiles: dict[int, Floats] = {}
        # Over the middle by one step, so that no line ends there.
        self._left_xs = self.xs[: len(self.xs) // 2 + 1]

    def state(self, frame: Frame) -> Hashable | None:
        return None

    def planar(self, flat: bool) -> bool:
        return True

    def draw(self, surface: AnySurface, frame: Frame) -> Rect | None:
        ages, profiles = self._history(frame)
        widths, bases, heights, lights = self._perspective(ages)
        symmetry = self.symmetry if self.symmetry and self.symmetry.holds(surface) else None
        xs = self._left_xs if symmetry else self.xs
        ys, clear = self._lines(xs, profiles, widths, bases, heights, lights * self.params.opacity)
        runs = visible_runs(xs, ys, clear)
        if not len(runs.points):
            return Rect(0, 0, 0, 0)
        along = np.clip((self.bottom - bases) / self.depth, 0, 1) * (SHADES - 1)
        shown = np.round(lights * self.params.opacity, 2).tolist()
        places = np.round(along).astype(int).tolist()
        colors = [blend(self.ground, self.shades[place], light) for place, light in zip(places, shown, strict=True)]
        highest = float(runs.points[:, 1].min())
        touched = Rect.around(self.bounds.left, highest - self.stroke - 2, self.bounds.right, self.bounds.bottom)
        touched = touched.intersect(self.bounds)
        draw = partial(stroke_thin, surface, runs, self.stroke * np.sqrt(widths / widths[0]), colors)
        if symmetry:
            symmetry.draw(surface, touched, draw)
        else:
            draw()
        return touched

    def _history(self, frame: Frame) -> tuple[Floats, Floats]:
        """Ages of the lines (0 front .. 1 horizon), front first, and their profiles (lines + 1, PROFILE_POINTS).

        A line belongs to a moment of the song and moves away from it, so nothing jumps as time goes on.
        """
        newest = np.floor(frame.index / self.stride)
        slots = newest - np.arange(self.params.lines)
        moments = np.concatenate([[frame.index], np.round(slots * self.stride)])
        ages = (frame.index - np.concatenate([[frame.index], slots * self.stride])) / (self.stride * self.params.lines)
        return ages.astype(np.float32), self._profiles_at(frame, moments.astype(int).tolist())

    def _profiles_at(self, frame: Frame, moments: list[int]) -> Floats:
        """Profiles of the sound at frames of the song; a line keeps its own, so only the newest is unknown mostly."""
        unknown = [moment for moment in moments if moment not in self._profiles]
        if unknown:
            kept = {moment: self._profiles[moment] for moment in moments if moment in self._profiles}
            spectra = frame.timeline.spectra(np.array(unknown))
            self._profiles = kept | dict(zip(unknown, _profile(spectra, self.params.valley), strict=True))
        return np.stack([self._profiles[moment] for moment in moments])

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

    def _lines(
        self, xs: Floats, profiles: Floats, widths: Floats, bases: Floats, heights: Floats, lights: Floats
    ) -> tuple[Floats, Floats]:
        """Row of each line at each of `xs`, and by how many pixels it clears the nearer lines; both (lines, xs).

        Beyond a line's ends it clears them by less than nothing.
        """
        across = np.abs(xs - np.float32(self.centre_x))[None, :] * (2 / widths)[:, None]
        place = np.minimum(across, 0.9999) * (PROFILE_POINTS - 1)
        low = place.astype(np.int32)
        part = place - low
        flat = (np.arange(len(profiles)) * PROFILE_POINTS)[:, None] + low
        values, nexts = profiles.take(flat), profiles.take(flat + 1)
        ys = bases[:, None] - heights[:, None] * (values + (nexts - values) * part)
        beyond = across > 1
        nearest = np.minimum.accumulate(np.where(beyond, np.inf, ys), axis=0)
        clear = np.full(ys.shape, 1e3, np.float32)
        clear[1:] = np.minimum(nearest[:-1] - ys[1:], 1e3)
        clear[beyond] = -1e6
        clear[lights < FAINTEST] = -1e6
        return ys.astype(np.float32), clear


def visible_runs(xs: Floats, ys: Floats, clear: Floats) -> Runs:
    """The parts of lines that can be seen.

    `clear` is above zero where a line is seen; between two samples it is taken to change evenly, so that a line
    ends just where another one crosses it.
    """
    seen = clear > 0
    lines, samples = ys.shape
    # Places in order along each line: samples at the even ones, between two of them a crossing or nothing.
    taken = np.zeros((lines, 2 * samples), bool)
    taken[:, ::2] = seen & ~_straight(ys, seen)
    taken[:, 1:-1:2] = seen[:, :-1] != seen[:, 1:]
    line, place = np.divmod(np.flatnonzero(taken), 2 * samples)
    sample = place // 2
    at = line * samples + sample
    points = np.stack([xs.take(sample), ys.take(at)], axis=1)
    crossings = np.flatnonzero(place % 2)
    before, here = at[crossings], sample[crossings]
    share = clear.take(before) / (clear.take(before) - clear.take(before + 1))
    points[crossings, 0] += share * (xs.take(here + 1) - xs.take(here))
    points[crossings, 1] += share * (ys.take(before + 1) - ys.take(before))
    begins = place == 0
    begins[crossings] = ~seen.take(before)
    starts = np.flatnonzero(begins)
    return Runs(points, starts, line[starts])


def _straight(ys: Floats, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Samples a line passes straight through: left out, for OpenCV draws the joint of two pieces twice as bright."""
    bend = np.abs(ys[:, 2:] - 2 * ys[:, 1:-1] + ys[:, :-2])
    straight = np.zeros(seen.shape, bool)
    straight[:, 1:-1] = (bend < BEND_PX) & seen[:, 2:] & seen[:, :-2]
    return straight


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
    smooth: Floats = np.array([np.convolve(row, kernel / kernel.sum(), "same") for row in values])
    heights: Floats = (smooth * shape).astype(np.float32)
    return heights
