"""Wireframe: one turning solid, the look of the original Oriel visualizer."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from oriel_fx.render.colors import Color, blend, mix
from oriel_fx.render.layout import Anchor, Rect
from oriel_fx.render.nearest import did_you_mean
from oriel_fx.render.scene import Frame, Placed, Scene
from oriel_fx.render.shapes import AnySurface, fill_capsules, fill_dots
from oriel_fx.render.solids import NEAR, SHAPES, Solid, build_solid, clip_edges, project, rotate_xy

DEPTH_SHADES = 6
# As many as an analyser's byte tells apart.
COLOR_STEPS = 255
# Lights on corners told apart by their nearness.
LIGHT_STEPS = 16


class WireframeLayer(Placed):
    """A solid turning at `rotation_speed`, swelling with the bass, coloured by the treble.

    Bass and treble are an AnalyserNode's bytes at `bass_frequency` and `treble_frequency` (bins of 172 Hz).
    """

    type: Literal["wireframe"] = "wireframe"
    anchor: Anchor = "middle"
    shape: str = Field("cube", json_schema_extra={"enum": list(SHAPES)})
    size: float = Field(4.0, gt=0, le=20, description="as in the original: the camera stands 10 away")
    base_color: Color = "#ffffff"
    glow_color: Color = "#00ffff"
    rotation_speed: float = Field(0.1, ge=-20, le=20, description="radians a second about x; 1.5 times that about y")
    pulse_intensity: float = Field(1.5, ge=0, le=10, description="full bass scales the solid by 1 + this")
    bass_frequency: int = Field(2, ge=0, le=126, description="bin the bass is read at")
    treble_frequency: int = Field(50, ge=0, le=126, description="bin the treble is read at")
    thickness: float = Field(0.0015, gt=0, le=0.05, description="of the lines, in short sides")
    depth: float = Field(0.0, ge=0, le=1, description="how much far lines fade into the ground")
    vertices: float = Field(0.0, ge=0, le=0.05, description="radius of dots on the corners, in short sides")
    motion: Literal["classic", "smooth"] = Field(
        "classic", description="classic reads the analyser; smooth moves with mass, as the other layers do"
    )

    @field_validator("shape")
    @classmethod
    def _known_shape(cls, value: str) -> str:
        if value not in SHAPES:
            guess = did_you_mean(value, SHAPES)
            raise ValueError(f"{value!r} is not a shape{guess}; shapes are {', '.join(SHAPES)}")
        return value

    def prepare(self, scene: Scene) -> WireframeDrawer:
        layout = scene.layout
        x, y = layout.place(self.anchor, self.x, self.y)
        return WireframeDrawer(
            params=self,
            solid=build_solid(self.shape, self.size, scene.seed),
            size_px=(layout.width, layout.height),
            shift=(x - layout.width / 2, y - layout.height / 2),
            stroke=max(1.0, self.thickness * layout.unit),
            dot_px=self.vertices * layout.unit,
            colors=(scene.palette.resolve(self.base_color), scene.palette.resolve(self.glow_color)),
            ground=scene.palette.ground,
            bounds=layout.frame,
        )


@dataclass
class WireframeDrawer:
    params: WireframeLayer
    solid: Solid
    size_px: tuple[int, int]
    shift: tuple[float, float]
    stroke: float
    dot_px: float
    colors: tuple[str, str]
    ground: str
    bounds: Rect
    static: bool = field(default=False, init=False)
    glows: bool = field(default=True, init=False)

    def state(self, frame: Frame) -> Hashable | None:
        return None

    def planar(self, flat: bool) -> bool:
        return True

    def draw(self, surface: AnySurface, frame: Frame) -> Rect | None:
        bass, treble = self._energies(frame)
        params = self.params
        scale = 1 + bass * params.pulse_intensity
        angle = frame.time_s * params.rotation_speed
        vertices = rotate_xy(self.solid.vertices * np.float32(scale), angle, 1.5 * angle)
        segments, depths = clip_edges(vertices, self.solid.edges, *self.size_px)
        if not len(segments):
            return Rect(0, 0, 0, 0)
        segments = segments + np.array(self.shift, np.float32)
        # In sRGB, as the original's lerp does.
        color = blend(self.colors[0], self.colors[1], round(treble * COLOR_STEPS) / COLOR_STEPS)
        self._draw_lines(surface, segments, depths, color)
        if self.dot_px:
            self._draw_dots(surface, vertices, color, frame)
        pad = self.stroke + self.dot_px * 2 + 2
        ends = segments.reshape(-1, 2)
        low, high = ends.min(axis=0) - pad, ends.max(axis=0) + pad
        return Rect.around(*np.clip([*low, *high], -1e4, 1e5).tolist()).intersect(self.bounds)

    def _energies(self, frame: Frame) -> tuple[float, float]:
        if self.params.motion == "smooth":
            return frame.timeline.weight(frame.index), frame.timeline.treble(frame.index)
        return (
            frame.timeline.analyser(frame.index, self.params.bass_frequency),
            frame.timeline.analyser(frame.index, self.params.treble_frequency),
        )

    def _shades(self, depths: NDArray[np.float32]) -> NDArray[np.int64]:
        """Nearness of each line, 0 (farthest) to DEPTH_SHADES - 1, so far ones are drawn first."""
        span = float(np.ptp(depths)) or 1.0
        near = 1 - (depths - depths.min()) / span
        return np.asarray(np.minimum((near * DEPTH_SHADES).astype(np.int64), DEPTH_SHADES - 1))

    def _draw_lines(
        self, surface: AnySurface, segments: NDArray[np.float32], depths: NDArray[np.float32], color: str
    ) -> None:
        if self.params.depth:
            groups = self._shades(depths)
            order = np.argsort(groups, kind="stable")
            segments, groups = segments[order], groups[order]
        else:
            groups = np.full(len(depths), DEPTH_SHADES - 1)
        fades = self.params.depth * (1 - np.arange(DEPTH_SHADES) / (DEPTH_SHADES - 1))
        # Far lines sink into the ground's colour; near ones then lie over them without mixing.
        shown = [mix(self.ground, mix(color, self.colors[0], fade), 1 - 0.75 * fade) for fade in fades.tolist()]
        widths = (self.stroke * (1 - 0.35 * fades)).astype(np.float32)[groups]
        colors = [shown[group] for group in groups.tolist()]
        starts, ends = segments[:, 0], segments[:, 1]
        fill_capsules(surface, starts, ends, widths, colors, self.params.opacity, self.stroke > 2.5)

    def _draw_dots(self, surface: AnySurface, vertices: NDArray[np.float32], color: str, frame: Frame) -> None:
        """A light on each corner, the nearer the brighter; the hats make them sparkle."""
        points, depths = project(vertices, *self.size_px)
        seen = depths >= NEAR
        points, depths = (points + np.array(self.shift, np.float32))[seen], depths[seen]
        near = 1 - (depths - depths.min()) / (float(np.ptp(depths)) or 1.0)
        light = mix(color, "#ffffff", 0.75)
        radius = self.dot_px * (0.8 + 0.6 * frame.timeline.sparkle(frame.index))
        order = np.argsort(near)
        points, near = points[order], near[order].astype(np.float32)
        shown = [mix(self.ground, light, step / LIGHT_STEPS) for step in range(LIGHT_STEPS + 1)]
        colors = [shown[step] for step in np.round((0.25 + 0.75 * near) * LIGHT_STEPS).astype(int).tolist()]
        fill_dots(surface, points, radius * (0.6 + 0.6 * near), colors, self.params.opacity)
