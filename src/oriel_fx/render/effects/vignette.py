"""Vignette: the corners fall off towards the dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oriel_fx.render import raster
from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Planes, noise
from oriel_fx.render.scene import Frame, Params, Pixels, Scene

# A bright line losing this little of 255 cannot be seen; the ground, where a step would show, is darkened exactly.
NO_LOSS = 2
# How far an ellipse's inscribed rectangle stands from its edge, as a share of its width: (1 - 1/√2) / 2.
INSCRIBED = 0.147


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
        loss = np.float32(self.strength) * fall * fall * (3 - 2 * fall)
        return Vignette(loss, np.repeat(np.round(loss * 255).astype(np.uint8)[..., None], 4, axis=2), scene.seed)


@dataclass
class Vignette:
    """`loss` is the share of light lost in each pixel, float32 0..1; `levels` the same as RGBA uint8."""

    loss: NDArray[np.float32]
    levels: Pixels
    seed: int
    reach_px: int = 0

    def __post_init__(self) -> None:
        luma_levels = np.ascontiguousarray(self.levels[..., 0])
        chroma_levels = np.ascontiguousarray(luma_levels[::2, ::2])
        self._planar_levels = raster.Targets(luma_levels, chroma_levels, chroma_levels)
        self._untouched = _inner(self.loss <= 0)
        hardly_touched = luma_levels <= NO_LOSS
        self._hardly_touched = _inner(hardly_touched)
        # Per column: the rows between which a pixel is hardly touched.
        height = len(hardly_touched)
        there = hardly_touched.any(axis=0)
        self._first = np.where(there, hardly_touched.argmax(axis=0), height)
        self._end = np.where(there, height - hardly_touched[::-1].argmax(axis=0), 0)

    def darken_ground(self, ground: Pixels, still: bool) -> None:
        """Rounds at random where the ground is still, so that a dark gradient does not band; plainly on each frame."""
        height, width = self.loss.shape
        for strip in _strips(Rect(0, 0, width, height), self._untouched):
            part = ground[strip.slices]
            if not still:
                cv2.subtract(part, cv2.multiply(part, self.levels[strip.slices], scale=1 / 255), part)
            else:
                chance = 0.5 + 0.5 * noise(height, width, self.seed)[strip.slices]
                part[:] = (part * (1 - self.loss[strip.slices][..., None]) + chance).astype(np.uint8)
            part[..., 3] = 255

    def apply(self, picture: Pixels, ground: Pixels, region: Rect, frame: Frame) -> None:
        """Only what layers added is darkened here: the ground under it already is."""
        for strip in _strips(region, self._hardly_touched):
            part = picture[strip.slices]
            light = cv2.subtract(part, ground[strip.slices])
            cv2.subtract(part, cv2.multiply(light, self.levels[strip.slices], scale=1 / 255), part)
            part[..., 3] = 255

    def apply_planar(self, planes: Planes, ground: Planes, region: Rect, frame: Frame) -> None:
        for strip in _strips(region, self._middle(region)):
            where = strip.left, strip.top, strip.width, strip.height
            raster.fade_out(planes.whole, *where, ground.whole, self._planar_levels)

    def _middle(self, region: Rect) -> Rect:
        """What may be left out of a region: a rectangle of pixels that are hardly touched, as large as can be."""
        ends = [region.left, region.right - 1]
        first, end = int(self._first[ends].max()), int(self._end[ends].min())
        band = Rect(region.left, (first + 1) // 2 * 2, region.right, end // 2 * 2)
        return max(band, self._hardly_touched, key=lambda middle: middle.intersect(region).area)


def _strips(region: Rect, middle: Rect) -> list[Rect]:
    """The region without the middle."""
    top = min(max(middle.top, region.top), region.bottom)
    bottom = max(min(middle.bottom, region.bottom), top)
    left = min(max(middle.left, region.left), region.right)
    right = max(min(middle.right, region.right), left)
    strips = [
        Rect(region.left, region.top, region.right, top),
        Rect(region.left, top, left, bottom),
        Rect(right, top, region.right, bottom),
        Rect(region.left, bottom, region.right, region.bottom),
    ]
    return [strip for strip in strips if strip.area]


def _inner(free: NDArray[np.bool_]) -> Rect:
    """The rectangle inscribed in an ellipse of free pixels round the middle; empty in the middle when there is none."""
    height, width = free.shape
    top, bottom = _span(free[:, width // 2])
    left, right = _span(free[height // 2])
    across, down = round((right - left) * INSCRIBED), round((bottom - top) * INSCRIBED)
    inner = Rect(left + across, top + down, right - across, bottom - down)
    # Even edges, so that chroma planes can be cut along them too.
    return Rect((inner.left + 1) // 2 * 2, (inner.top + 1) // 2 * 2, inner.right // 2 * 2, inner.bottom // 2 * 2)


def _span(free: NDArray[np.bool_]) -> tuple[int, int]:
    """First and one past the last True of a run; empty in the middle when there is none."""
    places = np.flatnonzero(free)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (len(free) // 2, len(free) // 2)
