"""Backgrounds: what lies under the layers, as one picture or one that slowly moves."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oriel_fx.render.colors import Color, hex_to_rgb, ramp
from oriel_fx.render.pixels import dither, opaque
from oriel_fx.render.scene import Artwork, Frame, Params, Pixels

Floats = NDArray[np.float32]


class Motion(Params):
    """What every background can do: drift slowly, and zoom a little on the beat."""

    drift: float = Field(0.0, ge=0, le=0.2, description="how far it wanders, in short sides, over half a minute")
    beat_zoom: float = Field(0.0, ge=0, le=0.2, description="how much larger it is on a beat")


class ColorBackground(Motion):
    """One colour."""

    type: Literal["color"] = "color"
    color: Color = "palette.ground"

    def paint(self, artwork: Artwork, width: int, height: int) -> Floats:
        return np.full((height, width, 3), hex_to_rgb(artwork.palette.resolve(self.color)), np.float32)


class GradientBackground(Motion):
    """Two or more colours, mixed in OKLab: along a line, or outwards from a point."""

    type: Literal["gradient"] = "gradient"
    shape: Literal["linear", "radial"] = "linear"
    colors: list[Color] = Field(["palette.ground", "palette.0"], min_length=2, max_length=8)
    angle: float = Field(90.0, ge=-360, le=360, description="degrees; 0 runs to the right, 90 down")
    x: float = Field(0.5, ge=-1, le=2, description="centre of a radial one, share of the width")
    y: float = Field(0.5, ge=-1, le=2, description="centre of a radial one, share of the height")
    radius: float = Field(1.0, gt=0, le=5, description="of a radial one, in short sides")

    def paint(self, artwork: Artwork, width: int, height: int) -> Floats:
        down, across = np.mgrid[0:height, 0:width].astype(np.float32) + np.float32(0.5)
        if self.shape == "radial":
            distance = np.hypot(across - self.x * width, down - self.y * height)
            along = distance / (self.radius * artwork.layout.unit)
            # A smooth shoulder at both ends: a straight ramp shows its edge as a ring.
            along = np.clip(along, 0, 1)
            along = along * along * (3 - 2 * along)
        else:
            dx, dy = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
            reach = abs(dx) * width + abs(dy) * height
            along = ((across - width / 2) * dx + (down - height / 2) * dy) / reach + 0.5
        steps = ramp(artwork.colors(self.colors), np.linspace(0, 1, 4096, dtype=np.float32))
        return np.asarray(steps[(np.clip(along, 0, 1) * 4095 + 0.5).astype(np.int16)], np.float32)


class ImageBackground(Motion):
    """A picture filling the frame: `cover` (the song's cover art) or an asset's name; blurred and darkened if asked."""

    type: Literal["image"] = "image"
    source: str = Field("cover", max_length=255)
    fit: Literal["cover", "contain", "stretch"] = "cover"
    blur: float = Field(0.0, ge=0, le=0.5, description="radius, in short sides")
    darken: float = Field(0.0, ge=0, le=1, description="0 as it is, 1 the ground colour")
    saturation: float = Field(1.0, ge=0, le=2)
    color: Color = Field(
        "palette.ground", description="what it darkens towards, and what shows beside a contained picture"
    )

    def paint(self, artwork: Artwork, width: int, height: int) -> Floats:
        ground = np.array(hex_to_rgb(artwork.palette.resolve(self.color)), np.float32)
        sigma_px = self.blur * artwork.layout.unit
        # A blurred picture is worked on at a size where the blur is a few pixels, and enlarged at the end.
        factor = max(1.0, sigma_px / 6)
        small = (max(8, round(width / factor)), max(8, round(height / factor)))
        picture = _fit(artwork.load_image(self.source), self.fit, *small, ground)
        if sigma_px:
            blurred = cv2.GaussianBlur(picture, (0, 0), sigma_px / factor, borderType=cv2.BORDER_REFLECT)
            picture = np.asarray(blurred, np.float32)
        if self.saturation != 1:
            luma = np.einsum("ijk,k->ij", picture, np.array([0.2126, 0.7152, 0.0722], np.float32))[..., None]
            picture = luma + (picture - luma) * np.float32(self.saturation)
        picture = np.clip(ground + (picture - ground) * np.float32(1 - self.darken), 0, 1)
        if small == (width, height):
            return picture
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


Background = Annotated[ColorBackground | GradientBackground | ImageBackground, Field(discriminator="type")]


def _fit(pixels: Pixels, fit: str, width: int, height: int, ground: Floats) -> Floats:
    rows, columns = pixels.shape[:2]
    over, across, down = pixels, width, height
    if fit == "cover":
        scale = max(width / columns, height / rows)
        keep_columns = max(1, min(columns, round(width / scale)))
        keep_rows = max(1, min(rows, round(height / scale)))
        top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
        over = pixels[top : top + keep_rows, left : left + keep_columns]
    elif fit == "contain":
        scale = min(width / columns, height / rows)
        across, down = max(1, round(columns * scale)), max(1, round(rows * scale))
    shrink = across < over.shape[1]
    resized = cv2.resize(over, (across, down), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC)
    floats = resized.astype(np.float32) / 255
    inside = floats[..., :3] + ground * (1 - floats[..., 3:])
    if (across, down) == (width, height):
        return np.asarray(inside, np.float32)
    picture = np.broadcast_to(ground, (height, width, 3)).copy()
    top, left = (height - down) // 2, (width - across) // 2
    picture[top : top + down, left : left + across] = inside
    return picture


def _levels(painted: Floats) -> Pixels:
    return np.round(painted * 255).astype(np.uint8)


DRIFT_PERIOD_S = 30.0


class Ground:
    """A background made ready: `still` when every frame has the same, else cut anew for each frame.

    It is painted once, larger than the picture by the room it moves in.
    """

    def __init__(self, background: ColorBackground | GradientBackground | ImageBackground, artwork: Artwork) -> None:
        layout = artwork.layout
        self._width, self._height = layout.width, layout.height
        plain = isinstance(background, ColorBackground)
        self._drift_px = 0.0 if plain else background.drift * layout.unit
        self._beat_zoom = 0.0 if plain else background.beat_zoom
        self.still = self._drift_px == 0 and self._beat_zoom == 0
        self._margin = math.ceil(self._drift_px) + 1 if self._drift_px else 0
        painted = background.paint(artwork, layout.width + 2 * self._margin, layout.height + 2 * self._margin)
        # One flat colour needs no dithering, and must come out exactly as it was asked for.
        self._pixels = opaque(_levels(painted)) if plain else dither(painted, artwork.seed)

    def pixels(self, frame: Frame) -> Pixels:
        """RGBA, opaque, height × width × 4; a view where it is still, so copy before drawing on it."""
        if self.still:
            return self._pixels
        turn = 2 * math.pi * frame.time_s / DRIFT_PERIOD_S
        x = self._margin + self._drift_px * math.sin(turn)
        y = self._margin + self._drift_px * 0.6 * math.sin(2 * turn + 0.7)
        zoom = 1 + self._beat_zoom * frame.timeline.beat_pulse(frame.index)
        centre_x, centre_y = x + self._width / 2, y + self._height / 2
        matrix = np.array(
            [
                [1 / zoom, 0, centre_x - self._width / 2 / zoom],
                [0, 1 / zoom, centre_y - self._height / 2 / zoom],
            ],
            np.float64,
        )
        return np.asarray(
            cv2.warpAffine(
                self._pixels,
                matrix,
                (self._width, self._height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT,
            ),
            np.uint8,
        )
