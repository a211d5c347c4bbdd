"""What is done to the pixels: one file per effect."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from oriel_fx.render.effects.bloom import BloomEffect
from oriel_fx.render.effects.camera import ShakeEffect, ZoomEffect
from oriel_fx.render.effects.fade import FadeEffect, FlashEffect
from oriel_fx.render.effects.vignette import VignetteEffect

RegionEffectParams = BloomEffect | VignetteEffect
FrameEffectParams = FadeEffect | FlashEffect | ShakeEffect | ZoomEffect
Effect = Annotated[RegionEffectParams | FrameEffectParams, Field(discriminator="type")]
