"""Overlays: layers with soft edges, drawn by Skia and laid over a frame that is drawn in its planes."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Planes
from oriel_fx.render.planar import Overlay
from oriel_fx.render.scene import Drawer, Frame, Surface

# A layer with more states than this keeps the latest ones.
MOST_KEPT = 64


class OverlayMaker:
    """Turns layers into overlays: once for each state a layer says it is in, else anew for each frame."""

    def __init__(self, drawers: list[Drawer], frame_rect: Rect) -> None:
        self._drawers = drawers
        self._regions = [drawer.bounds.intersect(frame_rect).align(2).intersect(frame_rect) for drawer in drawers]
        self._kept: list[dict[Hashable, Overlay]] = [{} for _ in drawers]

    def lay_on(self, planes: Planes, frame: Frame) -> list[Rect]:
        """Blend all layers over the planes, in order; return the regions they touched."""
        laid = []
        for drawer, region, kept in zip(self._drawers, self._regions, self._kept, strict=True):
            if not region.area:
                continue
            state = drawer.state(frame)
            overlay = kept.get(state) if state is not None else None
            if overlay is None:
                overlay = _drawn(drawer, region, frame)
                if state is not None:
                    if len(kept) >= MOST_KEPT:
                        kept.pop(next(iter(kept)))
                    kept[state] = overlay
            overlay.lay_on(planes)
            laid.append(region)
        return laid


def _drawn(drawer: Drawer, region: Rect, frame: Frame) -> Overlay:
    """One layer alone, on a transparent picture of its region."""
    surface = Surface(np.zeros((region.height, region.width, 4), np.uint8))
    surface.canvas.translate(-region.left, -region.top)
    drawer.draw(surface, frame)
    return Overlay.of(surface.pixels, region)
