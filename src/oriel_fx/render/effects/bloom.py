"""Bloom: bright things shed light around them, without greying the ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field

from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import WHITE_LEVEL, Planes
from oriel_fx.render.planar import add_difference, difference, half
from oriel_fx.render.scene import Frame, Params, Pixels, Scene


class BloomEffect(Params):
    """Light round what the layers draw: a tight glow and a wide one."""

    type: Literal["bloom"] = "bloom"
    strength: float = Field(0.6, ge=0, le=3)
    radius: float = Field(0.03, gt=0, le=0.2, description="of the wide glow, in short sides")
    pulse: float = Field(0.0, ge=0, le=3, description="how much stronger it is on an onset")

    def prepare(self, scene: Scene) -> Bloom:
        return Bloom(self, max(1.0, self.radius * scene.layout.unit), scene.layout.frame.area * 4)


# How much of the tight glow and of the wide one is added. A wide glow spreads its light thin, so it is weighted
# up to be seen at all.
NEAR, FAR = 0.4, 1.35


@dataclass
class Bloom:
    """Blurs, at quarter size, the light that the layers added to the ground, and adds it back."""

    params: BloomEffect
    radius_px: float
    picture_bytes: int

    def __post_init__(self) -> None:
        self.reach_px = round(self.radius_px * 2.2)
        self._scratch = np.empty(self.picture_bytes, np.uint8)
        self._small_ground: tuple[Planes, tuple[Pixels, Pixels, Pixels]] | None = None

    def darken_ground(self, ground: Pixels, still: bool) -> None:
        """The ground sheds no light."""

    def _weights(self, region: Rect, frame: Frame) -> tuple[float, float]:
        strength = self.params.strength
        if self.params.pulse:
            strength *= 1 + self.params.pulse * frame.timeline.onset_pulse(frame.index)
        if region.width < 8 or region.height < 8:
            strength = 0.0
        return NEAR * strength, FAR * strength

    def apply(self, picture: Pixels, ground: Pixels, region: Rect, frame: Frame) -> None:
        near_weight, far_weight = self._weights(region, frame)
        if not near_weight:
            return
        part = picture[region.slices]
        size = _quarter(region)
        light = np.asarray(cv2.subtract(_shrink(part, size), _shrink(ground[region.slices], size)), np.uint8)
        near, far = self._soften(light)
        glow = cv2.addWeighted(near, near_weight, far, far_weight, 0)
        cv2.add(part, self._spread(glow, part.shape), part)

    def apply_planar(self, planes: Planes, ground: Planes, region: Rect, frame: Frame) -> None:
        near_weight, far_weight = self._weights(region, frame)
        if not near_weight:
            return
        size, chroma = _quarter(region), half(region)
        y, u, v = planes.y[region.slices], planes.u[chroma.slices], planes.v[chroma.slices]
        ground_y, ground_u, ground_v = self._shrunk(ground, region)
        light = cv2.subtract(_shrink(y, size), ground_y)
        blue, red = difference(_shrink(u, size), ground_u), difference(_shrink(v, size), ground_v)
        # What is darker than the ground sheds no light, so no colour either.
        unlit = light == 0
        blue[unlit] = red[unlit] = 128
        near, far = self._soften(np.asarray(cv2.merge([light, blue, red]), np.uint8))
        zero = 128 * (1 - near_weight - far_weight)
        glow = cv2.addWeighted(near, near_weight, far, far_weight, 0)
        cv2.add(y, self._spread(cv2.extractChannel(glow, 0), y.shape), y)
        cv2.threshold(y, WHITE_LEVEL, WHITE_LEVEL, cv2.THRESH_TRUNC, y)
        shaded = cv2.addWeighted(near, near_weight, far, far_weight, zero)
        add_difference(u, self._spread(cv2.extractChannel(shaded, 1), u.shape))
        add_difference(v, self._spread(cv2.extractChannel(shaded, 2), v.shape))

    def _shrunk(self, ground: Planes, region: Rect) -> tuple[Pixels, Pixels, Pixels]:
        """The ground of a region at quarter size; shrunk once and for all where the frame's size allows a grid."""
        height, width = ground.y.shape
        if height % 4 or width % 4:
            size, chroma = _quarter(region), half(region).slices
            return (
                _shrink(ground.y[region.slices], size),
                _shrink(ground.u[chroma], size),
                _shrink(ground.v[chroma], size),
            )
        if self._small_ground is None or self._small_ground[0] is not ground:
            size = (width // 4, height // 4)
            self._small_ground = ground, (_shrink(ground.y, size), _shrink(ground.u, size), _shrink(ground.v, size))
        rows, columns = slice(region.top // 4, region.bottom // 4), slice(region.left // 4, region.right // 4)
        y, u, v = self._small_ground[1]
        return y[rows, columns], u[rows, columns], v[rows, columns]

    def _soften(self, light: Pixels) -> tuple[Pixels, Pixels]:
        """The light, blurred a little and a lot."""
        sigma = self.radius_px / 4
        near = _box_twice(light, sigma * 0.3)
        return near, _box_twice(near, sigma)

    def _spread(self, glow: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Pixels:
        """Enlarge a glow to a part's shape, into a buffer that is used again."""
        spread = self._scratch[: int(np.prod(shape))].reshape(shape)
        cv2.resize(glow, (shape[1], shape[0]), dst=spread, interpolation=cv2.INTER_LINEAR)
        return spread


def _quarter(region: Rect) -> tuple[int, int]:
    return max(1, region.width // 4), max(1, region.height // 4)


def _shrink(part: Pixels, size: tuple[int, int]) -> Pixels:
    """To a quarter in two steps, each OpenCV's fast halving."""
    if part.shape[1] >= size[0] * 3:
        part = np.asarray(cv2.resize(part, (size[0] * 2, size[1] * 2), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)


def _box_twice(light: Pixels, sigma: float) -> Pixels:
    """Two box blurs: close to a Gaussian, and their cost does not grow with the radius."""
    side = max(3, round(sigma * 2.45) | 1)
    return np.asarray(cv2.blur(cv2.blur(light, (side, side)), (side, side)), np.uint8)
