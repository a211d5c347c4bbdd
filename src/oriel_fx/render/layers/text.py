"""Text: the song's title and artist, or anything else, set as type."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import astuple, dataclass, field
from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from oriel_fx.render.colors import Color
from oriel_fx.render.layout import Rect
from oriel_fx.render.lazy import skia
from oriel_fx.render.scene import Frame, Placed, Scene, Surface
from oriel_fx.render.text import (
    Align,
    SetText,
    TextStyle,
    Weight,
    Words,
    check_template,
    fill_template,
    set_text,
)

PLACEHOLDERS = ("title", "artist", "album", "date", "genre")
NOWHERE = Rect(0, 0, 0, 0)
# Of the safe area's width.
LEAST_ROOM = 0.25


class TextLayer(Placed):
    """A line or paragraph of type. `{title}`, `{artist}`, `{album}`, `{date}`, `{genre}` come from the song's tags."""

    type: Literal["text"] = "text"
    text: Words = Field("{title}", max_length=500)
    size: float = Field(0.06, gt=0, le=1, description="height of the type, in short sides")
    weight: Weight = "semibold"
    tracking: float = Field(0.0, ge=-0.1, le=1, description="space between letters, in ems")
    uppercase: bool = False
    color: Color = "palette.ink"
    align: Align | None = Field(
        None,
        description="of its lines among each other: left, center or right; by default as the anchor says",
    )
    max_width: float = Field(2.0, gt=0, le=4, description="in short sides; never wider than the safe area")
    max_lines: int = Field(2, ge=1, le=10)
    font: str | None = Field(None, description="a font file, by its asset name")

    @field_validator("text")
    @classmethod
    def _known_placeholders(cls, value: str) -> str:
        check_template(value, PLACEHOLDERS)
        return value

    def prepare(self, scene: Scene) -> TextDrawer:
        filled = fill_template(self.text, {name: getattr(scene.tags, name) for name in PLACEHOLDERS})
        if self.uppercase:
            filled = filled.upper()
        layout = scene.layout
        style = TextStyle(
            size_px=self.size * layout.unit,
            weight=self.weight,
            tracking_em=self.tracking,
            color=scene.palette.resolve(self.color),
            opacity=self.opacity,
            font_file=scene.load_font(self.font) if self.font else None,
        )
        if not filled:
            return TextDrawer(None, 0, 0, NOWHERE)
        hangs: Align = "left" if "left" in self.anchor else "right" if "right" in self.anchor else "center"
        left, top, right, bottom = layout.safe
        x, y = layout.place(self.anchor, self.x, self.y)
        room = {"left": right - x, "right": x - left, "center": 2 * min(x - left, right - x)}[hangs]
        # Hung too near the edge, it moves inwards rather than shrink to nothing.
        room = min(max(room, (right - left) * LEAST_ROOM), right - left, self.max_width * layout.unit)
        text = set_text(filled, style, room, self.max_lines, self.align or hangs, bottom - top)
        x -= {"left": 0.0, "center": text.width / 2, "right": text.width}[hangs]
        y -= text.height * (1.0 if "bottom" in self.anchor else 0.0 if "top" in self.anchor else 0.5)
        x, y = max(left, min(x, right - text.width)), max(top, min(y, bottom - text.height))
        return TextDrawer(text, x, y, _inked(text, x, y, layout.frame))


def _inked(text: SetText, left_px: float, top_px: float, frame: Rect) -> Rect:
    """Where the type leaves ink: accents, tails and the glyphs of other scripts reach out of their lines."""
    box = Rect.around(left_px, top_px, left_px + text.width, top_px + text.height)
    room = box.grow(math.ceil(text.size_px) + 1).intersect(frame)
    if not room.area:
        return NOWHERE
    trial = Surface(np.zeros((room.height, room.width, 4), np.uint8))
    text.paint(trial.canvas, left_px - room.left, top_px - room.top)
    ink = trial.pixels[..., 3] > 0
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return NOWHERE
    edges = columns[0] + room.left, rows[0] + room.top, columns[-1] + room.left + 1, rows[-1] + room.top + 1
    return Rect(*map(int, edges))


@dataclass
class TextDrawer:
    text: SetText | None
    left_px: float
    top_px: float
    bounds: Rect
    static: bool = field(default=True, init=False)
    glows: bool = field(default=False, init=False)

    def state(self, frame: Frame) -> Hashable | None:
        return "still"

    def planar(self, flat: bool) -> bool:
        return False

    def draw(self, surface: Surface, frame: Frame) -> Rect | None:
        if self.text is not None and self.bounds.area:
            surface.canvas.save()
            surface.canvas.clipRect(skia.Rect.MakeLTRB(*astuple(self.bounds)))
            self.text.paint(surface.canvas, self.left_px, self.top_px)
            surface.canvas.restore()
        return None
