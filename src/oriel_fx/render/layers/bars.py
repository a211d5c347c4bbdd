"""Bars: the spectrum as a row of bars, low notes to high."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oriel_fx.render.colors import Color, ramp_hex
from oriel_fx.render.layers.bands import BandPicker, peaks
from oriel_fx.render.layout import Rect
from oriel_fx.render.reflection import Floor
from oriel_fx.render.scene import Frame, Placed, Scene
from oriel_fx.render.shapes import AnySurface, fill_capsules

# A reflection stands this many bar widths under the row, and is this high for a bar of one.
REFLECTION_GAP, REFLECTION_HEIGHT = 0.3, 0.45
# Anti-aliasing reaches a pixel further than the shape.
PAD = 2


class BarsLayer(Placed):
    """A row of bars. `mirror` puts the bass in the middle; `origin` says where bars grow from."""

    type: Literal["bars"] = "bars"
    count: int = Field(64, ge=4, le=256, description="number of bars")
    width: float = Field(1.4, gt=0, le=4, description="of the whole row, in short sides; at most the safe area")
    height: float = Field(0.3, gt=0, le=2, description="of the tallest bar, in short sides")
    gap: float = Field(0.45, ge=0, lt=1, description="share of each bar's place that stays empty")
    origin: Literal["bottom", "center", "top"] = "bottom"
    mirror: bool = Field(False, description="bass in the middle, treble at both ends")
    rounded: bool = True
    peaks: bool = Field(False, description="small marks that fall slowly from each bar's latest height")
    reflection: float = Field(0.0, ge=0, le=1, description="opacity of a reflection under the row")
    rest: float = Field(0.012, ge=0, le=0.5, description="height of a silent bar, in short sides")
    color: Color | None = Field(None, description="one colour for all bars; else `colors` from low to high notes")
    colors: list[Color] = Field(["palette.0", "palette.1", "palette.2"], min_length=1, max_length=8)

    def prepare(self, scene: Scene) -> BarsDrawer:
        unit = scene.layout.unit
        x, y = scene.layout.place(self.anchor, self.x, self.y)
        left, _, right, _ = scene.layout.safe
        width = min(self.width * unit, right - left)
        x = min(max(x, left + width / 2), right - width / 2)
        pitch = width / self.count
        thickness = pitch * (1 - self.gap)
        rest = max(self.rest * unit, thickness if self.rounded else 1.0)
        tallest = max(self.height * unit, rest)
        share = {"bottom": 1.0, "center": 0.5, "top": 0.0}[self.origin]
        mark = max(2.0, thickness * 0.28)
        reach = thickness * 0.5 + mark if self.peaks else 0.0
        up = tallest * share + (reach if share else 0.0)
        down = tallest * (1 - share) + (0.0 if share else reach)
        if self.reflection:
            down = max(down, thickness * REFLECTION_GAP + tallest * REFLECTION_HEIGHT)
        colors = scene.colors([self.color] if self.color else self.colors)
        half = ramp_hex(colors, (self.count + 1) // 2 if self.mirror else self.count)
        hexes = (half[::-1] if self.count % 2 == 0 else half[:0:-1]) + half if self.mirror else half
        return BarsDrawer(
            params=self,
            picker=BandPicker(self.count, "mirror" if self.mirror else "plain"),
            middles=(x - width / 2 + pitch * (np.arange(self.count) + 0.5)).astype(np.float32),
            baseline=y,
            thickness=thickness,
            tallest=tallest,
            rest=rest,
            share=share,
            mark=mark,
            colors=hexes,
            bounds=Rect.around(x - width / 2 - PAD, y - up - PAD, x + width / 2 + PAD, y + down + PAD),
            floor=self._floor(scene, (x - width / 2 - PAD, y - up - PAD, x + width / 2 + PAD, y), thickness),
        )

    def _floor(self, scene: Scene, above: tuple[float, float, float, float], thickness: float) -> Floor | None:
        if not self.reflection:
            return None
        source = Rect.around(*above).align(2).intersect(scene.layout.frame)
        return Floor(source, round(thickness * REFLECTION_GAP / 2) * 2, REFLECTION_HEIGHT, self.reflection)


@dataclass
class BarsDrawer:
    params: BarsLayer
    picker: BandPicker
    middles: NDArray[np.float32]
    baseline: float
    thickness: float
    tallest: float
    rest: float
    share: float
    mark: float
    colors: list[str]
    bounds: Rect
    floor: Floor | None
    static: bool = field(default=False, init=False)
    glows: bool = field(default=True, init=False)

    def _heights(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.float32(self.rest) + values * np.float32(self.tallest - self.rest)

    def state(self, frame: Frame) -> Hashable | None:
        return None

    def planar(self, flat: bool) -> bool:
        return True

    def draw(self, surface: AnySurface, frame: Frame) -> Rect | None:
        heights = self._heights(self.picker.pick(frame.timeline.spectrum(frame.index)))
        tops = self.baseline - heights * np.float32(self.share)
        bottoms = tops + heights
        highest, lowest = float(tops.min()), float(bottoms.max())
        reflection = self.floor.prepare(surface, self.baseline - highest) if self.floor else None
        self._columns(surface, tops, bottoms, self.params.rounded)
        if reflection:
            reflection.lay()
            lowest = max(lowest, reflection.lowest)
        if self.params.peaks:
            first, last = self._draw_peaks(surface, frame, heights)
            highest, lowest = min(highest, first), max(lowest, last)
        touched = Rect.around(self.bounds.left, highest - PAD, self.bounds.right, lowest + PAD)
        return touched.intersect(self.bounds)

    def _columns(
        self, surface: AnySurface, tops: NDArray[np.float32], bottoms: NDArray[np.float32], round_ends: bool
    ) -> None:
        """Bars from tops to bottoms; round ends lie inside them."""
        inset = self.thickness / 2 if round_ends else 0.0
        middles = (tops + bottoms) / 2
        starts, ends = np.empty((2, len(tops), 2), np.float32)
        starts[:, 0] = ends[:, 0] = self.middles
        np.maximum(bottoms - inset, middles, out=starts[:, 1])
        np.minimum(tops + inset, middles, out=ends[:, 1])
        fill_capsules(surface, starts, ends, self.thickness, self.colors, self.params.opacity, round_ends)

    def _draw_peaks(self, surface: AnySurface, frame: Frame, heights: NDArray[np.float32]) -> tuple[float, float]:
        """Marks beyond the bars' ends: above them, or below where they hang; returns the rows they span."""
        caps = np.maximum(self._heights(self.picker.pick(peaks(frame))), heights)
        gap = self.thickness * 0.5
        if self.share:
            bottoms = self.baseline - caps * np.float32(self.share) - gap
        else:
            bottoms = self.baseline + caps + gap + self.mark
        self._columns(surface, bottoms - self.mark, bottoms, round_ends=False)
        return float(bottoms.min()) - self.mark, float(bottoms.max())
