"""Cover art for songs that carry none: an abstract picture of their own, drawn from title, artist and seed.

Everything is mixed in OKLab on a canvas of planes (3, size, size); coordinates run from -1 to 1, y down, so a
cover is the same picture at every size. Edges are distance fields, smoothed over one pixel. The subject is
centred and stays within the inscribed circle, because covers are shown round as well as square.
"""

from __future__ import annotations

import math
import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.colors import (
    CONES_TO_RGB,
    LAB_TO_CONES,
    hex_to_rgb,
    linear_to_srgb,
    oklab_to_srgb,
    srgb_to_oklab,
)

Plane = NDArray[np.float32]
Rgb8 = tuple[int, int, int]

# deep, middle, light, ground: lightness and hue go one way from stop to stop, so that neighbours mix cleanly.
PALETTES = (
    ("#5b2a86", "#f0566f", "#ffbf6b", "#130a1d"),  # dusk
    ("#1f3fa8", "#37a6c9", "#dff3e4", "#060d1c"),  # glacier
    ("#1d5a4c", "#8aa858", "#f4dfa0", "#07120f"),  # moss
    ("#6b1530", "#e2502f", "#ffc98a", "#150708"),  # ember
    ("#0e4f78", "#1aae9f", "#ffdca6", "#051219"),  # lagoon
    ("#5c2352", "#d85c8a", "#ffd3c4", "#150a15"),  # rose
    ("#2c2a8f", "#8b5cf0", "#ffa8cb", "#0a0820"),  # ultraviolet
    ("#24505c", "#c9683e", "#f5ca98", "#0a1215"),  # copper
    ("#22386b", "#ef6a4d", "#f8e4c8", "#0a0d19"),  # persimmon
    ("#0f5e5c", "#eda23f", "#fff0c6", "#051312"),  # citrus
    ("#43286b", "#4fb0a2", "#ecf4cd", "#0e0a18"),  # mint
    ("#5a2d3f", "#cf7f62", "#f4ddc3", "#130c0f"),  # clay
    ("#1e2b63", "#8d69b4", "#f8cd74", "#090b1a"),  # midnight
    ("#431350", "#e0356b", "#ffa46e", "#120714"),  # cherry
)
PAPER = "#f2ebe0"
HUE_DRIFT_DEGREES = 9.0
GRAIN = 0.011  # of full scale, RMS: print texture, and more than enough to break up banding
STRIP_ROWS = 32
# sRGB 0 … 255 at evenly spaced linear light; fine enough that neighbours differ by 0.2 of a code at most.
_SRGB_CODES = linear_to_srgb(np.linspace(0, 1, 1 << 14, dtype=np.float32)) * np.float32(255)


def _dice(title: str, artist: str, seed: int) -> random.Random:
    """A generator of its own for each song; the tags' letter case, spacing and Unicode form do not matter."""
    words = (" ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in (title, artist))
    return random.Random("\x1f".join([*words, str(seed)]))


def _pick_colors(dice: random.Random) -> NDArray[np.float32]:
    """Deep, middle, light, ground as OKLab rows (4, 3): a curated palette with its hues turned a little."""
    rgb = np.array([hex_to_rgb(color) for color in PALETTES[int(dice.random() * len(PALETTES))]], np.float32)
    lab = srgb_to_oklab(rgb)
    turn = np.deg2rad(HUE_DRIFT_DEGREES * (2 * dice.random() - 1))
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)
    lab[:, 1:] = lab[:, 1:] @ rotation
    return lab


def palette(title: str, artist: str, seed: int) -> tuple[Rgb8, ...]:
    """The colours the song's cover is drawn in: deep, middle, light, and the dark ground; sRGB 0 … 255."""
    rows = np.rint(oklab_to_srgb(_pick_colors(_dice(title, artist, seed))) * 255).astype(int)
    return tuple((int(red), int(green), int(blue)) for red, green, blue in rows)


def _smoothstep(low: float, high: float, value: Plane) -> Plane:
    t: Plane = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def _length(x: Plane, y: Plane) -> Plane:
    """np.hypot without its care for overflow, which costs five times the rest."""
    return np.sqrt(x * x + y * y)


def _saw(value: Plane, step: float) -> Plane:
    """A saw-tooth 0 … 1 of period 1, whose fall is spread over `step` (the value's change in one pixel)."""
    part = value - np.floor(value)
    fall: Plane = np.clip((1 - part) / np.float32(step), 0, 1)
    return part * fall


