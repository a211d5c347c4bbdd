"""What an effect is: it changes lit regions of the picture, or the finished frame."""

from __future__ import annotations

from typing import Protocol

from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Planes
from oriel_fx.render.scene import Frame, Pixels


class RegionEffect(Protocol):
    """Works on RGBA, on the background once and then on each region that layers drew in.

    `reach_px` is how far its light spreads beyond what was drawn.
    """

    reach_px: int

    def darken_ground(self, ground: Pixels, still: bool) -> None:
        """Change the bare ground (RGBA, in place): once where it is still, else on every frame."""

    def apply(self, picture: Pixels, ground: Pixels, region: Rect, frame: Frame) -> None:
        """Change one region in place; `ground` is the picture as it was before the glowing layers were drawn."""

    def apply_planar(self, planes: Planes, ground: Planes, region: Rect, frame: Frame) -> None:
        """The same where a frame is drawn in its planes: change one region in place, edges even."""


class FrameEffect(Protocol):
    """Works on the finished frame's planes, and only on frames where it has something to do."""

    def apply(self, planes: Planes, frame: Frame) -> bool:
        """Change the whole frame in place; returns whether anything was changed."""
