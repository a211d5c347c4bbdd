"""Bloom: bright things shed light around them, without greying the ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field

from oriel_fx.render import raster
from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import WHITE_LEVEL, Planes
from oriel_fx.render.planar import half
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
# A wide glow of at least this radius is blurred at an eighth of the picture's size: nothing in it is finer.
WIDE_PX = 12


@dataclass
class Bloom:
    """Blurs, at quarter size and less, the light that the layers added to the ground, and adds it back."""

    params: BloomEffect
    radius_px: float
    picture_bytes: int

    def __post_init__(self) -> None:
        self.reach_px = round(self.radius_px * 2.2)
        self._coarse = 8 if self.radius_px >= WIDE_PX else 4
        self._scratch = np.empty(self.picture_bytes, np.uint8)
        self._small_ground: tuple[Planes, raster.Targets] | None = None

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
        fine = _divided(region, 4)
        light = np.asarray(cv2.subtract(_shrink(part, fine), _shrink(ground[region.slices], fine)), np.uint8)
        near = self._tight(light, 4)
        far = _enlarge(self._wide(_shrink(near, _divided(region, self._coarse))), fine)
        glow = cv2.addWeighted(near, near_weight, far, far_weight, 0)
        cv2.add(part, self._spread(glow, part.shape), part)

    def apply_planar(self, planes: Planes, ground: Planes, region: Rect, frame: Frame) -> None:
        """Only the tight glow of luma is worked on at quarter size: of chroma nobody sees anything so fine."""
        near_weight, far_weight = self._weights(region, frame)
        if not near_weight:
            return
        where = region.left, region.top, region.width, region.height
        light, coarse = raster.gather_light(planes.whole, self._shrunk(ground), *where, self._coarse)
        near = self._tight(coarse, self._coarse)
        far = self._wide(near)
        glow = self._tight(light, 4)
        raster.mix_glow(glow, far, near_weight, far_weight)
        raster.add_glow(planes.y[region.slices], glow, limit=WHITE_LEVEL)
        chroma = half(region).slices
        for plane, shade in zip(
            (planes.u, planes.v), raster.mix_shades(near, far, near_weight, far_weight), strict=True
        ):
            raster.add_glow(plane[chroma], shade if self._coarse == 8 else raster.shrink(shade, 2), zero=128)

    def _shrunk(self, ground: Planes) -> raster.Targets:
        """The ground as light is compared with it, shrunk once and for all."""
        if self._small_ground is None or self._small_ground[0] is not ground:
            chroma = [raster.shrink(plane, self._coarse // 2) for plane in (ground.u, ground.v)]
            self._small_ground = ground, raster.Targets(raster.shrink(ground.y, 4), *chroma)
        return self._small_ground[1]

    def _tight(self, light: Pixels, step: int) -> Pixels:
        """Light of one `step`-th of the picture's size, blurred a little."""
        return _box_twice(light, self.radius_px * 0.3 / step)

    def _wide(self, light: Pixels) -> Pixels:
        """Coarse light, blurred a lot."""
        return _box_twice(light, self.radius_px / self._coarse)

    def _spread(self, glow: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Pixels:
        """Enlarge a glow to a part's shape, into a buffer that is used again."""
        spread = self._scratch[: int(np.prod(shape))].reshape(shape)
        cv2.resize(glow, (shape[1], shape[0]), dst=spread, interpolation=cv2.INTER_LINEAR)
        return spread


def _divided(region: Rect, step: int) -> tuple[int, int]:
    """Width and height of a region in a picture one `step`-th as large."""
    return -(-region.width // step), -(-region.height // step)


def _shrink(part: Pixels, size: tuple[int, int]) -> Pixels:
    """To a half or a quarter, in steps of OpenCV's fast halving; what has the size already is returned as it is."""
    if part.shape[1::-1] == size:
        return part
    if part.shape[1] >= size[0] * 3:
        part = np.asarray(cv2.resize(part, (size[0] * 2, size[1] * 2), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)


def _enlarge(part: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _box_twice(light: Pixels, sigma: float) -> Pixels:
    """Two box blurs: close to a Gaussian, and their cost does not grow with the radius."""
    side = max(3, round(sigma * 2.45) | 1)
    return np.asarray(cv2.blur(cv2.blur(light, (side, side)), (side, side)), np.uint8)
