"""What is drawn: one file per layer, its parameters and then its drawing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from oriel_fx.render.layers.bars import BarsLayer
from oriel_fx.render.layers.image import ImageLayer
from oriel_fx.render.layers.progress import ProgressLayer
from oriel_fx.render.layers.radial import RadialLayer
from oriel_fx.render.layers.ridge import RidgeLayer
from oriel_fx.render.layers.stars import StarsLayer
from oriel_fx.render.layers.text import TextLayer
from oriel_fx.render.layers.wave import WaveLayer
from oriel_fx.render.layers.wireframe import WireframeLayer

Layer = Annotated[
    BarsLayer
    | ImageLayer
    | ProgressLayer
    | RadialLayer
    | RidgeLayer
    | StarsLayer
    | TextLayer
    | WaveLayer
    | WireframeLayer,
    Field(discriminator="type"),
]
