"""Progress: how far the song is, as a line and as times."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import Field

from oriel_fx.render.colors import Color, skia_color
from oriel_fx.render.layout import Rect
from oriel_fx.render.lazy import skia
from oriel_fx.render.planar import Overlay, PlanarSurface, draw_overlay
from oriel_fx.render.scene import Frame, Placed, Scene, Surface
from oriel_fx.render.shapes import AnySurface, fill_capsules, fill_dots
from oriel_fx.render.text import Figures, TextStyle


class ProgressLayer(Placed):
    """A thin line that fills, with the time gone on its left and the song's length on its right."""

    type: Literal["progress"] = "progress"
    width: float = Field(
        0.6, gt=0, le=4, description="of line and times together, in short sides; at most the safe area"
    )
    thickness: float = Field(0.004, gt=0, le=0.1, description="in short sides")
    time: bool = Field(True, description="show the times")
    size: float = Field(0.02, gt=0, le=0.2, description="height of the times, in short sides")
    color: Color = "palette.ink"
    track_opacity: float = Field(0.25, ge=0, le=1)
    knob: bool = False

    def prepare(self, scene: Scene) -> ProgressDrawer:
        unit = scene.layout.unit
        left, _, right, _ = scene.layout.safe
        width = min(self.width * unit, right - left)
        x, y = scene.layout.place(self.anchor, self.x, self.y)
        x = min(max(x, left + width / 2), right - width / 2)
        color = scene.palette.resolve(self.color)
        duration_s = scene.timeline.duration_s
        figures = Figures(TextStyle(self.size * unit, "medium", 0.02, color, 0.75 * self.opacity))
        room = figures.width(clock(duration_s, duration_s)) + 0.02 * unit if self.time else 0.0
        stroke = self.thickness * unit
        pad = 2 * stroke + 2
        half_height = max(pad, self.size * unit if self.time else 0)
        return ProgressDrawer(
            params=self,
            figures=figures,
            line=(x - width / 2 + room, x + width / 2 - room, y),
            edges=(x - width / 2, x + width / 2),
            stroke=stroke,
            duration_s=duration_s,
            track=_line_paint(color, self.opacity * self.track_opacity),
            color=color,
            bounds=Rect.around(x - width / 2 - pad, y - half_height, x + width / 2 + pad, y + half_height),
        )


def clock(time_s: float, duration_s: float) -> str:
    """Seconds as m:ss, or h:mm:ss where the song is that long."""
    whole = int(time_s + 1e-6)
    if duration_s >= 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}"


def _line_paint(color: str, opacity: float) -> Any:
    return skia.Paint(AntiAlias=True, Color=skia_color(color, opacity))


@dataclass
class ProgressDrawer:
    params: ProgressLayer
    figures: Figures
    line: tuple[float, float, float]
    edges: tuple[float, float]
    stroke: float
    duration_s: float
    track: Any
    color: str
    bounds: Rect
    static: bool = field(default=False, init=False)
    glows: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._kept: tuple[str, Overlay] | None = None

    def state(self, frame: Frame) -> Hashable | None:
        return None

    def planar(self, flat: bool) -> bool:
        return True

    def draw(self, surface: AnySurface, frame: Frame) -> Rect | None:
        if isinstance(surface, PlanarSurface):
            self._times_overlay(frame, surface.shape).lay_on(surface.planes)
        else:
            self._draw_times(surface, frame)
        left, right, y = self.line
        part = min(1.0, frame.time_s / self.duration_s) if self.duration_s else 1.0
        at = max(left + (right - left) * part, left + self.stroke)
        ends = np.array([[left + self.stroke / 2, y], [at - self.stroke / 2, y]], np.float32)
        fill_capsules(surface, ends[:1], ends[1:], self.stroke, [self.color], self.params.opacity)
        if self.params.knob:
            knob = np.array([[at, y]], np.float32)
            fill_dots(surface, knob, np.array([self.stroke * 2], np.float32), [self.color], self.params.opacity)
        return None

    def _draw_times(self, surface: Surface, frame: Frame) -> None:
        """What changes once a second: the track and the times."""
        canvas = surface.canvas
        left, right, y = self.line
        half_px = self.stroke / 2
        canvas.drawRoundRect(skia.Rect.MakeLTRB(left, y - half_px, right, y + half_px), half_px, half_px, self.track)
        if self.params.time:
            self.figures.draw(canvas, clock(frame.time_s, self.duration_s), self.edges[0], y, "left")
            self.figures.draw(canvas, clock(self.duration_s, self.duration_s), self.edges[1], y, "right")

    def _times_overlay(self, frame: Frame, shape: tuple[int, int]) -> Overlay:
        shown = clock(frame.time_s, self.duration_s)
        if self._kept is None or self._kept[0] != shown:
            area = self.bounds.align(2).intersect(Rect(0, 0, shape[1], shape[0]))
            self._kept = shown, draw_overlay(lambda surface: self._draw_times(surface, frame), area)
        return self._kept[1]
