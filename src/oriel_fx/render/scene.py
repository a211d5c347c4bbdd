"""What a layer, a background and an effect are given to draw with."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from oriel_fx.render.layout import Anchor, Layout, Rect
from oriel_fx.render.lazy import skia

if TYPE_CHECKING:
    from oriel_fx.render.audio.tags import Tags
    from oriel_fx.render.audio.timeline import Timeline

Pixels = NDArray[np.uint8]


class Surface:
    """A picture that Skia and NumPy draw on in turn: one block of memory, RGBA, premultiplied."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        height, width = pixels.shape[:2]
        info = skia.ImageInfo.Make(width, height, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
        self._surface = skia.Surface.MakeRasterDirect(info, pixels)
        self.canvas: Any = self._surface.getCanvas()


@dataclass(frozen=True)
class Palette:
    """Five colours, `#rrggbb`: three hues that belong together, a ground and an ink that read on each other."""

    hues: tuple[str, str, str]
    ground: str
    ink: str

    def resolve(self, color: str) -> str:
        """A spec's colour as `#rrggbb`: palette names become this palette's colours."""
        if not color.startswith("palette."):
            return color
        name = color.removeprefix("palette.")
        return {"ground": self.ground, "ink": self.ink}.get(name) or self.hues[int(name)]


@dataclass(frozen=True)
class Artwork:
    """What a render looks like apart from its sound, so that it can be made ready while the song is decoded.

    `load_image(name)` gives the RGBA pixels (premultiplied, uint8, height × width × 4) of the song's cover
    (`"cover"`) or of an asset, `load_font(name)` a font's file.
    """

    layout: Layout
    tags: Tags
    palette: Palette
    seed: int
    load_image: Callable[[str], Pixels]
    load_font: Callable[[str], Path]

    def colors(self, colors: list[str] | tuple[str, ...]) -> list[str]:
        return [self.palette.resolve(color) for color in colors]


@dataclass(frozen=True)
class Scene(Artwork):
    """Everything that stays the same for all frames of one render.

    `range_frames` is the first frame and the frame past the last that are shown.
    """

    timeline: Timeline
    range_frames: tuple[int, int]


@dataclass(frozen=True)
class Frame:
    """One moment of the song: frame `index` shows it at `time_s` = index / fps."""

    index: int
    time_s: float
    timeline: Timeline


class Drawer(Protocol):
    """A layer made ready for one scene.

    `bounds` is where it may draw on any frame; `static` says that every frame looks the same, so it is
    drawn once; `glows` says that its light feeds the bloom. `draw` is pure in (scene, frame) and returns
    the part of `bounds` it touched on this frame (None: all of it).

    `state(frame)` names what a layer that does not glow shows on a frame: the same state, the same pixels; None
    when each frame is its own. `planar(flat)` says whether it can also draw on a PlanarSurface, given whether one
    flat colour lies under it.
    """

    bounds: Rect
    static: bool
    glows: bool

    def planar(self, flat: bool) -> bool: ...
    def state(self, frame: Frame) -> Hashable | None: ...
    def draw(self, surface: Any, frame: Frame) -> Rect | None: ...


class Params(BaseModel):
    """Base of every part of a spec: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Placed(Params):
    """A layer that stands somewhere: an anchor of the safe area, and an offset in short sides."""

    anchor: Anchor = Field("center", description="the point of the safe area the layer hangs on")
    x: float = Field(0.0, ge=-3, le=3, description="offset to the right, in short sides of the picture")
    y: float = Field(0.0, ge=-3, le=3, description="offset down, in short sides of the picture")
    opacity: float = Field(1.0, ge=0, le=1)
