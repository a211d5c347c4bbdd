"""Fade: the picture comes up at the start and goes out at the end. Flash: it lights up on onsets or beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from oriel_fx.render.colors import Color, hex_to_rgb
from oriel_fx.render.pixels import Planes, ycbcr
from oriel_fx.render.scene import Frame, Params, Scene


class FadeEffect(Params):
    """From a colour at the start, to it at the end: of the song, or of the part that is rendered."""

    type: Literal["fade"] = "fade"
    start: float = Field(0.6, ge=0, le=60, description="seconds")
    end: float = Field(1.5, ge=0, le=60, description="seconds")
    of: Literal["song", "clip"] = "song"
    color: Color = "#000000"

    def prepare(self, scene: Scene) -> Fade:
        fps = float(scene.timeline.fps)
        first, stop = scene.range_frames if self.of == "clip" else (0, scene.timeline.n_frames)
        return Fade(self, first / fps, (stop - 1) / fps, ycbcr(hex_to_rgb(scene.palette.resolve(self.color))))


@dataclass
class Fade:
    params: FadeEffect
    first_s: float
    last_s: float
    color: tuple[float, float, float]

    def shown(self, time_s: float) -> float:
        """How much of the picture is there at a time, 0..1."""
        # What is short is still seen: fades take half of it at most.
        both, length = self.params.start + self.params.end, self.last_s - self.first_s
        share = min(1.0, 0.5 * length / both) if both else 1.0
        start, end = self.params.start * share, self.params.end * share
        rise = (time_s - self.first_s) / start if start else 1.0
        fall = (self.last_s - time_s) / end if end else 1.0
        part = min(1.0, max(0.0, min(rise, fall)))
        return part * part * (3 - 2 * part)

    def apply(self, planes: Planes, frame: Frame) -> bool:
        return blend_towards(planes, self.color, 1 - self.shown(frame.time_s))


class FlashEffect(Params):
    """Light over the whole picture, on each onset or beat."""

    type: Literal["flash"] = "flash"
    on: Literal["onset", "beat"] = "onset"
    strength: float = Field(0.25, ge=0, le=1)
    decay: float = Field(0.12, gt=0, le=2, description="seconds until a third of it is left")
    color: Color = "#ffffff"

    def prepare(self, scene: Scene) -> Flash:
        return Flash(self, ycbcr(hex_to_rgb(scene.palette.resolve(self.color))))


@dataclass
class Flash:
    params: FlashEffect
    color: tuple[float, float, float]

    def apply(self, planes: Planes, frame: Frame) -> bool:
        pulse = frame.timeline.onset_pulse if self.params.on == "onset" else frame.timeline.beat_pulse
        return blend_towards(planes, self.color, self.params.strength * pulse(frame.index, self.params.decay))


def blend_towards(planes: Planes, color: tuple[float, float, float], amount: float) -> bool:
    """Mix the whole frame, in place, `amount` (0..1) of the way to a Y'CbCr colour (levels 0..255).

    Returns whether anything was changed.
    """
    if amount < 0.002:
        return False
    levels: NDArray[np.float64] = np.arange(256, dtype=np.float64)
    for plane, target in zip((planes.y, planes.u, planes.v), color, strict=True):
        table = np.round(levels + (target - levels) * amount).astype(np.uint8)
        cv2.LUT(plane, table, plane)
    return True
