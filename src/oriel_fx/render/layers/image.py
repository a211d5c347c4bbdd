"""Image: the cover art or a picture, round or square, breathing with the bass if asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from oriel_fx.render.colors import Color, skia_color
from oriel_fx.render.layers.radial import BREATH
from oriel_fx.render.layout import Rect
from oriel_fx.render.lazy import skia
from oriel_fx.render.scene import Frame, Placed, Scene, Surface


class ImageLayer(Placed):
    """A picture: `cover` (from the song's tags, or drawn from its title when there is none) or an asset's name."""

    type: Literal["image"] = "image"
    source: str = Field("cover", max_length=255)
    width: float = Field(0.4, gt=0, le=4, description="in short sides")
    height: float | None = Field(None, gt=0, le=4, description="in short sides; by default square for circles, else the picture's shape")
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


def _scaled(pixels: Any, width: float, height: float) -> Any:
    """Crop to the shape and shrink once, so that drawing it each frame samples few pixels without shimmer."""
    import cv2
    import numpy as np

    rows, columns = pixels.shape[:2]
    keep_columns = min(columns, round(rows * width / height))
    keep_rows = min(rows, round(columns * height / width))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    cropped = pixels[top : top + keep_rows, left : left + keep_columns]
    shrink = width < keep_columns
    target = (max(1, round(width)), max(1, round(height)))
    scaled = cv2.resize(cropped, target, interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC)
    return skia.Image.fromarray(np.ascontiguousarray(scaled), skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)


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

    def draw(self, surface: Surface, frame: Frame) -> Rect | None:
        canvas = surface.canvas
        params = self.params
        swell = 1 + BREATH * params.breath * min(1.2, frame.timeline.weight(frame.index)) if params.breath else 1.0
        width, height = self.size[0] * swell, self.size[1] * swell
        canvas.save()
        canvas.translate(*self.centre)
        if params.spin:
            canvas.rotate(frame.time_s * params.spin * 6 % 360)
        rect = skia.Rect.MakeXYWH(-width / 2, -height / 2, width, height)
        scale = width / self.image.width()
        matrix = skia.Matrix().setScale(scale, height / self.image.height())
        matrix.postTranslate(-width / 2, -height / 2)
        shader = self.image.makeShader(
            skia.TileMode.kClamp, skia.TileMode.kClamp, skia.SamplingOptions(skia.FilterMode.kLinear), matrix
        )
        paint = skia.Paint(AntiAlias=True, Shader=shader, Alphaf=params.opacity)
        radius = {"circle": width / 2, "rounded": params.corner * self.unit, "square": 0.0}[params.shape]
        canvas.drawRoundRect(rect, radius, radius if params.shape != "circle" else height / 2, paint)
        if params.outline:
            canvas.drawRoundRect(rect, radius, radius if params.shape != "circle" else height / 2, self.outline)
        canvas.restore()
        return None
