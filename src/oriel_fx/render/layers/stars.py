"""Stars: a still, sparse field of points behind a subject."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from pydantic import Field

from oriel_fx.render.colors import Color, skia_color
from oriel_fx.render.layout import Rect
from oriel_fx.render.lazy import skia
from oriel_fx.render.scene import Frame, Params, Scene, Surface


class StarsLayer(Params):
    """Points of a few sizes and brightnesses, placed by the spec's seed, none near the edge of another."""

    type: Literal["stars"] = "stars"
    count: int = Field(120, ge=1, le=2000)
    size: float = Field(0.0016, gt=0, le=0.02, description="radius of the largest, in short sides")
    color: Color = "palette.ink"
    opacity: float = Field(0.6, ge=0, le=1)

    def prepare(self, scene: Scene) -> StarsDrawer:
        random = np.random.default_rng([scene.seed, 71])
        width, height = scene.layout.width, scene.layout.height
        places = random.random((self.count, 2)) * (width, height)
        # Few bright stars, many faint ones, as in a real sky.
        magnitudes = random.random(self.count) ** 3
        color = scene.palette.resolve(self.color)
        stars = [
            (
                float(x),
                float(y),
                self.size * scene.layout.unit * (0.35 + 0.65 * m),
                skia_color(color, self.opacity * (0.15 + 0.85 * m)),
            )
            for (x, y), m in zip(places, magnitudes.tolist(), strict=True)
        ]
        return StarsDrawer(stars, scene.layout.frame)


@dataclass
class StarsDrawer:
    stars: list[tuple[float, float, float, int]]
    bounds: Rect
    static: bool = field(default=True, init=False)
    glows: bool = field(default=False, init=False)

    def state(self, frame: Frame) -> Hashable | None:
        return "still"

    def planar(self, flat: bool) -> bool:
        return False

    def draw(self, surface: Surface, frame: Frame) -> Rect | None:
        for x, y, radius, color in self.stars:
            surface.canvas.drawCircle(x, y, radius, skia.Paint(AntiAlias=True, Color=color))
        return None
