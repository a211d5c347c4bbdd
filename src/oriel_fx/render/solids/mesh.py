"""Triangle meshes: the parts surfaces are built from, and the welding that turns one into a wireframe."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]


class Mesh(NamedTuple):
    """Triangles as a renderer is fed them: `points` (P, 3) may repeat a place; `triangles` (T, 3)."""

    points: Doubles
    triangles: Indices


def points_of(x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Doubles:
    """Coordinates that broadcast against each other, row by row, as points (P, 3)."""
    return np.stack(np.broadcast_arrays(x, y, z), axis=-1).reshape(-1, 3).astype(np.float64)


def parameters(rows: int, columns: int) -> tuple[Doubles, Doubles]:
    """0..1 down the rows, as a column, and 0..1 along the columns, as a row; both ends included."""
    return np.linspace(0, 1, rows + 1)[:, None], np.linspace(0, 1, columns + 1)[None, :]


def grid(rows: int, columns: int, falling: bool = False) -> Indices:
    """Two triangles a cell of a grid of (rows + 1) x (columns + 1) points.

    The diagonal climbs, from a cell's bottom left to its top right; `falling` takes the other one.
    """
    a = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    b, c, d = a + columns + 1, a + columns + 2, a + 1
    halves = ((a, b, c), (a, c, d)) if falling else ((a, b, d), (b, c, d))
    return np.concatenate([np.stack(half, axis=1) for half in halves])


def join(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0, *(len(mesh.points) for mesh in meshes[:-1])])
    triangles = [mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]
    return Mesh(np.concatenate([mesh.points for mesh in meshes]), np.concatenate(triangles))


def weld(mesh: Mesh, tolerance: float) -> tuple[Doubles, NDArray[np.int32]]:
    """Points (V, 3), each place once, in order of first use, and the triangles' edges (E, 2), each once.

    Points nearer than `tolerance` on every axis are one place; edges of no length are dropped.
    """
    labels = np.stack([_cluster(axis, tolerance) for axis in mesh.points.T], axis=1)
    count = len(mesh.points)
    keys = (labels[:, 0] * count + labels[:, 1]) * count + labels[:, 2]
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    # Numbered by first use and not by coordinate: rounding cannot change that order, so seeded scales stay.
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    corners = rank[place][mesh.triangles]
    pairs = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), axis=1)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    flat = np.unique(pairs[:, 0] * len(order) + pairs[:, 1])
    edges = np.stack(np.divmod(flat, len(order)), axis=1).astype(np.int32)
    return mesh.points[first[order]], edges


def _cluster(values: Doubles, tolerance: float) -> Indices:
    """A number for each value, shared by neighbours within `tolerance`, which rounding could part."""
    order = np.argsort(values, kind="stable")
    labels = np.empty(len(values), np.int64)
    labels[order] = np.concatenate([[0], np.cumsum(np.diff(values[order]) > tolerance)])
    return labels
