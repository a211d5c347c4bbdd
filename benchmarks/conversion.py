"""RGBA → I420 of a 1080p frame: ours, in BT.709, against the ways OpenCV has ready."""

from __future__ import annotations

import cv2
import numpy as np
from timing import least_ms, print_ratios

from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Converter, Planes

WIDTH, HEIGHT = 1920, 1080


def main() -> None:
    cv2.setNumThreads(1)
    picture = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    planes, converter = Planes.empty(WIDTH, HEIGHT), Converter(WIDTH, HEIGHT)
    whole, quarter = Rect(0, 0, WIDTH, HEIGHT), Rect(480, 272, 1440, 816)
    i420 = np.empty((HEIGHT * 3 // 2, WIDTH), np.uint8)
    xyz = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    weights = np.array([[0.2126, 0.7152, 0.0722, 0.0]], np.float32)
    alternatives = {
        "ours, whole frame, BT.709": lambda: converter.write_region(picture, whole, planes),
        "ours, a quarter of the frame": lambda: converter.write_region(picture, quarter, planes),
        "cvtColor to I420, BT.601 (wrong colours)": lambda: cv2.cvtColor(picture, cv2.COLOR_RGBA2YUV_I420, i420),
        "luma alone through cvtColor to XYZ": lambda: cv2.cvtColor(picture, cv2.COLOR_RGB2XYZ, xyz),
        "luma alone through cv2.transform": lambda: cv2.transform(picture, weights),
    }
    print_ratios("RGBA to I420, 1920×1080, one thread", least_ms(alternatives))


if __name__ == "__main__":
    main()
