"""Wave: the sound itself as a line, a filled shape, or overlapping ribbons of colour."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oriel_fx.render import raster
from oriel_fx.render.colors import Color, hex_to_rgb, skia_color
from oriel_fx.render.layout import Rect
from oriel_fx.render.lazy import skia
from oriel_fx.render.pixels import luma_and_differences
from oriel_fx.render.planar import PlanarSurface, half
from oriel_fx.render.scene import Frame, Pixels, Placed, Scene, Surface
from oriel_fx.render.shapes import AnySurface, cover_polygon, stroke_polyline

Curve = NDArray[np.float32]


class WaveLayer(Placed):
    """`line` is an oscilloscope; `filled` the same, solid; `ribbons` the spectrum as soft lenses of colour."""

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
        if self.style == "ribbons":
            # Between two pixels of every plane: both sides of the axis are then alike.
            y = round(y / 2) * 2.0
        stroke = self.thickness * unit
        reach = self.height * unit / 2 + stroke + 2
        colors = scene.colors([self.color] if self.color else self.colors)
        blend = {
            "normal": skia.BlendMode.kSrcOver,
            "multiply": skia.BlendMode.kMultiply,
            "screen": skia.BlendMode.kScreen,
        }[self.blend]
        paints = [
            skia.Paint(AntiAlias=True, Color=skia_color(color, self.opacity), BlendMode=blend) for color in colors
        ]
        if self.style == "line":
            for paint in paints:
                paint.setStyle(skia.Paint.kStroke_Style)
                paint.setStrokeWidth(stroke)
                paint.setStrokeJoin(skia.Paint.kRound_Join)
                paint.setStrokeCap(skia.Paint.kRound_Cap)
        count = 181 if self.style == "ribbons" else self.points * CURVE_STEPS
        filters = self.style == "ribbons" and self.blend == "multiply" and len(colors) <= MOST_FILTERS
        return WaveDrawer(
            params=self,
            xs=np.linspace(x - width / 2, x + width / 2, count, dtype=np.float32),
            taper=np.sin(np.linspace(0, np.pi, count)).astype(np.float32) ** 0.7,
            y=y,
            swing=self.height * unit / 2,
            stroke=stroke,
            colors=colors,
            paints=paints,
            bumps=_bumps(count, len(colors)),
            filters=_filters(colors, self.opacity) if filters else None,
            bounds=Rect.around(x - width / 2 - stroke - 2, y - reach, x + width / 2 + stroke + 2, y + reach),
        )


RIBBON_BUMPS = 13
CURVE_STEPS = 3


def _curve(sound: Curve) -> Curve:
    """Points joined by a smooth curve: CURVE_STEPS times as many, of a quadratic B-spline."""
    padded = np.repeat(np.concatenate([sound[:1], sound, sound[-1:]]), CURVE_STEPS)
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


# As many coverages of an edge pixel are told apart; with three filters all combinations fit in a byte.
EDGE_STEPS = 6
MOST_FILTERS = 3


def _filters(colors: list[str], opacity: float) -> NDArray[np.uint32]:
    """What coloured glasses let through, packed RGBA, by the number whose digits (base EDGE_STEPS) are their covers."""
    through = np.full((EDGE_STEPS ** len(colors), 4), 255.0)
    codes = np.arange(len(through))
    for place, color in enumerate(colors):
        cover = codes // EDGE_STEPS**place % EDGE_STEPS / (EDGE_STEPS - 1) * opacity
        through[:, :3] *= 1 - cover[:, None] * (1 - np.array(hex_to_rgb(color)))
    return np.round(through).astype(np.uint8).view(np.uint32).reshape(-1)


@cache
def _flat_tables(filters: bytes, ground: str) -> tuple[Pixels, Pixels, Pixels]:
    """Y', Cb and Cr of a flat ground seen through each combination of glasses, 256 levels each."""
    through = np.frombuffer(filters, np.uint8).reshape(-1, 4)[:, :3].astype(np.float32)
    luma, blue, red = luma_and_differences(through * np.array(hex_to_rgb(ground), np.float32))
    tables = np.zeros((3, 256), np.uint8)
    for table, part, base in zip(tables, (luma, blue, red), (16, 128, 128), strict=True):
        table[: len(part)] = np.round(part + base)
    return tables[0], tables[1], tables[2]


def _lens(xs: Curve, y: float, half: Curve) -> Curve:
    """The outline of a shape as high above y as below it: (2 n, 2)."""
    above, below = np.stack([xs, y - half], axis=1), np.stack([xs, y + half], axis=1)
    return np.concatenate([above, below[::-1]]).astype(np.float32)


def _path(points: Curve, closed: bool) -> Any:
    path = skia.Path()
    path.addPoly([skia.Point(x, y) for x, y in points.tolist()], closed)
    return path


