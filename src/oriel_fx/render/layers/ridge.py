"""Ridge: the last seconds of the spectrum as a landscape of lines, receding towards the horizon."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oriel_fx.render.colors import Color, blend, ramp_hex
from oriel_fx.render.layout import Rect
from oriel_fx.render.scene import Frame, Placed, Scene
from oriel_fx.render.shapes import AnySurface, draw_ridges

Floats = NDArray[np.float32]

PROFILE_POINTS = 192
# A line with less light than this share is not drawn.
FAINTEST = 0.02
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
    shades: list[str]
    ground: str
    bounds: Rect
    static: bool = field(default=False, init=False)
    glows: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        self._profiles: dict[int, Floats] = {}

    def state(self, frame: Frame) -> Hashable | None:
        return None

    def planar(self, flat: bool) -> bool:
        return True

    def draw(self, surface: AnySurface, frame: Frame) -> Rect | None:
        ages, profiles = self._history(frame)
        widths, bases, heights, lights = self._perspective(ages)
        shown = np.round(lights * self.params.opacity, 2)
        count = int(np.searchsorted(-shown, -FAINTEST))
        if not count:
            return Rect(0, 0, 0, 0)
        along = np.clip((self.bottom - bases) / self.depth, 0, 1) * (SHADES - 1)
        places = np.round(along[:count]).astype(int).tolist()
        colors = [
            blend(self.ground, self.shades[place], light)
            for place, light in zip(places, shown[:count].tolist(), strict=True)
        ]
        radii = (self.stroke / 2) * np.sqrt(widths / widths[0])
        shape = (widths[:count], bases[:count], heights[:count], radii[:count])
        draw_ridges(surface, profiles[:count], *shape, self.centre_x, colors)
        highest = float((bases - heights * profiles.max(axis=1)).min())
        touched = Rect.around(self.bounds.left, highest - self.stroke - 2, self.bounds.right, self.bounds.bottom)
        return touched.intersect(self.bounds)

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


@cache
def _outline(valley: float) -> tuple[NDArray[np.int32], Floats, Floats]:
    """Of each point of a profile: the band below it, its way to the next band, and how high it may rise, 0..1."""
    outwards = np.linspace(0, 1, PROFILE_POINTS, dtype=np.float32)
    band = np.clip((outwards - valley) / (1 - valley), 0, 1) * 127
    low = np.minimum(band.astype(np.int32), 126)
    rise = np.clip((outwards - valley * 0.7) / 0.12, 0, 1)
    fall = np.clip((1 - outwards) / 0.35, 0, 1)
    return low, band - low, rise * rise * (3 - 2 * rise) * fall * fall * (3 - 2 * fall)


SMOOTHING = np.hanning(11)[1:-1].astype(np.float32)
SMOOTHING /= SMOOTHING.sum()


def _profile(spectra: Floats, valley: float) -> Floats:
    """Spectra (lines, 128) → heights from the middle outwards (lines, PROFILE_POINTS), flat in the valley and ends."""
    low, part, shape = _outline(valley)
    below = spectra[:, low]
    values = below + (spectra[:, low + 1] - below) * part
    smooth: Floats = np.array([np.convolve(row, SMOOTHING, "same") for row in values])
    heights: Floats = (smooth * shape).astype(np.float32)
    return heights
