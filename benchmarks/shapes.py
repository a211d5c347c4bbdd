"""180 round-capped bars and a wave of 480 points at 1080p: our rasteriser and OpenCV in planes, Skia on a picture."""

from __future__ import annotations

import cv2
import numpy as np
import skia
from timing import least_ms, print_ratios

from oriel_fx.render.pixels import Planes
from oriel_fx.render.planar import PlanarSurface
from oriel_fx.render.scene import Surface
from oriel_fx.render.shapes import fill_capsules, stroke_polyline

WIDTH, HEIGHT = 1920, 1080


def main() -> None:
    cv2.setNumThreads(1)
    surface = Surface(np.zeros((HEIGHT, WIDTH, 4), np.uint8))
    planes = Planes.empty(WIDTH, HEIGHT)
    flat = PlanarSurface(planes, None)
    turn = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    ways = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    lengths = np.random.default_rng(1).uniform(10, 110, 180).astype(np.float32)
    starts = ways * 250 + np.float32((960, 540))
    ends = ways * (250 + lengths)[:, None] + np.float32((960, 540))
    colors = ["#ff80a0"] * 180
    bars = {
        "rasteriser": lambda: fill_capsules(flat, starts, ends, 4.4, colors),
        "OpenCV, a polygon each": lambda: _polygons(planes, starts, ends, 2.2),
        "Skia, a line each": lambda: _skia_lines(surface, starts, ends),
    }
    print_ratios("180 round-capped bars", least_ms(bars))
    across = np.linspace(0, WIDTH, 480, dtype=np.float32)
    wave = np.stack([across, 540 + 100 * np.sin(across / 20)], axis=1).astype(np.float32)
    waves = {
        "rasteriser": lambda: stroke_polyline(flat, wave, 4.0, "#7dffce"),
        "OpenCV": lambda: _polylines(planes, wave),
        "Skia": lambda: _skia_polyline(surface, wave),
    }
    print_ratios("a wave of 480 points", least_ms(waves))


def _polygons(planes: Planes, starts: np.ndarray, ends: np.ndarray, radius: float) -> None:
    turns = np.exp(1j * np.linspace(-np.pi / 2, np.pi / 2, 5))
    first, last = (points[:, :1] + 1j * points[:, 1:] for points in (starts, ends))
    cap = (last - first) / np.abs(last - first) * radius * turns
    outlines = np.concatenate([last + cap, first - cap], axis=1)
    for plane, scale in ((planes.y, 256), (planes.u, 128), (planes.v, 128)):
        for outline in np.rint(np.stack([outlines.real, outlines.imag], axis=2) * scale).astype(np.int32):
            cv2.fillConvexPoly(plane, outline, (150,), cv2.LINE_AA, 8)


def _polylines(planes: Planes, points: np.ndarray) -> None:
    for plane, scale, width in ((planes.y, 256, 4), (planes.u, 128, 2), (planes.v, 128, 2)):
        cv2.polylines(plane, [np.rint(points * scale).astype(np.int32)], False, (150,), width, cv2.LINE_AA, 8)


def _skia_lines(surface: Surface, starts: np.ndarray, ends: np.ndarray) -> None:
    paint = skia.Paint(AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=4.4, Color=0xFFFF80A0)
    paint.setStrokeCap(skia.Paint.kRound_Cap)
    points = [skia.Point(*end) for line in zip(starts.tolist(), ends.tolist(), strict=True) for end in line]
    surface.canvas.drawPoints(skia.Canvas.kLines_PointMode, points, paint)


def _skia_polyline(surface: Surface, points: np.ndarray) -> None:
    path = skia.Path()
    path.addPoly([skia.Point(x, y) for x, y in points.tolist()], False)
    paint = skia.Paint(AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=4, Color=0xFF7DFFCE)
    surface.canvas.drawPath(path, paint)


if __name__ == "__main__":
    main()
