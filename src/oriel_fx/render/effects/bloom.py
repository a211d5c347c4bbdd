"""Bloom: bright things shed light around them, without greying the ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from oriel_fx.render.layout import Rect
from oriel_fx.render.scene import Frame, Params, Pixels, Scene


class BloomEffect(Params):
    """Light round what the layers draw: a tight glow and a wide one."""

    type: Literal["bloom"] = "bloom"
    strength: float = Field(0.6, ge=0, le=3)
    radius: float = Field(0.03, gt=0, le=0.2, description="of the wide glow, in short sides")
    pulse: float = Field(0.0, ge=0, le=3, description="how much stronger it is on an onset")

    def prepare(self, scene: Scene) -> Bloom:
        return Bloom(self, max(1.0, self.radius * scene.layout.unit), scene.layout.frame.area * 4)


@dataclass
class Bloom:
    """`still_ground` says that the ground passed in keeps its pixels from frame to frame."""

    params: BloomEffect
    radius_px: float
    picture_bytes: int
    still_ground: bool = False

    def __post_init__(self) -> None:
        self.reach_px = round(self.radius_px * 2.2)
        self._scratch = np.empty(self.picture_bytes, np.uint8)
        self._shrunk: Pixels = self._scratch
        self._shrunk_of: Pixels | None = None


    def darken_ground(self, ground: Pixels, still: bool) -> None:
        """The ground sheds no light."""

    def apply(self, picture: Pixels, ground: Pixels, region: Rect, frame: Frame) -> None:
        """Blur, at quarter size, the light that the layers added to the ground, and add it back."""
        strength = self.params.strength
        if self.params.pulse:
            strength *= 1 + self.params.pulse * frame.timeline.onset_pulse(frame.index)
        if not strength or region.width < 8 or region.height < 8:
            return
        part = picture[region.slices]
        size = (max(1, region.width // 4), max(1, region.height // 4))
        light = np.asarray(cv2.subtract(_shrink(part, size), self._small_ground(ground, region, size)), np.uint8)
        sigma = self.radius_px / 4
        near = _soften(light, sigma * 0.3)
        far = _soften(near, sigma)
        # A wide glow spreads its light thin, so it is weighted up to be seen at all.
        glow = cv2.addWeighted(near, 0.4 * strength, far, 1.35 * strength, 0)
        height, width = part.shape[:2]
        spread = self._scratch[: height * width * 4].reshape(height, width, 4)
        cv2.resize(glow, (width, height), dst=spread, interpolation=cv2.INTER_LINEAR)
        cv2.add(part, spread, part)

    def _small_ground(self, ground: Pixels, region: Rect, size: tuple[int, int]) -> Pixels:
        """The ground at quarter size. One that stays the same array is shrunk once, where its size allows a grid."""
        height, width = ground.shape[:2]
        if not self.still_ground or height % 4 or width % 4:
            return _shrink(ground[region.slices], size)
        if self._shrunk_of is not ground:
            self._shrunk, self._shrunk_of = _shrink(ground, (width // 4, height // 4)), ground
        return self._shrunk[region.top // 4 : region.bottom // 4, region.left // 4 : region.right // 4]


def _shrink(part: Pixels, size: tuple[int, int]) -> Pixels:
    half = cv2.resize(part, (max(1, part.shape[1] // 2), max(1, part.shape[0] // 2)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(half, size, interpolation=cv2.INTER_AREA), np.uint8)


def _soften(light: Pixels, sigma: float) -> Pixels:
    """Two box blurs: close to a Gaussian, and their cost does not grow with the radius."""
    side = max(3, round(sigma * 2.45) | 1)
    return np.asarray(cv2.blur(cv2.blur(light, (side, side)), (side, side)), np.uint8)
