"""The native engine: Skia draws the layers, OpenCV does the pixel work, and only what changes is touched.

What stands still is drawn once, into the plate. Each frame starts as the plate; layers draw on top, and effects
run on just the regions that were drawn in. Where every glowing layer can, all this happens in the planes of the
video frame; else on an RGBA picture, of which the regions are then converted to 4:2:0.
"""

from __future__ import annotations

from collections import defaultdict
from time import thread_time

import cv2
import numpy as np

from oriel_fx.render.background import Ground
from oriel_fx.render.effects import FrameEffectParams
from oriel_fx.render.effects.base import FrameEffect, RegionEffect
from oriel_fx.render.engines.overlays import OverlayMaker
from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Converter, Planes
from oriel_fx.render.planar import PlanarSurface
from oriel_fx.render.scene import Drawer, Frame, Pixels, Scene, Surface
from oriel_fx.render.spec import RenderSpec

# Regions start on this grid, so that the bloom samples the same places on every frame and does not shimmer.
GRID_PX = 16


class NativeEngine:
    """Draws the frames of one spec and song.

    `stage_s` collects CPU seconds per stage (restore, draw, effects, overlay or convert, finish), for the benchmark.
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
        self._plate_planes = Planes.empty(scene.layout.width, scene.layout.height)
        self._converter = Converter(scene.layout.width, scene.layout.height)
        self._converter.write_region(self._plate, self._frame_rect, self._plate_planes)
        self._surface = Surface(self._plate.copy())
        self._flat = _flat_ground(spec, scene, drawers)
        self._planar = (
            self._ground.still
            and not self._under
            and all(drawer.planar(self._flat is not None) for drawer in self._lit)
        )
        self._overlays = OverlayMaker(self._over, self._frame_rect)
        self._base = self._plate
        self._dirty: list[Rect] = []
        self.stage_s: dict[str, float] = defaultdict(float)

    def _frame(self, index: int) -> Frame:
        timeline = self._scene.timeline
        return Frame(index, float(index / timeline.fps), timeline)

    def draw(self, index: int, planes: Planes) -> None:
        """Draw frame `index` of the song into planes of the output's size."""
        frame = self._frame(index)
        if self._planar:
            self._draw_in_planes(frame, planes)
        else:
            self._draw_in_rgba(frame, planes)
        clock = thread_time()
        for frame_effect in self._frame_effects:
            if frame_effect.apply(planes, frame):
                planes.plate = None
        self._count("finish", clock)

    def _draw_in_planes(self, frame: Frame, planes: Planes) -> None:
        """Nothing needs red, green and blue: restore, draw and glow in the planes themselves."""
        clock = thread_time()
        planes.reset_to(self._plate_planes)
        clock = self._count("restore", clock)
        surface = PlanarSurface(planes, self._flat, self._plate_planes if len(self._lit) == 1 else None)
        lit = _merged(self._draw_layers(self._lit, surface, frame, self._reach_px))
        clock = self._count("draw", clock)
        for region in lit:
            for effect in self._region_effects:
                effect.apply_planar(planes, self._plate_planes, region, frame)
        clock = self._count("effects", clock)
        planes.drawn = _merged(lit + self._overlays.lay_on(planes, frame))
        self._count("overlay", clock)

    def _draw_in_rgba(self, frame: Frame, planes: Planes) -> None:
        """Draw on an RGBA picture, then convert the regions that were drawn in."""
        clock = thread_time()
        self._restore(frame)
        clock = self._count("restore", clock)
        lit = self._draw_lit(frame)
        clock = self._count("draw", clock)
        self._apply_effects(lit, frame)
        clock = self._count("effects", clock)
        over = self._draw_layers(self._over, self._surface, frame)
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
        self._count("convert", clock)

    @property
    def _reach_px(self) -> int:
        return max((effect.reach_px for effect in self._region_effects), default=0)

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
        below = self._draw_layers(self._under, self._surface, frame)
        self._base = self._plate
        if below:
            self._base = self._surface.pixels.copy()
        return _merged(below + self._draw_layers(self._lit, self._surface, frame, self._reach_px))

    def _draw_layers(
        self, drawers: list[Drawer], surface: Surface | PlanarSurface, frame: Frame, reach_px: int = 0
    ) -> list[Rect]:
        """Draw layers; return the regions they touched, widened by how far their light reaches."""
        touched = [(drawer.draw(surface, frame) or drawer.bounds).grow(reach_px) for drawer in drawers]
        regions = [region.align(GRID_PX).intersect(self._frame_rect) for region in touched]
        return [region for region in regions if region.area]

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


def _flat_ground(spec: RenderSpec, scene: Scene, drawers: list[Drawer]) -> str | None:
    """The one colour under all moving layers, where there is one."""
    darkened = any(effect.type == "vignette" for effect in spec.effects)
    if darkened or spec.background.type != "color":
        return None
    still = [drawer.bounds for drawer in drawers if drawer.static]
    if any(drawer.bounds.overlaps(bounds) for drawer in drawers if not drawer.static for bounds in still):
        return None
    return scene.palette.resolve(spec.background.color)


def _by_light(drawers: list[Drawer]) -> tuple[list[Drawer], list[Drawer], list[Drawer]]:
    """Layers under the first that glows, from there to the last that glows, and over it: the middle sheds light."""
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
