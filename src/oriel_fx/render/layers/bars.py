"""Bars: the spectrum as a row of bars, low notes to high."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oriel_fx.render.colors import Color, ramp_hex, skia_color
from oriel_fx.render.layers.bands import BandPicker, peaks
from oriel_fx.render.layout import Rect
from oriel_fx.render.lazy import skia
from oriel_fx.render.scene import Frame, Placed, Scene, Surface


class BarsLayer(Placed):
    """A row of bars. `mirror` puts the bass in the middle; `origin` says where bars grow from."""

    type: Literal["bars"] = "bars"
    count: int = Field(64, ge=4, le=256, description="number of bars")
    width: float = Field(
        1.4, gt=0, le=4, description="of the whole row, in short sides; at most the safe area"
    )
    height: float = Field(0.3, gt=0, le=2, description="of the tallest bar, in short sides")
    gap: float = Field(0.45, ge=0, lt=1, description="share of each bar's place that stays empty")
    origin: Literal["bottom", "center", "top"] = "bottom"
    mirror: bool = Field(False, description="bass in the middle, treble at both ends")
    rounded: bool = True
    peaks: bool = Field(False, description="small marks that fall slowly from each bar's latest height")
    reflection: float = Field(0.0, ge=0, le=1, description="opacity of a reflection under the row")
    rest: float = Field(0.012, ge=0, le=0.5, description="height of a silent bar, in short sides")
    color: Color | None = Field(
        None, description="one colour for all bars; else `colors` from low to high notes"
    )
    colors: list[Color] = Field(["palette.0", "palette.1", "palette.2"], min_length=1, max_length=8)

    def prepare(self, scene: Scene) -> BarsDrawer:
        unit = scene.layout.unit
        x, y = scene.layout.place(self.anchor, self.x, self.y)
        left, _, right, _ = scene.layout.safe
        width = min(self.width * unit, right - left)
        x = min(max(x, left + width / 2), right - width / 2)
        pitch = width / self.count
        thickness = pitch * (1 - self.gap)
        tallest = self.height * unit
        up = tallest if self.origin == "bottom" else tallest / 2 if self.origin == "center" else 0.0
        down = tallest - up + (0.45 * tallest if self.reflection else 0.0)
        pad = thickness + 2 if self.peaks else 2
        colors = scene.colors([self.color] if self.color else self.colors)
        half = ramp_hex(colors, (self.count + 1) // 2 if self.mirror else self.count)
        hexes = (half[::-1] if self.count % 2 == 0 else half[:0:-1]) + half if self.mirror else half
        return BarsDrawer(
            params=self,
            picker=BandPicker(self.count, "mirror" if self.mirror else "plain"),
            lefts=(x - width / 2 + pitch * np.arange(self.count) + (pitch - thickness) / 2).tolist(),
            baseline=y,
            thickness=thickness,
            tallest=tallest,
            rest=max(self.rest * unit, thickness if self.rounded else 1.0),
            paints=[skia.Paint(AntiAlias=True, Color=skia_color(c, self.opacity)) for c in hexes],
            faint=[
                skia.Paint(AntiAlias=True, Color=skia_color(c, self.opacity * self.reflection)) for c in hexes
            ],
            bounds=Rect.around(x - width / 2 - pad, y - up - pad, x + width / 2 + pad, y + down + pad),
        )


@dataclass
class BarsDrawer:
    params: BarsLayer
    picker: BandPicker
    lefts: list[float]
    baseline: float
    thickness: float
    tallest: float
    rest: float
    paints: list[object]
    faint: list[object]
    bounds: Rect
    static: bool = field(default=False, init=False)
    glows: bool = field(default=True, init=False)

    def _heights(self, values: NDArray[np.float32]) -> list[float]:
        heights: list[float] = (self.rest + values * (self.tallest - self.rest)).tolist()
        return heights

    def draw(self, surface: Surface, frame: Frame) -> Rect | None:
        canvas = surface.canvas
        heights = self._heights(self.picker.pick(frame.timeline.spectrum(frame.index)))
        radius = self.thickness / 2 if self.params.rounded else 0.0
        share = {"bottom": 1.0, "center": 0.5, "top": 0.0}[self.params.origin]
        for left, height, paint in zip(self.lefts, heights, self.paints, strict=True):
            rect = skia.Rect.MakeXYWH(left, self.baseline - height * share, self.thickness, height)
            canvas.drawRoundRect(rect, radius, radius, paint)
        if self.params.reflection:
            for left, height, paint in zip(self.lefts, heights, self.faint, strict=True):
                rect = skia.Rect.MakeXYWH(
                    left, self.baseline + self.thickness * 0.6, self.thickness, height * 0.45
                )
                canvas.drawRoundRect(rect, radius, radius, paint)
        if self.params.peaks:
            self._draw_peaks(canvas, frame, heights, share)
        tallest = max(heights) * share + (self.thickness if not self.params.peaks else self.tallest)
        return Rect(
            self.bounds.left,
            max(self.bounds.top, int(self.baseline - tallest)),
            self.bounds.right,
            self.bounds.bottom,
        )

    def _draw_peaks(self, canvas: Any, frame: Frame, heights: list[float], share: float) -> None:
        caps = self._heights(self.picker.pick(peaks(frame)))
        size = max(2.0, self.thickness * 0.28)
        for left, cap, height, paint in zip(self.lefts, caps, heights, self.paints, strict=True):
            top = self.baseline - max(cap, height) * share - size - self.thickness * 0.5
            canvas.drawRoundRect(
                skia.Rect.MakeXYWH(left, top, self.thickness, size), size / 2, size / 2, paint
            )
