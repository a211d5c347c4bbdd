"""Image: the cover art or a picture, round or square, breathing with the bass if asked."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field

from oriel_fx.render.colors import Color, skia_color
from oriel_fx.render.layers.radial import BREATH
from oriel_fx.render.layout import Rect
from oriel_fx.render.lazy import skia
from oriel_fx.render.scene import Frame, Pixels, Placed, Scene, Surface


class ImageLayer(Placed):
    """A picture: `cover` (from the song's tags, or drawn from its title when there is none) or an asset's name."""

    type: Literal["image"] = "image"
    source: str = Field("cover", max_length=255)
    width: float = Field(0.4, gt=0, le=4, description="in short sides")
    height: float | None = Field(
        None, gt=0, le=4, description="in short sides; by default square for circles, else the picture's shape"
    )
    shape: Literal["circle", "rounded", "square"] = "square"
    corner: float = Field(0.02, ge=0, le=0.5, description="radius of rounded corners, in short sides")
    outline: float = Field(0.0, ge=0, le=0.1, description="thickness of a line round it, in short sides")
    outline_color: Color = "palette.ink"
    outline_opacity: float = Field(0.35, ge=0, le=1)
    breath: float = Field(0.0, ge=0, le=4, description="how much the bass swells it; 0 holds it still")
    spin: float = Field(0.0, ge=-120, le=120, description="turns a minute, as a record; for circles")

    def prepare(self, scene: Scene) -> ImageDrawer:
        unit = scene.layout.unit
        pixels = scene.load_image(self.source)
        width = self.width * unit
        if self.height is not None:
            height = self.height * unit
        else:
            height = width if self.shape == "circle" else width * pixels.shape[0] / pixels.shape[1]
        x, y = scene.layout.place(self.anchor, self.x, self.y)
        x -= width / 2 * (-1 if "left" in self.anchor else 1 if "right" in self.anchor else 0)
        y -= height / 2 * (-1 if "top" in self.anchor else 1 if "bottom" in self.anchor else 0)
        largest = 1 + BREATH * 1.2 * self.breath
        line = self.outline * unit
        half_width, half_height = width / 2 * largest + line + 2, height / 2 * largest + line + 2
        if self.spin:
            half_width = half_height = math.hypot(half_width, half_height)
        return ImageDrawer(
            params=self,
            image=_scaled(pixels, width * largest, height * largest),
            centre=(x, y),
            size=(width, height),
            unit=unit,
            outline=skia.Paint(
                AntiAlias=True,
                Style=skia.Paint.kStroke_Style,
                StrokeWidth=max(0.1, line),
                Color=skia_color(scene.palette.resolve(self.outline_color), self.outline_opacity * self.opacity),
            ),
            bounds=Rect.around(x - half_width, y - half_height, x + half_width, y + half_height),
            static=self.breath == 0 and self.spin == 0,
        )


def _scaled(pixels: Pixels, width: float, height: float) -> Any:
    """Crop to the shape and shrink once, so that drawing it each frame samples few pixels without shimmer."""
    rows, columns = pixels.shape[:2]
    keep_columns = max(1, min(columns, round(rows * width / height)))
    keep_rows = max(1, min(rows, round(columns * height / width)))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    cropped = pixels[top : top + keep_rows, left : left + keep_columns]
    shrink = width < keep_columns
    target = (max(1, round(width)), max(1, round(height)))
    scaled = cv2.resize(cropped, target, interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC)
    return skia.Image.fromarray(np.ascontiguousarray(scaled), skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)


# A swelling picture is drawn once for each of this many sizes: resampling it anew every frame costs ten times as much.
SWELL_STEPS = 40


@dataclass
class ImageDrawer:
    params: ImageLayer
    image: Any
    centre: tuple[float, float]
    size: tuple[float, float]
    unit: float
    outline: Any
    bounds: Rect
    static: bool
    glows: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._swollen: dict[int, Any] = {}

    def state(self, frame: Frame) -> Hashable | None:
        if self.params.spin:
            return None
        return self._step(frame)

    def _step(self, frame: Frame) -> int:
        """Which of the SWELL_STEPS sizes the picture has."""
        if not self.params.breath:
            return 0
        return round(min(1.2, frame.timeline.weight(frame.index)) / 1.2 * SWELL_STEPS)

    def planar(self, flat: bool) -> bool:
        return False

    def draw(self, surface: Surface, frame: Frame) -> Rect | None:
        breath = BREATH * self.params.breath
        step = self._step(frame)
        swell = 1 + breath * 1.2 * step / SWELL_STEPS
        if self.params.spin or not breath:
            self._paint(surface.canvas, swell, frame.time_s * self.params.spin * 6 % 360)
            return None
        if step not in self._swollen:
            self._swollen[step] = self._drawn_once(swell)
        nearest = skia.SamplingOptions(skia.FilterMode.kNearest)
        surface.canvas.drawImage(self._swollen[step], self.bounds.left, self.bounds.top, nearest)
        return None

    def _drawn_once(self, swell: float) -> Any:
        """The picture at one size, on a transparent bitmap as large as its bounds."""
        own = Surface(np.zeros((self.bounds.height, self.bounds.width, 4), np.uint8))
        own.canvas.translate(-self.bounds.left, -self.bounds.top)
        self._paint(own.canvas, swell, 0.0)
        return skia.Image.fromarray(own.pixels, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)

    def _paint(self, canvas: Any, swell: float, degrees: float) -> None:
        params = self.params
        width, height = self.size[0] * swell, self.size[1] * swell
        canvas.save()
        canvas.translate(*self.centre)
        canvas.rotate(degrees)
        matrix = skia.Matrix().setScale(width / self.image.width(), height / self.image.height())
        matrix.postTranslate(-width / 2, -height / 2)
        shader = self.image.makeShader(
            skia.TileMode.kClamp, skia.TileMode.kClamp, skia.SamplingOptions(skia.FilterMode.kLinear), matrix
        )
        rect = skia.Rect.MakeXYWH(-width / 2, -height / 2, width, height)
        across, down = (width / 2, height / 2) if params.shape == "circle" else (self._corner, self._corner)
        canvas.drawRoundRect(rect, across, down, skia.Paint(AntiAlias=True, Shader=shader, Alphaf=params.opacity))
        if params.outline:
            canvas.drawRoundRect(rect, across, down, self.outline)
        canvas.restore()

    @property
    def _corner(self) -> float:
        return self.params.corner * self.unit if self.params.shape == "rounded" else 0.0
