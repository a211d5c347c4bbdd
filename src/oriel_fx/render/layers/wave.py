"""Wave: the sound itself as a line, a filled shape, or overlapping ribbons of colour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oriel_fx.render.colors import Color, skia_color
from oriel_fx.render.layout import Rect
from oriel_fx.render.lazy import skia
from oriel_fx.render.scene import Frame, Placed, Scene, Surface

Curve = NDArray[np.float32]


class WaveLayer(Placed):
    """`line` is an oscilloscope; `filled` the same as a solid shape round its axis; `ribbons` the spectrum as soft lenses of colour."""

    type: Literal["wave"] = "wave"
    style: Literal["line", "filled", "ribbons"] = "line"
    width: float = Field(4.0, gt=0, le=4, description="in short sides; at most the whole picture")
    height: float = Field(0.4, gt=0, le=2, description="of the largest swing, top to bottom, in short sides")
    thickness: float = Field(0.005, gt=0, le=0.1, description="of the line, in short sides")
    span: float = Field(0.04, ge=0.005, le=2, description="seconds of sound shown at once")
    steady: bool = Field(True, description="hold a steady tone still, as an oscilloscope's trigger does")
    points: int = Field(160, ge=16, le=1920, description="points the sound is sampled at; fewer are smoother")
    blend: Literal["normal", "multiply", "screen"] = "normal"
    color: Color | None = None
    colors: list[Color] = Field(["palette.0", "palette.1", "palette.2"], min_length=1, max_length=6)

    def prepare(self, scene: Scene) -> WaveDrawer:
        unit = scene.layout.unit
        width = min(self.width * unit, float(scene.layout.width))
        x, y = scene.layout.place(self.anchor, self.x, self.y)
        x = min(max(x, width / 2), scene.layout.width - width / 2)
        stroke = self.thickness * unit
        reach = self.height * unit / 2 + stroke + 2
        colors = scene.colors([self.color] if self.color else self.colors)
        blend = {
            "normal": skia.BlendMode.kSrcOver,
            "multiply": skia.BlendMode.kMultiply,
            "screen": skia.BlendMode.kScreen,
        }[self.blend]
        line = {
            "Style": skia.Paint.kStroke_Style,
            "StrokeWidth": stroke,
            "StrokeJoin": skia.Paint.kRound_Join,
        }
        paints = [
            skia.Paint(
                AntiAlias=True,
                Color=skia_color(color, self.opacity),
                BlendMode=blend,
                **(line | {"StrokeCap": skia.Paint.kRound_Cap} if self.style == "line" else {}),
            )
            for color in colors
        ]
        count = 181 if self.style == "ribbons" else self.points * CURVE_STEPS
        return WaveDrawer(
            params=self,
            xs=np.linspace(x - width / 2, x + width / 2, count, dtype=np.float32),
            taper=np.sin(np.linspace(0, np.pi, count)).astype(np.float32) ** 0.7,
            y=y,
            swing=self.height * unit / 2,
            stroke=stroke,
            paints=paints,
            bumps=_bumps(count, len(colors)),
            bounds=Rect.around(x - width / 2 - stroke - 2, y - reach, x + width / 2 + stroke + 2, y + reach),
        )


RIBBON_BUMPS = 13
CURVE_STEPS = 3


def _curve(sound: Curve) -> Curve:
    """Points joined by a smooth curve: CURVE_STEPS times as many, of a quadratic B-spline."""
    padded = np.repeat(np.pad(sound, 1, mode="edge"), CURVE_STEPS)
    kernel = np.ones(CURVE_STEPS, np.float32) / CURVE_STEPS
    smooth = np.convolve(np.convolve(padded, kernel, "same"), kernel, "same")
    return np.ascontiguousarray(smooth[CURVE_STEPS:-CURVE_STEPS], np.float32)


def _bumps(count: int, n_colors: int) -> NDArray[np.float32]:
    """(n_colors, count, 128): how much each band lifts each point of each ribbon.

    Lenses stand along the axis, low notes left, the colours taking turns; neighbours overlap.
    """
    along = np.linspace(0, 1, count)
    bands = np.linspace(0, 1, 128)
    matrix = np.zeros((n_colors, count, 128), np.float32)
    for bump in range(RIBBON_BUMPS):
        centre = (bump + 0.5) / RIBBON_BUMPS
        shape = np.exp(-(((along - (0.06 + 0.88 * centre)) / 0.062) ** 2))
        hears = np.maximum(0, 1 - np.abs(bands - centre) * RIBBON_BUMPS)
        matrix[bump % n_colors] += (shape[:, None] * (hears / hears.sum())[None, :]).astype(np.float32)
    return matrix


def _polygon(xs: Curve, ys: Curve, closed_by: Curve | None = None) -> Any:
    points = [skia.Point(x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
    if closed_by is not None:
        points += [skia.Point(x, y) for x, y in zip(xs[::-1].tolist(), closed_by[::-1].tolist(), strict=True)]
    path = skia.Path()
    path.addPoly(points, closed_by is not None)
    return path


@dataclass
class WaveDrawer:
    params: WaveLayer
    xs: Curve
    taper: Curve
    y: float
    swing: float
    stroke: float
    paints: list[Any]
    bumps: NDArray[np.float32]
    bounds: Rect
    static: bool = field(default=False, init=False)
    glows: bool = field(default=True, init=False)

    def draw(self, surface: Surface, frame: Frame) -> Rect | None:
        if self.params.style == "ribbons":
            reach = self._draw_ribbons(surface.canvas, frame)
        else:
            reach = self._draw_sound(surface.canvas, frame)
        height = int(reach + self.stroke) + 2
        return Rect(self.bounds.left, int(self.y) - height, self.bounds.right, int(self.y) + height + 1)

    def _draw_sound(self, canvas: Any, frame: Frame) -> float:
        sound = frame.timeline.waveform(
            frame.index, len(self.xs), self.params.span, trigger=self.params.steady
        )
        # Loud songs fill the height without flattening their peaks, quiet ones are still seen.
        swings = np.tanh(sound * 1.6) * self.taper * self.swing
        if self.params.style == "line":
            canvas.drawPath(_polygon(self.xs, self.y - swings), self.paints[0])
        else:
            half = np.abs(swings) + self.stroke / 2
            canvas.drawPath(_polygon(self.xs, self.y - half, self.y + half), self.paints[0])
        return float(np.abs(swings).max())

    def _draw_ribbons(self, canvas: Any, frame: Frame) -> float:
        spectrum = frame.timeline.spectrum(frame.index)
        tallest = 0.0
        for lift, paint in zip(self.bumps, self.paints, strict=True):
            half = (lift @ spectrum) * self.swing * 1.25 * self.taper
            half = np.minimum(half, self.swing) + self.stroke / 2
            canvas.drawPath(_polygon(self.xs, self.y - half, self.y + half), paint)
            tallest = max(tallest, float(half.max()))
        return tallest
