"""Scenes to draw in, and plain drawing of one layer, for the tests of layers, effects and backgrounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from tests.render.fake_timeline import FakeTimeline

from oriel_fx.render.audio.tags import Tags
from oriel_fx.render.layers import Layer
from oriel_fx.render.layout import Layout, Rect
from oriel_fx.render.scene import Drawer, Frame, Palette, Pixels, Scene, Surface

PALETTE = Palette(("#ff3366", "#33aaff", "#eeff88"), "#101014", "#f6f3ee")
_LAYERS: TypeAdapter[Any] = TypeAdapter(Layer)


def make_cover(columns: int = 60, rows: int = 60) -> Pixels:
    """A picture whose every pixel differs from the next."""
    cover = np.full((rows, columns, 4), 255, np.uint8)
    cover[..., :3] = np.random.default_rng(0).integers(0, 256, (rows, columns, 3))
    return cover


def make_scene(
    width: int = 320,
    height: int = 180,
    *,
    timeline: FakeTimeline | None = None,
    cover: Pixels | None = None,
    range_frames: tuple[int, int] | None = None,
    palette: Palette = PALETTE,
    **tags: str,
) -> Scene:
    timeline = timeline or FakeTimeline()
    picture = make_cover() if cover is None else cover
    return Scene(
        layout=Layout(width, height),
        timeline=timeline,  # type: ignore[arg-type]
        tags=replace(Tags("A title", "An artist"), **tags),
        palette=palette,
        seed=7,
        range_frames=range_frames or (0, timeline.n_frames),
        load_image=lambda name: picture,
        load_font=lambda name: Path(name),
    )


def prepare(layer: dict[str, Any], scene: Scene) -> Drawer:
    """A layer, given as plain data, made ready for a scene."""
    drawer: Drawer = _LAYERS.validate_python(layer).prepare(scene)
    return drawer


def make_frame(scene: Scene, index: int) -> Frame:
    return Frame(index, index / float(scene.timeline.fps), scene.timeline)


def draw(drawer: Drawer, scene: Scene, index: int, plate: Pixels | None = None) -> tuple[Pixels, Rect]:
    """A copy of the plate (black by default) with one frame of a layer on it, and where that says it drew."""
    pixels = make_plate(scene) if plate is None else plate.copy()
    touched = drawer.draw(Surface(pixels), make_frame(scene, index))
    return pixels, drawer.bounds if touched is None else touched


def draw_layer(layer: dict[str, Any], scene: Scene, index: int = 0) -> NDArray[np.int16]:
    """Red, green and blue of one layer's frame on black, as numbers that can be subtracted."""
    return draw(prepare(layer, scene), scene, index)[0][..., :3].astype(np.int16)


def make_plate(scene: Scene, *greys: int) -> Pixels:
    """An opaque ground of upright stripes, eight pixels each, of the given greys; black when none is given."""
    levels = np.array(greys or (0,), np.uint8)
    plate = np.full((scene.layout.height, scene.layout.width, 4), 255, np.uint8)
    plate[..., :3] = levels[np.arange(scene.layout.width) // 8 % len(levels)][None, :, None]
    return plate