@dataclass
class _Canvas:
    """OKLab planes being painted, with the song's colours, each (3, 1, 1)."""

    size: int
    colors: NDArray[np.float32]
    dice: random.Random
    lab: Plane = field(init=False)
    x: Plane = field(init=False)
    y: Plane = field(init=False)

    def __post_init__(self) -> None:
        centres = (np.arange(self.size, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / self.size) - 1
        self.x, self.y = centres[None, :], centres[:, None]
        self.deep, self.middle, self.light, self.ground = self.colors[:, :, None, None].astype(np.float32)
        self.paper = srgb_to_oklab(np.array(hex_to_rgb(PAPER), np.float32))[:, None, None]
        self.lab = np.empty((3, self.size, self.size), np.float32)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.dice.random()

    def whole(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return low + int(self.dice.random() * (high - low + 1))

    def inside(self, distance: Plane) -> Plane:
        """Coverage 0 … 1 of a signed distance (negative within), smoothed over a pixel."""
        coverage: Plane = np.clip(np.float32(0.5) - distance * np.float32(self.size / 2), 0, 1)
        return coverage

    def blend(self, mask: Plane, color: Plane, rows: slice = slice(None), columns: slice = slice(None)) -> None:
        """Lay a colour over part of the canvas, as far as the mask (0 … 1) lets it."""
        for plane, value in zip(self.lab[:, rows, columns], color, strict=True):  # plane by plane stays in cache
            step = value - plane
            step *= mask
            plane += step

    def ink(self, mask: Plane, color: Plane, on_paper: bool, rows: slice, columns: slice) -> None:
        """Overprint a translucent colour: on paper it darkens like ink, on a dark ground it adds light."""
        lightness, *tint = self.lab[:, rows, columns]
        if on_paper:
            lightness *= 1 - mask * (1 - color[0])
        else:
            lightness += mask * color[0] * (1 - lightness)
        for plane, value in zip(tint, color[1:], strict=True):
            plane += mask * (value - 0.35 * plane)

    def window(self, x: float, y: float, reach: float) -> tuple[slice, slice]:
        """Rows and columns within `reach` of a point: what a disc can touch."""
        low_x, high_x, low_y, high_y = (
            min(self.size, max(0, round((at + 1) * self.size / 2 + step)))
            for at, step in ((x - reach, -2), (x + reach, 2), (y - reach, -2), (y + reach, 2))
        )
        return slice(low_y, high_y), slice(low_x, high_x)

    def disc(self, x: float, y: float, radius: float, first: Plane, last: Plane, angle: float, alpha: float) -> None:
        """A disc shaded from one colour to another along a direction (radians; pi/2 is downwards)."""
        rows, columns = self.window(x, y, radius)
        dx, dy = self.x[:, columns] - x, self.y[rows] - y
        along = _smoothstep(-radius, radius, dx * math.cos(angle) + dy * math.sin(angle))
        mask = self.inside(_length(dx, dy) - radius) * np.float32(alpha)
        self.blend(mask, first + (last - first) * along, rows, columns)

    def wash(self, base: Plane, lobes: list[tuple[float, float, float, Plane, float]]) -> None:
        """Fill the canvas with a base colour and soft lobes of others: (x, y, reach, colour, strength).

        Drawn at 128 x 128 and enlarged, which shows no difference on something this soft.
        """
        small = 128
        at = (np.arange(small, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / small) - 1
        soft = np.broadcast_to(base, (3, small, small)).astype(np.float32)
        for x, y, reach, color, strength in lobes:
            far = ((at[None, :] - x) ** 2 + (at[:, None] - y) ** 2) / np.float32(reach**2)
            soft += (color - soft) * (np.float32(strength) * np.exp(-far))
        places = np.clip((self.x[0] + 1) * small / 2 - 0.5, 0, small - 1)
        low = np.minimum(places.astype(int), small - 2)
        weights = np.zeros((self.size, small), np.float32)
        weights[np.arange(self.size), low] = 1 - (places - low)
        weights[np.arange(self.size), low + 1] = places - low
        np.matmul(weights @ soft, weights.T, out=self.lab)


def _sun_and_lines(c: _Canvas) -> None:
    """A low sun behind lines that thicken towards the viewer."""
    side = 1.0 if c.dice.random() < 0.5 else -1.0
    c.wash(
        c.deep,
        [
            (0.2 * side, -1.0, 0.75, c.ground, 0.75),
            (-0.9 * side, -0.45, 0.75, c.middle, 0.9),
            (0.95 * side, 0.15, 0.8, (c.middle + c.light) / 2, 1.0),
            (0.55 * side, 0.9, 0.75, c.light, 0.85),
            (-0.8 * side, 0.9, 0.8, c.deep, 0.9),
        ],
    )
    radius, middle = c.between(0.42, 0.5), c.between(-0.2, -0.12)
    beyond = np.maximum(_length(c.x, c.y - middle) - radius, 0)
    glow = np.exp(-((beyond / 0.22) ** np.float32(1.2)))
    c.blend(0.35 * glow, c.light)
    c.disc(
        0,
        middle,
        radius,
        c.light + (c.paper - c.light) * 0.45,
        c.light + (c.middle - c.light) * 0.4,
        math.pi / 2,
        0.97,
    )
    count = c.whole(8, 11)
    horizon = middle + radius * c.between(0.3, 0.5)
    step = (1.0 - horizon) / count  # the last line is the lower edge
    position = (c.y - horizon) / step
    nearest = np.clip(np.rint(position), 0, count)
    half = 0.008 + 0.29 * step * (nearest / count) ** 0.9
    lines = c.inside(np.abs(position - nearest) * step - half) * (c.y > horizon - step / 2)
    c.blend(0.86 * lines, c.ground + (c.deep - c.ground) * 0.3)


def _circles(c: _Canvas) -> None:
    """Translucent discs on a ring, mixing where they overlap; on the dark ground or on paper."""
    on_paper = c.dice.random() < 0.4
    c.wash(c.paper if on_paper else c.ground, [(0.0, 0.0, 0.9, c.light if on_paper else c.deep, 0.4)])
    count, turn = c.whole(3, 5), c.between(0, 2 * math.pi)
    ring, radius = c.between(0.24, 0.3), c.between(0.42, 0.5)
    for i in range(count):
        angle = turn + 2 * math.pi * i / count
        x, y = ring * math.cos(angle), ring * math.sin(angle)
        rows, columns = c.window(x, y, radius)
        dx, dy = c.x[:, columns] - x, c.y[rows] - y
        outwards = _smoothstep(-radius, radius, dx * math.cos(angle) + dy * math.sin(angle))
        mask = c.inside(_length(dx, dy) - radius) * ((0.18 if on_paper else 0.3) + 0.5 * outwards)
        c.ink(mask, (c.middle, c.light, c.deep)[i % 3], on_paper, rows, columns)


def _dunes(c: _Canvas) -> None:
    """Ridge behind ridge, from haze to dark, with a small sun over them."""
    sun_x, sun_y, sun = c.between(-0.25, 0.25), c.between(-0.42, -0.34), c.between(0.17, 0.24)
    haze = c.light + (c.middle - c.light) * 0.35
    c.wash(c.middle, [(0, -1.2, 0.9, c.deep, 0.85), (sun_x, 0.0, 0.95, haze, 0.95)])
    glow = np.exp(-((_length(c.x - sun_x, c.y - sun_y) / 0.42) ** 2))
    c.blend(0.55 * glow, c.light)
    c.disc(sun_x, sun_y, sun, c.light + (c.paper - c.light) * 0.7, c.light, math.pi / 2, 1.0)
    count = c.whole(5, 7)
    for i in range(count):
        near = (i + 1) / count
        swing, phase = 0.06 + 0.09 * near, c.between(0, 2 * math.pi)
        ridge = -0.12 + 0.88 * (i / count) ** 0.85 + swing * np.sin((1.7 + 0.5 * c.dice.random()) * c.x + phase)
        ridge = ridge + 0.25 * swing * np.sin(4.6 * c.x + 2.3 * phase)
        color = haze + (c.middle - haze) * min(1.0, 2 * near)
        color = color + (c.deep - color) * max(0.0, min(1.0, 2.4 * near - 0.8))
        color = color + (c.ground - color) * max(0.0, 2.2 * near - 1.45)
        rows = slice(max(0, int((float(ridge.min()) + 1) * c.size / 2) - 2), c.size)
        depth = c.y[rows] - ridge
        lit = color + (c.light - color) * (0.34 * (1 - 0.6 * near))
        c.blend(c.inside(-depth), lit + (color - lit) * _smoothstep(0.0, 0.3, depth), rows)


def _arcs(c: _Canvas) -> None:
    """Concentric rings, each catching the light from its own side."""
    c.wash(c.ground, [(c.between(-0.5, 0.5), c.between(-0.5, 0.5), 1.1, c.deep, 0.5)])
    count, inner, outer = c.whole(5, 8), c.between(0.12, 0.2), 0.86
    width, distance = (outer - inner) / count, _length(c.x, c.y)
    turn, twist = c.between(0, 2 * math.pi), c.between(0.35, 0.9) * (1 if c.dice.random() < 0.5 else -1)
    ring = np.clip((distance - inner) / width, 0, count - 1).astype(np.intp)
    each = np.arange(count, dtype=np.float32)
    towards = turn + twist * each  # the direction each ring is lit from
    facing = (c.x * np.cos(towards)[ring] + c.y * np.sin(towards)[ring]) / np.maximum(distance, 1e-6)
    sweep = np.clip(0.5 + 0.5 * facing, 0, 1)
    rank = 2 * each / (count - 1)
    inks = c.light + (c.middle - c.light) * np.minimum(1, rank) + (c.deep - c.middle) * np.maximum(0, rank - 1)
    dark = c.ground + (c.deep - c.ground) * 0.35
    mask = c.inside(np.abs(distance - (inner + 0.5 * width) - ring * np.float32(width)) - 0.43 * width)
    c.blend(mask, dark + np.take((inks - dark)[:, 0], ring, axis=1) * (sweep * np.sqrt(sweep)))
    c.disc(0, 0, inner - 0.1 * width, c.paper + (c.light - c.paper) * 0.6, c.light, turn, 1.0)


def _glass(c: _Canvas) -> None:
    """Slanted blinds of colour, bent the other way in a round lens at the centre."""
    angle = c.between(0.5, 1.1) * (1 if c.dice.random() < 0.5 else -1)
    across = (c.x * math.cos(angle) + c.y * math.sin(angle)).astype(np.float32)
    radius, count = c.between(0.5, 0.58), c.whole(3, 5)
    distance = _length(c.x, c.y)
    shadow = np.exp(-((_length(c.x, c.y - 0.07) / (radius * 1.22)) ** 6))
    dusk = _smoothstep(-1.2, 1.2, c.x * math.sin(angle) - c.y * math.cos(angle))
    rate = count / 2
    blind = _saw(across * rate + 0.5, rate * 2 / c.size)
    c.lab[:] = c.ground + (c.deep - c.ground) * (blind * (0.35 + 0.65 * dusk))
    c.blend(0.75 * shadow, c.ground)
    rate *= 0.8 / radius
    bent = _saw(across * rate + 0.5, rate * 2 / c.size)
    warm = c.middle + (c.light - c.middle) * _smoothstep(-radius, radius, -c.y)
    c.blend(c.inside(distance - radius), c.deep + (warm - c.deep) * np.sqrt(1 - bent))


FAMILIES: tuple[Callable[[_Canvas], None], ...] = (_sun_and_lines, _circles, _dunes, _arcs, _glass)


def _develop(lab: Plane, noise: np.random.Generator) -> NDArray[np.uint8]:
    """OKLab planes → opaque RGBA bytes, with grain.

    Works in strips that stay in cache, with a table for the sRGB curve: a quarter of the plain way's time.
    """
    size = lab.shape[1]
    pixels = np.full((size, size, 4), 255, np.uint8)
    for top in range(0, size, STRIP_ROWS):
        strip = lab[:, top : top + STRIP_ROWS]
        cones = LAB_TO_CONES @ strip.reshape(3, -1)
        linear = CONES_TO_RGB @ (cones * cones * cones)
        codes = _SRGB_CODES[(np.clip(linear, 0, 1) * (_SRGB_CODES.size - 1) + 0.5).astype(np.int32)]
        codes += noise.standard_normal(codes.shape[1], np.float32) * np.float32(255 * GRAIN) + np.float32(0.5)
        pixels[top : top + STRIP_ROWS, :, :3] = np.clip(codes, 0, 255).T.reshape(-1, size, 3)
    return pixels


def draw_cover(title: str, artist: str, seed: int, size_px: int = 1024) -> NDArray[np.uint8]:
    """Draw the song's cover: premultiplied, opaque RGBA bytes of shape (size_px, size_px, 4).

    The same title, artist and seed give the same picture; `size_px` changes only its resolution.
    """
    dice = _dice(title, artist, seed)
    canvas = _Canvas(size_px, _pick_colors(dice), dice)
    FAMILIES[int(dice.random() * len(FAMILIES))](canvas)
    return _develop(canvas.lab, np.random.default_rng(int(dice.random() * 2**32)))
