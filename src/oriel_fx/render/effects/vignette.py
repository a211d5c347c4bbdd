"""Vignette: the corners fall off towards the dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from oriel_fx.render.layout import Rect
from oriel_fx.render.scene import Frame, Params, Pixels, Scene


class VignetteEffect(Params):
    """Darkens towards the corners, following the picture's shape."""

    type: Literal["vignette"] = "vignette"
    strength: float = Field(0.35, ge=0, le=1, description="how dark the corners get")
    start: float = Field(0.55, ge=0, lt=1, description="share of the way to a corner that stays untouched")

    def prepare(self, scene: Scene) -> Vignette:
        width, height = scene.layout.width, scene.layout.height
        across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        distance = np.sqrt(across**2 + down**2) / np.sqrt(2, dtype=np.float32)
        fall = np.clip((distance - self.start) / (1 - self.start), 0, 1)
        mask = 1 - np.float32(self.strength) * fall * fall * (3 - 2 * fall)
        return Vignette(mask.astype(np.float32), scene.seed)


@dataclass
class Vignette:
    mask: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
    seed: int
    reach_px: int = 0

    def darken_ground(self, ground: Pixels) -> None:
        noise = np.random.default_rng([self.seed, 5]).random(self.mask.shape, np.float32)
        dark = ground[..., :3] * self.mask[..., None]
        # Rounding at random instead of down keeps a dark gradient free of bands.
        ground[..., :3] = (dark + np.where(self.mask < 1, noise, 0.5)[..., None]).astype(np.uint8)

    def apply(self, picture: Pixels, ground: Pixels, region: Rect, frame: Frame) -> None:
        mask = self.mask[region.slices]
        corners = (mask[0, 0], mask[0, -1], mask[-1, 0], mask[-1, -1])
        if min(corners) > 0.997:
            return
        # Only what layers added is darkened here: the ground under it already is.
        part = picture[region.slices]
        light = cv2.subtract(part, ground[region.slices])
        lost = cv2.multiply(light, cv2.merge([1 - mask] * 4), dtype=cv2.CV_8U)
        cv2.subtract(part, lost, part)
        part[..., 3] = 255
