"""Radial: the spectrum as bars round a circle."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oriel_fx.render.colors import Color, ramp_hex
from oriel_fx.render.layers.bands import BandPicker
from oriel_fx.render.layout import Rect
from oriel_fx.render.scene import Frame, Placed, Scene
from oriel_fx.render.shapes import AnySurface, fill_capsules

# The big thing moves a little: full bass weight makes the ring this much larger.
BREATH = 0.06


class RadialLayer(Placed):
    """Bars round a circle, low notes at the bottom, both halves alike, so that the ring closes without a seam."""

    type: Literal["radial"] = "radial"
    count: int = Field(180, ge=12, le=360)
    radius: float = Field(0.24, gt=0, le=1, description="of the circle the bars stand on, in short sides")
    length: float = Field(0.14, gt=0, le=1, description="of the longest bar, in short sides")
    thickness: float = Field(0.5, gt=0, le=1, description="share of each bar's place that is filled")
    rest: float = Field(0.008, ge=0, le=0.5, description="length of a silent bar, in short sides")
    turn: float = Field(0.0, ge=-360, le=360, description="degrees the ring is turned clockwise")
    breath: float = Field(1.0, ge=0, le=4, description="how much the bass swells the ring; 0 holds it still")
    color: Color | None = None
    colors: list[Color] = Field(["palette.0", "palette.1", "palette.2"], min_length=1, max_length=8)

    def prepare(self, scene: Scene) -> RadialDrawer:
        unit = scene.layout.unit
        x, y = scene.layout.place(self.anchor, self.x, self.y)
        angles = (np.arange(self.count) + 0.5) / self.count * 2 * math.pi + math.pi / 2 + math.radians(self.turn)
        half = (self.count + 1) // 2
        ramp = ramp_hex(scene.colors([self.color] if self.color else self.colors), half)
        stroke = 2 * math.pi * self.radius * unit / self.count * self.thickness
        reach = (self.radius + max(self.length, self.rest)) * unit * (1 + BREATH * 1.2 * self.breath) + stroke + 2
        bounds = Rect.around(x - reach, y - reach, x + reach, y + reach)
        return RadialDrawer(
            params=self,
            picker=BandPicker(self.count, "ring"),
            centre=(x, y),
            directions=np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32),
            unit=unit,
            colors=[ramp[min(i, self.count - 1 - i)] for i in range(self.count)],
            stroke=stroke,
            bounds=bounds,
        )


@dataclass
class RadialDrawer:
    params: RadialLayer
    picker: BandPicker
    centre: tuple[float, float]
    directions: NDArray[np.float32]
    unit: float
    colors: list[str]
    stroke: float
    bounds: Rect
    static: bool = field(default=False, init=False)
    glows: bool = field(default=True, init=False)

    def state(self, frame: Frame) -> Hashable | None:
        return None

    def planar(self, flat: bool) -> bool:
        return True

    def draw(self, surface: AnySurface, frame: Frame) -> Rect | None:
        values = self.picker.pick(frame.timeline.spectrum(frame.index))
        swell = 1 + BREATH * self.params.breath * min(1.2, frame.timeline.weight(frame.index))
        inner = self.params.radius * self.unit * swell
        lengths = (self.params.rest + values * (self.params.length - self.params.rest)) * self.unit
        centre = np.array(self.centre, np.float32)
        starts = self.directions * np.float32(inner) + centre
        ends = self.directions * (inner + lengths).astype(np.float32)[:, None] + centre
        fill_capsules(surface, starts, ends, self.stroke, self.colors, self.params.opacity)
        pad = self.stroke + 2
        (left, top), (right, bottom) = (ends.min(axis=0) - pad).tolist(), (ends.max(axis=0) + pad).tolist()
        return Rect.around(left, top, right, bottom)
