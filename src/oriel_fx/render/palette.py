"""Palettes: three hues that belong to a cover, a ground and an ink to go with them."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from oriel_fx.render.colors import oklab_to_srgb, rgb_to_hex, srgb_to_oklab
from oriel_fx.render.scene import Palette, Pixels

HUE_BINS = 72
# A cover with less colour than this is treated as black and white.
COLORLESS = 0.025
NEIGHBOUR_DEG = 38.0
INK = "#f6f3ee"


def palette_of(cover: Pixels) -> Palette:
    """Palette of a cover (RGBA uint8): its three strongest hues, light enough to shine on a dark ground."""
    small = cv2.resize(cover[..., :3], (48, 48), interpolation=cv2.INTER_AREA)
    lab = srgb_to_oklab(small.reshape(-1, 3).astype(np.float32) / np.float32(255))
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    if float(np.percentile(chroma, 85)) < COLORLESS:
        return Palette((_shade(0.9, 0.01, 80), _shade(0.72, 0.012, 260), _shade(0.55, 0.015, 260)), "#0c0c0e", INK)
    hues = _strong_hues(np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360, chroma * chroma)
    strength = float(np.clip(np.percentile(chroma, 90), 0.11, 0.18))
    lights = (0.64, 0.71, 0.80)
    colors = [_shade(light, strength, hue) for light, hue in zip(lights, hues, strict=True)]
    ground = _shade(0.145, min(0.03, strength * 0.22), hues[0])
    return Palette((colors[0], colors[1], colors[2]), ground, INK)


def _strong_hues(hues_deg: NDArray[np.float32], weights: NDArray[np.float32]) -> tuple[float, float, float]:
    """Up to three hues far enough apart, filled up with neighbours; ordered so that a ramp through them is short."""
    counts = np.histogram(hues_deg, HUE_BINS, (0, 360), weights=weights)[0]
    ringed = np.concatenate([counts[-4:], counts, counts[:4]])
    kernel = np.hanning(9)[1:-1]
    smooth = np.convolve(ringed, kernel / kernel.sum(), "same")[4:-4]
    centres = (np.arange(HUE_BINS) + 0.5) * 360 / HUE_BINS
    found: list[float] = []
    total = smooth.sum()
    while len(found) < 3 and smooth.max() > 0.012 * total:
        best = float(centres[int(np.argmax(smooth))])
        found.append(best)
        smooth = np.where(np.abs(_turn(centres, best)) < NEIGHBOUR_DEG * 0.75, 0.0, smooth)
    if len(found) == 1:
        found += [found[0] + NEIGHBOUR_DEG, found[0] - NEIGHBOUR_DEG]
    if len(found) == 2:
        found.append(found[0] + float(_turn(np.array(found[1]), found[0])) / 2)
    return _in_order(found)


def _turn(hues: NDArray[np.float64], origin: float) -> NDArray[np.float64]:
    """Signed angle from origin, -180..180."""
    return (hues - origin + 180) % 360 - 180


def _in_order(hues: list[float]) -> tuple[float, float, float]:
    """Three hues ordered along the arc that leaves out the widest gap, starting from the end nearer to violet."""
    ring = sorted(hue % 360 for hue in hues)
    gaps = [(ring[(i + 1) % 3] - ring[i]) % 360 for i in range(3)]
    start = (gaps.index(max(gaps)) + 1) % 3
    arc = [ring[(start + i) % 3] for i in range(3)]
    violet = 300.0
    if abs(float(_turn(np.array(arc[2]), violet))) < abs(float(_turn(np.array(arc[0]), violet))):
        arc.reverse()
    return arc[0], arc[1], arc[2]


def _shade(lightness: float, chroma: float, hue_deg: float) -> str:
    angle = math.radians(hue_deg)
    lab = np.array([[lightness, chroma * math.cos(angle), chroma * math.sin(angle)]], np.float32)
    return rgb_to_hex(oklab_to_srgb(lab)[0])
