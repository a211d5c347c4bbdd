"""A page's pixels into a video frame's planes."""

from __future__ import annotations

import cv2
import numpy as np

from oriel_fx.render.engines.browser.ring import BGRA, RGBA_UP, Ground
from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Converter, Planes
from oriel_fx.render.scene import Pixels

WHITE = (255, 255, 255)


class PageConverter:
    """Converts whole frames, in the order of channels they come in, over the page's ground where they are clear."""

    def __init__(self, width: int, height: int) -> None:
        self._frame = Rect(0, 0, width, height)
        self._converter = Converter(width, height)
        self._order = np.empty((height, width, 4), np.uint8)

    def write(self, pixels: Pixels, kind: int, ground: Ground, planes: Planes) -> None:
        """Colours of `pixels` are premultiplied by their alpha, as canvases hold them. No ground is white paper,
        unless the planes can be clear.
        """
        if planes.alpha is None or ground:
            behind = ground or WHITE
            if not is_opaque(pixels):
                pixels = _over(pixels, behind[::-1] if kind == BGRA else behind)
        if kind == BGRA:
            cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA, self._order)
            pixels = self._order
        elif kind == RGBA_UP:
            # WebGL counts rows from the bottom.
            cv2.flip(pixels, 0, self._order)
            pixels = self._order
        if planes.alpha is not None:
            cv2.extractChannel(pixels, 3, planes.alpha)
            if not is_opaque(pixels):
                pixels = _straight(pixels)
        self._converter.write_region(pixels, self._frame, planes)
        planes.plate = None


def is_opaque(pixels: Pixels) -> bool:
    """Whether no pixel's alpha is below 255."""
    whole = int(np.bitwise_and.reduce(pixels.reshape(-1).view("<u4")))
    return whole >> 24 == 255


def _over(pixels: Pixels, ground: tuple[int, ...]) -> Pixels:
    """Premultiplied pixels laid over one opaque colour."""
    clear = np.uint16(255) - pixels[..., 3].astype(np.uint16)
    result = np.empty_like(pixels)
    for channel in range(3):
        below = (clear * np.uint16(ground[channel]) + np.uint16(127)) // np.uint16(255)
        result[..., channel] = np.minimum(pixels[..., channel] + below, 255).astype(np.uint8)
    result[..., 3] = 255
    return result


def _straight(pixels: Pixels) -> Pixels:
    """Premultiplied pixels with their own colours, as videos hold them.

    What is quite clear takes the colour of its neighbours in the same two by two: they share their chroma.
    """
    height, width = pixels.shape[:2]
    small = np.asarray(cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)
    around = cv2.resize(_divided(small), (width, height), interpolation=cv2.INTER_NEAREST)
    result = _divided(pixels)
    cv2.copyTo(around, cv2.inRange(pixels[..., 3], 0, 0), result)
    return result


def _divided(pixels: Pixels) -> Pixels:
    shade = cv2.cvtColor(pixels[..., 3], cv2.COLOR_GRAY2RGBA)
    return np.asarray(cv2.divide(pixels, shade, scale=255), np.uint8)


def decode_shot(data: bytes, width: int, height: int) -> Pixels:
    """A picture of a page (PNG or JPEG) as BGRA of the frame's size, colours premultiplied."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        found = np.zeros((height, width, 3), np.uint8)
    if found.shape[:2] != (height, width):
        found = cv2.resize(found, (width, height), interpolation=cv2.INTER_AREA)
    if found.shape[2] == 3:
        return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2BGRA), np.uint8)
    if is_opaque(np.ascontiguousarray(found, np.uint8)):
        return np.asarray(found, np.uint8)
    shade = cv2.cvtColor(found[..., 3], cv2.COLOR_GRAY2RGBA)
    shade[..., 3] = 255
    return np.asarray(cv2.multiply(found, shade, scale=1 / 255), np.uint8)
