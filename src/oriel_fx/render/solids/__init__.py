"""The original frontend's wireframe solids: their corners and edges, how they turn, where they land in view.

The geometry is what three.js makes of the same numbers: the same corners, segments, diagonals, orientation.
y is up, x right, z towards the camera; lengths are scene units, where the camera stands 10 away.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from oriel_fx.errors import SpecError
from oriel_fx.render.solids import polyhedra, surfaces
from oriel_fx.render.solids.camera import (
    CAMERA_Z,
    NEAR,
    VERTICAL_FOV_DEG,
    Floats,
    Ints,
    clip_edges,
    project,
    rotate_xy,
)
from oriel_fx.render.solids.mesh import Mesh, weld

__all__ = [
    "CAMERA_Z",
    "NEAR",
    "SHAPES",
    "VERTICAL_FOV_DEG",
    "Solid",
    "build_solid",
    "clip_edges",
    "project",
    "rotate_xy",
]

# Closer than this share of the size, two corners are one: far above rounding, far below any segment.
WELD = 1e-9

_BUILDERS: dict[str, Callable[[float], Mesh]] = {
    "cube": lambda s: surfaces.box(s, 1),
    "sphere": lambda s: surfaces.sphere(s / 1.5, 32, 16),
    "icosahedron": lambda s: polyhedra.icosahedron(s / 1.5, detail=1),
    "dodecahedron": lambda s: polyhedra.dodecahedron(s / 1.5),
    "octahedron": lambda s: polyhedra.octahedron(s / 1.5),
    "tetrahedron": lambda s: polyhedra.tetrahedron(s / 1.5),
    "torus": lambda s: surfaces.torus(s / 2, s / 5),
    "torusLarge": lambda s: surfaces.torus(s / 1.5, s / 10),
    "torusKnot": lambda s: surfaces.torus_knot(s / 2.5, s / 8),
    "cone": lambda s: surfaces.cylinder(0, s / 2, s, 32),
    "conePointy": lambda s: surfaces.cylinder(0, s / 4, s, 32),
    "cylinder": lambda s: surfaces.cylinder(s / 2, s / 2, s, 32),
    "crystalTall": lambda s: surfaces.cylinder(s / 4, s / 3, s, 6),
    "ring": lambda s: surfaces.ring(s / 4, s / 2, 32),
    "plane": lambda s: surfaces.plane(s, 10),
    "wavyPlane": lambda s: surfaces.wavy_plane(1.5 * s, 50),
    "spikySphere": lambda s: polyhedra.icosahedron(s / 2, detail=5),
    "randomPoly": lambda s: polyhedra.icosahedron(s / 2, detail=2),
    "twistedBox": lambda s: surfaces.twisted_box(s, 10),
    "polyStar": lambda s: surfaces.star(s / 2, s / 4),
}
_ROUGH = ("spikySphere", "randomPoly")

SHAPES: tuple[str, ...] = tuple(_BUILDERS)


@dataclass(frozen=True)
class Solid:
    """A wireframe: every edge of every triangle, once.

    `vertices`: (V, 3) float32, scene units, each place once. `edges`: (E, 2) int32 indices of vertices,
    the lower first, in ascending order. Both are read-only.
    """

    vertices: Floats
    edges: Ints


def build_solid(shape: str, size: float, seed: int = 0) -> Solid:
    """The solid called `shape` (one of SHAPES), centred on the origin.

    `size`: scene units, above 0. `seed`: 0 or more; only spikySphere and randomPoly depend on it.
    Raises SpecError for an unknown shape or an impossible size.
    """
    if shape not in _BUILDERS:
        raise SpecError(f"{shape!r} is not a shape.", f"Shapes are {', '.join(SHAPES)}.", "shape")
    if not (math.isfinite(size) and size > 0):
        raise SpecError(f"A solid's size must be above 0, not {size}.", "The original's default is 4.", "size")
    points, edges = weld(_BUILDERS[shape](float(size)), size * WELD)
    if shape in _ROUGH:
        # Only once welded: scaled before, the triangles round a corner would tear apart.
        points = points * np.random.Generator(np.random.PCG64(seed)).uniform(0.8, 1.2, (len(points), 1))
    vertices = points.astype(np.float32)
    vertices.setflags(write=False)
    edges.setflags(write=False)
    return Solid(vertices, edges)
