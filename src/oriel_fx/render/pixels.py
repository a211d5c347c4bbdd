"""Pixels: dithering, and conversion between RGBA and the 4:2:0 planes a video is made of.

Y'CbCr is BT.709, limited range (ITU-R BT.709-6, section 3): Y' 16..235, Cb and Cr 16..240.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.layout import Rect
from oriel_fx.render.raster import Targets, copy_part
from oriel_fx.render.scene import Pixels

WHITE_LEVEL = 235
RED_LUMA, GREEN_LUMA, BLUE_LUMA = 0.2126, 0.7152, 0.0722
_Y_SCALE, _C_SCALE = 219 / 255, 224 / 255
_CB = _C_SCALE / (2 * (1 - BLUE_LUMA))
_CR = _C_SCALE / (2 * (1 - RED_LUMA))


@dataclass(eq=False)
class Planes:
    """One frame as I420: `data` is the bytes as ffmpeg reads them, `y`, `u`, `v` are views into it.

    Planes are used again and again. `plate` notes which still picture they hold, and `drawn` where they differ
    from it, so that the next frame need not copy the rest once more; None when they may hold anything.
    `alpha` is a fourth plane of full size, where a video may be clear: 0 there, 255 where it hides what is behind it.
    """

    data: Pixels
    y: Pixels
    u: Pixels
    v: Pixels
    plate: Planes | None = None
    drawn: list[Rect] = field(default_factory=list)
    alpha: Pixels | None = None

    @cached_property
    def whole(self) -> Targets:
        """Y', Cb and Cr for the rasteriser."""
        return Targets(self.y, self.u, self.v)

    @cached_property
    def luma(self) -> Targets:
        return Targets(self.y)

    @cached_property
    def chroma(self) -> Targets:
        return Targets(self.u, self.v)

    def reset_to(self, plate: Planes) -> None:
        """Hold the same picture as `plate`, copying only what differs."""
        if self.plate is not plate:
            np.copyto(self.data, plate.data)
        for region in self.drawn if self.plate is plate else []:
            copy_part(self.whole, region.left, region.top, region.width, region.height, plate.whole)
        self.plate, self.drawn = plate, []

    @staticmethod
    def empty(width: int, height: int, with_alpha: bool = False) -> Planes:
        """Planes of an even-sized frame, black."""
        luma, chroma = width * height, width * height // 4
        opaque_size = luma + 2 * chroma
        data = np.full(opaque_size + (luma if with_alpha else 0), 128, np.uint8)
        data[:luma] = 16
        data[opaque_size:] = 255
        return Planes(
            data,
            data[:luma].reshape(height, width),
            data[luma : luma + chroma].reshape(height // 2, width // 2),
            data[luma + chroma : opaque_size].reshape(height // 2, width // 2),
            alpha=data[opaque_size:].reshape(height, width) if with_alpha else None,
        )


NOISE_TILE_PX = 512


def noise(height: int, width: int, seed: int) -> NDArray[np.float32]:
    """Triangular noise, -1..1, float32 (height, width, 1): one tile repeated, for no eye finds the seams of noise."""
    random = np.random.default_rng([seed, 3])
    side = (NOISE_TILE_PX, NOISE_TILE_PX)
    tile = random.random(side, np.float32) - random.random(side, np.float32)
    repeats = (-(-height // NOISE_TILE_PX), -(-width // NOISE_TILE_PX))
    return np.tile(tile, repeats)[:height, :width, None]


def dither(picture: NDArray[np.float32], seed: int) -> Pixels:
    """RGB float 0..1 (height, width, 3) → opaque RGBA uint8, with noise of one level so that gradients do not band."""
    height, width = picture.shape[:2]
    levels = picture * np.float32(255)
    levels += np.float32(0.7) * noise(height, width, seed) + np.float32(0.5)
    return opaque(np.clip(levels, 0, 255, out=levels).astype(np.uint8))


def opaque(rgb: Pixels) -> Pixels:
    """RGB (height, width, 3) → RGBA, alpha full."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA), np.uint8)


class Converter:
    """Converts regions of RGBA pictures into I420 planes, in buffers it keeps: fresh ones cost more than the sums."""

    def __init__(self, width: int, height: int) -> None:
        self._full = [np.empty(width * height, np.uint8) for _ in range(4)]
        self._half = [np.empty(width * height // 4, np.uint8) for _ in range(4)]

    def write_region(self, rgba: Pixels, region: Rect, planes: Planes) -> None:
        """Convert a region (even edges) of an RGBA picture into the same region of the planes.

        Luma is two weighted sums of whole channels, chroma two more at quarter size: OpenCV has no BT.709.
        """
        if not region.area:
            return
        part = rgba[region.slices]
        self._luma(part, self._full, planes.y[region.slices], _Y_SCALE, 16.0)
        half = Rect(region.left // 2, region.top // 2, region.right // 2, region.bottom // 2)
        small = np.asarray(cv2.resize(part, (half.width, half.height), interpolation=cv2.INTER_AREA), np.uint8)
        luma = np.empty((half.height, half.width), np.uint8)
        red, blue = self._luma(small, self._half, luma, 1.0, 0.0)
        cv2.addWeighted(blue, _CB, luma, -_CB, 128.0, planes.u[half.slices])
        cv2.addWeighted(red, _CR, luma, -_CR, 128.0, planes.v[half.slices])

    @staticmethod
    def _luma(
        part: Pixels, scratch: list[Pixels], target: Pixels, scale: float, offset: float
    ) -> tuple[Pixels, Pixels]:
        """Write scale × luma + offset of a picture into target; return its red and blue channels."""
        height, width = part.shape[:2]
        channels = [buffer[: height * width].reshape(height, width) for buffer in scratch]
        cv2.split(part, channels)
        red, green, blue, mixed = channels
        warm = RED_LUMA + GREEN_LUMA
        cv2.addWeighted(red, RED_LUMA / warm, green, GREEN_LUMA / warm, 0.0, mixed)
        cv2.addWeighted(mixed, warm * scale, blue, BLUE_LUMA * scale, offset, target)
        return red, blue


def to_rgb(planes: Planes) -> Pixels:
    """I420 planes → RGB uint8 (height, width, 3), chroma interpolated: what a player shows."""
    size = planes.y.shape[::-1]
    blue, red = (cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in (planes.u, planes.v))
    return np.asarray(cv2.transform(cv2.merge([planes.y, blue, red]), _TO_RGB), np.uint8)


def _inverse() -> NDArray[np.float64]:
    """(3, 4): R, G, B from Y', Cb, Cr levels and one."""
    from_red, from_blue = 2 * (1 - RED_LUMA) / 224, 2 * (1 - BLUE_LUMA) / 224
    green = (-BLUE_LUMA * from_blue / GREEN_LUMA, -RED_LUMA * from_red / GREEN_LUMA)
    rows = 255 * np.array([[1 / 219, 0, from_red], [1 / 219, *green], [1 / 219, from_blue, 0]])
    return np.hstack([rows, -rows @ np.array([[16], [128], [128]])])


_TO_RGB = _inverse()


def ycbcr(rgb: tuple[float, float, float]) -> tuple[float, float, float]:
    """Red, green, blue 0..1 → Y', Cb, Cr levels (16..235, 16..240)."""
    red, green, blue = rgb
    luma = RED_LUMA * red + GREEN_LUMA * green + BLUE_LUMA * blue
    return 16 + 219 * luma, 128 + 255 * _CB * (blue - luma), 128 + 255 * _CR * (red - luma)


def luma_and_differences(
    rgb: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """RGB levels 0..255 (…, 3) → Y' above black, Cb and Cr about zero, in levels: the linear part of BT.709."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma = RED_LUMA * red + GREEN_LUMA * green + BLUE_LUMA * blue
    return _Y_SCALE * luma, _CB * (blue - luma), _CR * (red - luma)
