"""180 round-capped bars, and a wave of 480 points, at 1080p: OpenCV as we use it against Skia."""

from __future__ import annotations

import cv2
import numpy as np
import skia
from timing import least_ms, print_ratios

from oriel_fx.render.scene import Surface
from oriel_fx.render.shapes import fill_capsules, stroke_polyline

WIDTH, HEIGHT = 1920, 1080


def main() -> None:
    cv2.setNumThreads(1)
    surface = Surface(np.zeros((HEIGHT, WIDTH, 4), np.uint8))
    turn = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    ways = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    lengths = np.random.default_rng(1).uniform(10, 110, 180).astype(np.float32)
    starts = ways * 250 + np.float32((960, 540))
    ends = ways * (250 + lengths)[:, None] + np.float32((960, 540))
    colors = ["#ff80a0"] * 180
    bars = {
        "OpenCV": lambda: fill_capsules(surface, starts, ends, 4.4, colors),
        "Skia (as for clear colours)": lambda: fill_capsules(surface, starts, ends, 4.4, colors, opacity=0.999),
    }
    print_ratios("180 round-capped bars", least_ms(bars))
    across = np.linspace(0, WIDTH, 480, dtype=np.float32)
    wave = np.stack([across, 540 + 100 * np.sin(across / 20)], axis=1).astype(np.float32)
    waves = {
        "OpenCV": lambda: stroke_polyline(surface.pixels, wave, 4.0, "#7dffce"),
        "Skia": lambda: _skia_polyline(surface, wave),
    }
    print_ratios("a wave of 480 points", least_ms(waves))


def _skia_polyline(surface: Surface, points: np.ndarray) -> None:
    path = skia.Path()
    path.addPoly([skia.Point(x, y) for x, y in points.tolist()], False)
    paint = skia.Paint(AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=4, Color=0xFF7DFFCE)
    surface.canvas.drawPath(path, paint)


if __name__ == "__main__":
    main()
