"""Camera: the whole picture zooms or shakes on the beat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from oriel_fx.render.pixels import Planes
from oriel_fx.render.scene import Frame, Params, Scene


class ZoomEffect(Params):
    """A push towards the picture on each beat, falling back before the next."""

    type: Literal["zoom"] = "zoom"
    strength: float = Field(0.02, ge=0, le=0.3, description="how much larger on a full beat")
    on: Literal["beat", "onset"] = "beat"
    decay: float = Field(0.14, gt=0, le=2, description="seconds until a third of it is left")

    def prepare(self, scene: Scene) -> Camera:
        return Camera(self.on, self.decay, self.strength, 0.0, scene.layout.unit, scene.seed)


class ShakeEffect(Params):
    """A knock on each beat, in a direction of its own, settling at once."""

    type: Literal["shake"] = "shake"
    strength: float = Field(0.008, ge=0, le=0.1, description="how far, in short sides")
    on: Literal["beat", "onset"] = "beat"
    decay: float = Field(0.09, gt=0, le=2, description="seconds until a third of it is left")

    def prepare(self, scene: Scene) -> Camera:
        return Camera(self.on, self.decay, 0.0, self.strength, scene.layout.unit, scene.seed)


SHAKE_HZ = 11.0
STILL = 0.02


@dataclass
class Camera:
    """Cuts an even-sized window out of the frame and enlarges it, plane by plane: a quarter of the cost in RGBA."""

    on: str
    decay_s: float
    zoom: float
    shake: float
    unit: float
    seed: int

    def apply(self, planes: Planes, frame: Frame) -> bool:
        timeline = frame.timeline
        pulse = timeline.beat_pulse if self.on == "beat" else timeline.onset_pulse
        push = pulse(frame.index, self.decay_s)
        if push < STILL:
            return False
        height, width = planes.y.shape
        reach = self.shake * self.unit * push
        margin_x = reach + width * (1 - 1 / (1 + self.zoom * push)) / 2
        margin_y = reach + height * (1 - 1 / (1 + self.zoom * push)) / 2
        heading = float(np.random.default_rng([self.seed, timeline.beat_index(frame.index)]).random()) * 2 * math.pi
        swing = reach * math.cos(2 * math.pi * SHAKE_HZ * frame.time_s)
        left = round((margin_x + swing * math.cos(heading)) / 2)
        top = round((margin_y + swing * math.sin(heading)) / 2)
        columns, rows = width // 2 - 2 * round(margin_x / 2), height // 2 - 2 * round(margin_y / 2)
        if (columns, rows) == (width // 2, height // 2):
            return False
        left, top = min(left, width // 2 - columns), min(top, height // 2 - rows)
        for plane, scale in ((planes.y, 2), (planes.u, 1), (planes.v, 1)):
            window = plane[top * scale : (top + rows) * scale, left * scale : (left + columns) * scale]
            plane[:] = cv2.resize(window, plane.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return True
