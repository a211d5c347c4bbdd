"""Overlays: layers with soft edges, drawn by Skia and laid over a frame that is drawn in its planes."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Planes
from oriel_fx.render.planar import Overlay, PlanarSurface, draw_overlay
from oriel_fx.render.scene import Drawer, Frame

# A layer with more states than this keeps the latest ones.
MOST_KEPT = 64


class OverlayMaker:
    """Lays layers over a frame: straight into its planes, or as overlays made once for each state of a layer."""

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
            if drawer.planar(False):
                drawer.draw(PlanarSurface(planes, None), frame)
                laid.append(region)
                continue
            state = drawer.state(frame)
            overlay = kept.get(state) if state is not None else None
            if overlay is None:
                overlay = draw_overlay(partial(drawer.draw, frame=frame), region)
                if state is not None:
                    if len(kept) >= MOST_KEPT:
                        kept.pop(next(iter(kept)))
                    kept[state] = overlay
            overlay.lay_on(planes)
            laid.append(region)
        return laid