@dataclass
class WaveDrawer:
    params: WaveLayer
    xs: Curve
    taper: Curve
    y: float
    swing: float
    stroke: float
    colors: list[str]
    paints: list[Any]
    bumps: NDArray[np.float32]
    filters: NDArray[np.uint32] | None
    bounds: Rect
    static: bool = field(default=False, init=False)
    glows: bool = field(default=True, init=False)

    def state(self, frame: Frame) -> Hashable | None:
        return None

    def planar(self, flat: bool) -> bool:
        if self.params.style == "ribbons":
            return flat and self.filters is not None
        return self.params.style == "line" and self.params.blend == "normal"

    def draw(self, surface: AnySurface, frame: Frame) -> Rect | None:
        if self.params.style == "ribbons":
            reach = self._draw_ribbons(surface, frame)
        else:
            reach = self._draw_sound(surface, frame)
        height = int(reach + self.stroke) + 2
        touched = Rect(self.bounds.left, int(self.y) - height, self.bounds.right, int(self.y) + height + 1)
        return touched.intersect(self.bounds)

    def _draw_sound(self, surface: AnySurface, frame: Frame) -> float:
        params = self.params
        sound = frame.timeline.waveform(frame.index, params.points, params.span, trigger=params.steady)
        # Loud songs fill the height without flattening their peaks, quiet ones are still seen.
        swings = np.tanh(_curve(sound) * 1.6) * self.taper * self.swing
        if params.style == "line":
            self._stroke(surface, np.stack([self.xs, self.y - swings], axis=1))
        else:
            assert isinstance(surface, Surface)
            thick = np.abs(swings) + self.stroke / 2
            surface.canvas.drawPath(_path(_lens(self.xs, self.y, thick), closed=True), self.paints[0])
        return float(np.abs(swings).max())

    def _stroke(self, surface: AnySurface, points: Curve) -> None:
        if isinstance(surface, PlanarSurface) or self.params.blend == "normal":
            stroke_polyline(surface, points, self.stroke, self.colors[0], self.params.opacity)
        else:
            surface.canvas.drawPath(_path(points, closed=False), self.paints[0])

    def _draw_ribbons(self, surface: AnySurface, frame: Frame) -> float:
        spectrum = frame.timeline.spectrum(frame.index)
        halves = np.einsum("ijk,k->ij", self.bumps, spectrum) * (self.swing * 1.25) * self.taper
        halves = np.minimum(halves, self.swing) + self.stroke / 2
        tallest = float(halves.max())
        if isinstance(surface, PlanarSurface):
            self._filter_flat(surface, halves, tallest)
        elif self.filters is not None:
            self._filter(surface.pixels, halves, tallest)
        else:
            for ribbon, paint in zip(halves, self.paints, strict=True):
                surface.canvas.drawPath(_path(_lens(self.xs, self.y, ribbon), closed=True), paint)
        return tallest

    def _filter(self, pixels: Pixels, halves: Curve, tallest: float) -> None:
        """Lay the ribbons over the picture as coloured glass: all of them in one pass, by how each covers a pixel."""
        assert self.filters is not None
        area = self._area(pixels.shape[1], tallest)
        covers = self._covers(halves, area, 1.0)
        glass = self.filters[np.concatenate([covers, covers[::-1]])].view(np.uint8).reshape(-1, area.width, 4)
        whole = Rect(area.left, area.top, area.right, area.bottom + area.height)
        seen = whole.intersect(Rect(0, 0, pixels.shape[1], pixels.shape[0]))
        part = pixels[seen.slices]
        cv2.multiply(part, glass[seen.top - whole.top : seen.bottom - whole.top], part, 1 / 255)

    def _filter_flat(self, surface: PlanarSurface, halves: Curve, tallest: float) -> None:
        """The same over one flat colour: each combination of glasses then has one colour, looked up per plane."""
        assert self.filters is not None and surface.flat_ground is not None
        area = self._area(surface.shape[1], tallest)
        planes, small = surface.planes, half(area)
        covers, small_covers = self._covers(halves, area, 1.0), self._covers(halves, small, 0.5)
        tables = _flat_tables(self.filters.tobytes(), surface.flat_ground)
        luma, blue, red = tables
        _lay_on_both_sides(planes.y, area, covers, luma)
        _lay_on_both_sides(planes.u, small, small_covers, blue)
        _lay_on_both_sides(planes.v, small, small_covers, red)

    def _area(self, frame_width: int, tallest: float) -> Rect:
        """What the ribbons may cover above the axis, even where that is above the picture."""
        area = Rect.around(self.xs[0], self.y - tallest - 2, self.xs[-1], self.y).align(2)
        return Rect(max(area.left, 0), area.top, min(area.right, frame_width), area.bottom)

    def _covers(self, halves: Curve, area: Rect, scale: float) -> Pixels:
        """For each pixel of an area above the axis the number that tells how each ribbon covers it."""
        covers = np.zeros((area.height, area.width), np.uint8)
        xs = self.xs * np.float32(scale) - area.left
        for place, ribbon in enumerate(halves * np.float32(scale)):
            # Only so high as this ribbon is; below the axis it goes on unseen.
            rows = min(area.height, math.ceil(ribbon.max()) + 2)
            mask = np.zeros((rows, area.width), np.uint8)
            outline = np.stack([xs, rows - ribbon], axis=1)
            cover_polygon(mask, np.concatenate([outline, [[xs[-1], rows + 4], [xs[0], rows + 4]]]))
            raster.add_digits(covers[area.height - rows :], mask, steps=EDGE_STEPS - 1, weight=EDGE_STEPS**place)
        return covers


def _lay_on_both_sides(plane: Pixels, area: Rect, covers: Pixels, table: Pixels) -> None:
    """Show what covers an area, whose bottom is the axis, there and upside down below."""
    seen = area.intersect(Rect(0, 0, plane.shape[1], plane.shape[0]))
    own = table.copy()
    # Uncovered pixels keep the very level they have: one off would show as a pale box round the ribbons.
    own[0] = plane[min(seen.top, plane.shape[0] - 1), seen.left]
    for top, codes in ((area.top, covers), (area.bottom, covers[::-1])):
        first, end = max(0, -top), min(len(covers), plane.shape[0] - top)
        if first < end:
            raster.look_up(
                *_in_memory_order(plane[top + first : top + end, area.left : area.right], codes[first:end]), own
            )


def _in_memory_order(part: Pixels, codes: Pixels) -> tuple[Pixels, Pixels]:
    """Codes in the order they lie in memory, and what they are for likewise."""
    return (part, codes) if codes.strides[0] > 0 else (part[::-1], codes[::-1])
