"""Regular polyhedra blown up to a sphere, their faces split as three.js's `detail` splits them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import combinations, product

import numpy as np

from oriel_fx.render.solids.mesh import Doubles, Indices, Mesh

GOLDEN = (1 + math.sqrt(5)) / 2

# The dodecahedron's faces as indices of its corners (below), each starting where its diagonals meet.
PENTAGONS = (
    (3, 11, 7, 15, 13),
    (7, 19, 17, 6, 15),
    (17, 4, 8, 10, 6),
    (8, 0, 16, 2, 10),
    (0, 12, 1, 18, 16),
    (6, 10, 2, 13, 15),
    (2, 16, 18, 3, 13),
    (18, 1, 9, 11, 3),
    (4, 14, 12, 0, 8),
    (11, 9, 5, 19, 7),
    (19, 5, 14, 4, 17),
    (1, 12, 14, 5, 9),
)


def tetrahedron(radius: float) -> Mesh:
    return _deltahedron(_corners([(1, 1, 1), (-1, -1, 1), (-1, 1, -1), (1, -1, -1)]), radius)


def octahedron(radius: float) -> Mesh:
    return _deltahedron(np.concatenate([np.eye(3), -np.eye(3)]), radius)


def icosahedron(radius: float, detail: int = 0) -> Mesh:
    """The twenty faces, each edge split into `detail` + 1."""
    return _deltahedron(_turned(1, GOLDEN), radius, detail)


def dodecahedron(radius: float) -> Mesh:
    """The twelve pentagons, each cut into three triangles as a renderer needs them."""
    corners = np.concatenate([_corners(product((-1, 1), repeat=3)), _turned(1 / GOLDEN, GOLDEN)])
    faces = [(face[0], face[i], face[i + 1]) for face in PENTAGONS for i in (1, 2, 3)]
    return Mesh(_on_sphere(corners, radius), np.array(faces))


def _corners(places: Iterable[tuple[float, ...]]) -> Doubles:
    return np.array(list(places), np.float64)


def _turned(short: float, long: float) -> Doubles:
    """(12, 3): (0, ±short, ±long), then (±short, ±long, 0), then (±long, 0, ±short)."""
    signs = list(product((-1, 1), repeat=2))
    return _corners(
        [(0, a * short, b * long) for a, b in signs]
        + [(a * short, b * long, 0) for a, b in signs]
        + [(b * long, 0, a * short) for a, b in signs]
    )


def _deltahedron(corners: Doubles, radius: float, detail: int = 0) -> Mesh:
    """The polyhedron whose faces are all the triangles of nearest neighbours among `corners`."""
    gaps = np.linalg.norm(corners[:, None] - corners, axis=2)
    near = gaps < 1.01 * gaps[gaps > 0].min()
    trios = combinations(range(len(corners)), 3)
    faces = [(i, j, k) for i, j, k in trios if near[i, j] and near[j, k] and near[k, i]]
    weights, triangles = _split(detail + 1)
    points = np.einsum("wc,fcx->fwx", weights, corners[np.array(faces)])
    starts = np.arange(len(faces))[:, None, None] * len(weights)
    return Mesh(_on_sphere(points.reshape(-1, 3), radius), (starts + triangles).reshape(-1, 3))


def _split(parts: int) -> tuple[Doubles, Indices]:
    """A triangle cut into parts² alike: its points as weights of the corners (W, 3), and their triangles."""
    index = {(i, j): at for at, (i, j) in enumerate((i, j) for i in range(parts + 1) for j in range(parts + 1 - i))}
    weights = np.array([(parts - i - j, i, j) for i, j in index]) / parts
    upright = [(index[i, j], index[i + 1, j], index[i, j + 1]) for i, j in index if i + j < parts]
    inverted = [(index[i + 1, j], index[i + 1, j + 1], index[i, j + 1]) for i, j in index if i + j < parts - 1]
    return weights, np.array(upright + inverted)


def _on_sphere(points: Doubles, radius: float) -> Doubles:
    scale: Doubles = radius / np.linalg.norm(points, axis=1, keepdims=True)
    return points * scale
