"""Comparing a frame with the picture kept of it, with room for another version of Skia or OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]

MEAN_ALLOWED = 0.8
# Of any place, once edges are blurred: a hairline may move by half a pixel, a letter may not go missing.
BLURRED_ALLOWED = 14.0
BLUR_PX = 7


@dataclass(frozen=True)
class Difference:
    """How far two pictures are apart, in levels of 255."""

    mean: float
    blurred: float

    @property
    def allowed(self) -> bool:
        return self.mean <= MEAN_ALLOWED and self.blurred <= BLURRED_ALLOWED


def compare(drawn: Rgb, kept: Rgb) -> Difference:
    """Both (height, width, 3), of one size."""
    apart = drawn.astype(np.float32) - kept.astype(np.float32)
    blurred = np.abs(cv2.blur(apart, (BLUR_PX, BLUR_PX)))
    return Difference(float(np.abs(apart).mean()), float(blurred.max()))


def check_frame(drawn: Rgb, golden: Path, update: bool, folder: Path) -> None:
    """Compare with the kept picture, or keep this one. A failure leaves both and their difference in `folder`."""
    if update:
        write(golden, drawn)
        return
    assert golden.is_file(), f"There is no {golden}. Look at the frame, then run pytest --update-goldens."
    kept = read(golden)
    assert kept.shape == drawn.shape, f"{golden.name} is {kept.shape[1]}x{kept.shape[0]}."
    difference = compare(drawn, kept)
    if difference.allowed:
        return
    actual, apart = folder / f"{golden.stem}-actual.png", folder / f"{golden.stem}-difference.png"
    write(actual, drawn)
    # Eight times as strong, round grey: lighter where the drawn frame is.
    write(apart, np.clip((drawn.astype(int) - kept) * 8 + 128, 0, 255).astype(np.uint8))
    raise AssertionError(
        f"{golden.stem} differs from its golden frame: {difference.mean:.2f} levels on average (allowed "
        f"{MEAN_ALLOWED}), {difference.blurred:.1f} at the worst place (allowed {BLURRED_ALLOWED}).\n"
        f"  golden      {golden}\n  actual      {actual}\n  difference  {apart}\n"
        "If the new frame is right, run pytest --update-goldens and look at what changed."
    )


def read(path: Path) -> Rgb:
    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None, f"{path} is not a picture."
    return np.ascontiguousarray(picture[..., ::-1]).astype(np.uint8)


def write(path: Path, picture: Rgb) -> None:
    path.write_bytes(cv2.imencode(".png", picture[..., ::-1], (cv2.IMWRITE_PNG_COMPRESSION, 9))[1].tobytes())
