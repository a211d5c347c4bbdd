"""Text: the song's title and artist, or anything else, set as type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, field_validator

from oriel_fx.render.colors import Color
from oriel_fx.render.layout import Rect
from oriel_fx.render.scene import Frame, Placed, Scene, Surface
from oriel_fx.render.text import Align, SetText, TextStyle, Weight, fill_template, set_text

PLACEHOLDERS = ("title", "artist", "album", "date", "genre")


class TextLayer(Placed):
    """A line or paragraph of type. `{title}`, `{artist}`, `{album}`, `{date}` and `{genre}` come from the song's tags."""

    type: Literal["text"] = "text"
    text: str = Field("{title}", max_length=500)
    size: float = Field(0.06, gt=0, le=1, description="height of the type, in short sides")
    weight: Weight = "semibold"
    tracking: float = Field(0.0, ge=-0.1, le=1, description="space between letters, in ems")
    uppercase: bool = False
    color: Color = "palette.ink"
    align: Align | None = Field(None, description="left, center or right; by default as the anchor says")
    max_width: float = Field(2.0, gt=0, le=4, description="in short sides; never wider than the safe area")
    max_lines: int = Field(2, ge=1, le=10)
    font: str | None = Field(None, description="a font file, by its asset name")

    @field_validator("text")
    @classmethod
    def _known_placeholders(cls, value: str) -> str:
        fill_template(value, dict.fromkeys(PLACEHOLDERS, "x"))
        return value

    def prepare(self, scene: Scene) -> TextDrawer:
        filled = fill_template(self.text, {name: getattr(scene.tags, name) for name in PLACEHOLDERS})
        if self.uppercase:
            filled = filled.upper()
        align: Align = self.align or (
            "left" if "left" in self.anchor else "right" if "right" in self.anchor else "center"
        )
        x, y = scene.layout.place(self.anchor, self.x, self.y)
        left, _, right, _ = scene.layout.safe
        room = {"left": right - x, "right": x - left, "center": 2 * min(x - left, right - x)}[align]
        unit = scene.layout.unit
        style = TextStyle(
            size_px=self.size * unit,
            weight=self.weight,
            tracking_em=self.tracking,
            color=scene.palette.resolve(self.color),
            opacity=self.opacity,
            font_file=scene.load_font(self.font) if self.font else None,
        )
        if not filled:
            return TextDrawer(None, 0, 0, Rect(0, 0, 0, 0))
        text = set_text(filled, style, max(1.0, min(room, self.max_width * unit)), self.max_lines, align)
        left_px = x - {"left": 0.0, "center": text.width / 2, "right": text.width}[align]
        top_px = y - (
            text.height if "bottom" in self.anchor else 0 if "top" in self.anchor else text.height / 2
        )
        pad = 0.2 * text.size_px
        bounds = Rect.around(
            left_px - pad, top_px - pad, left_px + text.width + pad, top_px + text.height + pad
        )
        return TextDrawer(text, left_px, top_px, bounds)


@dataclass
class TextDrawer:
    text: SetText | None
    left_px: float
    top_px: float
    bounds: Rect
    static: bool = field(default=True, init=False)
    glows: bool = field(default=False, init=False)

    def draw(self, surface: Surface, frame: Frame) -> Rect | None:
        canvas = surface.canvas
        if self.text is not None:
            self.text.paint(canvas, self.left_px, self.top_px)
        return None
