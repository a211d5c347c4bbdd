"""The native engine: Skia draws the layers, OpenCV does the pixel work, and only what changes is touched.

What stands still is drawn once, into the plate. Each frame starts as a copy of the plate; layers draw on top,
effects and the conversion to 4:2:0 then run on just the regions that were drawn in.
"""

from __future__ import annotations

from collections import defaultdict
from time import thread_time

import cv2
import numpy as np

from oriel_fx.render.background import Ground
from oriel_fx.render.effects import FrameEffectParams
from oriel_fx.render.effects.base import FrameEffect, RegionEffect
from oriel_fx.render.effects.bloom import Bloom
from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Converter, Planes
from oriel_fx.render.scene import Drawer, Frame, Pixels, Scene, Surface
from oriel_fx.render.spec import RenderSpec

# Regions start on this grid, so that the bloom samples the same places on every frame and does not shimmer.
GRID_PX = 16


class NativeEngine:
    """Draws the frames of one spec and song.

    `stage_s` collects CPU seconds spent per stage (restore, draw, effects, convert, finish), for the benchmark.
    """

    def __init__(self, spec: RenderSpec, scene: Scene, ground: Ground) -> None:
        # More threads would fight the encoder for the same cores.
        cv2.setNumThreads(1)
        self._scene = scene
        self._frame_rect = scene.layout.frame
        drawers: list[Drawer] = [layer.prepare(scene) for layer in spec.layers]
        self._frame_effects: list[FrameEffect] = []
        self._region_effects: list[RegionEffect] = []
        for effect in spec.effects:
            if isinstance(effect, FrameEffectParams):
                self._frame_effects.append(effect.prepare(scene))
            else:
                self._region_effects.append(effect.prepare(scene))
        self._ground = ground
        first = self._frame(scene.range_frames[0])
        self._plate: Pixels = np.ascontiguousarray(self._ground.pixels(first)).copy()
        live = _bake(drawers, Surface(self._plate), first) if self._ground.still else drawers
        self._under, self._lit, self._over = _by_light(live)
        for region_effect in self._region_effects:
            region_effect.darken_ground(self._plate, self._ground.still)
            if isinstance(region_effect, Bloom):
                region_effect.still_ground = self._ground.still and not self._under
        self._plate_planes = Planes.empty(scene.layout.width, scene.layout.height)
        self._converter = Converter(scene.layout.width, scene.layout.height)
        self._converter.write_region(self._plate, self._frame_rect, self._plate_planes)
        self._surface = Surface(self._plate.copy())
        self._base = self._plate
        self._dirty: list[Rect] = []
        self.stage_s: dict[str, float] = defaultdict(float)

    def _frame(self, index: int) -> Frame:
        timeline = self._scene.timeline
        return Frame(index, float(index / timeline.fps), timeline)

    def draw(self, index: int, planes: Planes) -> None:
        """Draw frame `index` of the song into planes of the output's size."""
        frame = self._frame(index)
        clock = thread_time()
        self._restore(frame)
        clock = self._count("restore", clock)
        lit = self._draw_lit(frame)
        clock = self._count("draw", clock)
        self._apply_effects(lit, frame)
        clock = self._count("effects", clock)
        over = self._draw_layers(self._over, frame)
        self._dirty = _merged(lit + over)
        clock = self._count("draw", clock)
        if self._ground.still:
            planes.reset_to(self._plate_planes)
            for region in self._dirty:
                self._converter.write_region(self._surface.pixels, region, planes)
            planes.drawn = self._dirty
        else:
            self._converter.write_region(self._surface.pixels, self._frame_rect, planes)
            planes.plate = None
        clock = self._count("convert", clock)
        for frame_effect in self._frame_effects:
            if frame_effect.apply(planes, frame):
                planes.plate = None
        self._count("finish", clock)

    def _count(self, stage: str, since: float) -> float:
        now = thread_time()
        self.stage_s[stage] += now - since
        return now

    def _restore(self, frame: Frame) -> None:
        """Make the picture the bare ground again, where the last frame drew."""
        if self._ground.still:
            for region in self._dirty:
                self._surface.pixels[region.slices] = self._plate[region.slices]
            return
        np.copyto(self._plate, self._ground.pixels(frame))
        for region_effect in self._region_effects:
            region_effect.darken_ground(self._plate, self._ground.still)
        np.copyto(self._surface.pixels, self._plate)

    def _draw_lit(self, frame: Frame) -> list[Rect]:
        """Draw the layers up to the last that glows; return the regions they light up, apart from each other."""
        below = self._draw_layers(self._under, frame)
        self._base = self._plate
        if below:
            self._base = self._surface.pixels.copy()
        reach = max((effect.reach_px for effect in self._region_effects), default=0)
        return _merged(below + self._draw_layers(self._lit, frame, reach))

    def _draw_layers(self, drawers: list[Drawer], frame: Frame, reach_px: int = 0) -> list[Rect]:
        """Draw layers; return the regions they touched, widened by how far their light reaches."""
        regions = []
        for drawer in drawers:
            touched = drawer.draw(self._surface, frame)
            region = (touched or drawer.bounds).grow(reach_px).align(GRID_PX).intersect(self._frame_rect)
            if region.area:
                regions.append(region)
        return regions

    def _apply_effects(self, regions: list[Rect], frame: Frame) -> None:
        for region in regions:
            for effect in self._region_effects:
                effect.apply(self._surface.pixels, self._base, region, frame)


def _bake(drawers: list[Drawer], plate: Surface, frame: Frame) -> list[Drawer]:
    """Draw once every static layer that no moving one lies under; return the others, in order."""
    live: list[Drawer] = []
    for drawer in drawers:
        if drawer.static and not any(below.bounds.overlaps(drawer.bounds) for below in live):
            drawer.draw(plate, frame)
        else:
            live.append(drawer)
    return live


def _by_light(drawers: list[Drawer]) -> tuple[list[Drawer], list[Drawer], list[Drawer]]:
    """Layers under the first that glows, from there to the last that glows, and over it: only the middle sheds light."""
    glowing = [place for place, drawer in enumerate(drawers) if drawer.glows]
    if not glowing:
        return drawers, [], []
    return drawers[: glowing[0]], drawers[glowing[0] : glowing[-1] + 1], drawers[glowing[-1] + 1 :]


def _merged(regions: list[Rect]) -> list[Rect]:
    """Join regions that overlap, until none do."""
    apart: list[Rect] = []
    for region in regions:
        whole = region
        while touching := [other for other in apart if other.overlaps(whole)]:
            for other in touching:
                apart.remove(other)
                whole = whole.union(other)
        apart.append(whole)
    return apart
