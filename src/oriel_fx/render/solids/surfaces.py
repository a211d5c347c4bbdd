"""Boxes, balls, tubes and sheets, segment by segment as three.js lays them out. Lengths: scene units."""

from __future__ import annotations

import math

import numpy as np

from oriel_fx.render.solids.mesh import Doubles, Mesh, grid, join, parameters, points_of

TAU = 2 * math.pi


def plane(side: float, segments: int) -> Mesh:
    down, along = parameters(segments, segments)
    return Mesh(points_of((along - 0.5) * side, (0.5 - down) * side, 0.0), grid(segments, segments))


def wavy_plane(side: float, segments: int) -> Mesh:
    points, triangles = plane(side, segments)
    points[:, 2] = 0.5 * np.sin(2 * points[:, 0]) + 0.3 * np.cos(2 * points[:, 1])
    return Mesh(points, triangles)


def box(side: float, segments: int) -> Mesh:
    """Six planes, each seen from outside with its own x to the right and y up (z to the back on top)."""
    points, triangles = plane(side, segments)
    u, v, w = points[:, 0], points[:, 1], side / 2
    faces = ((w, v, -u), (-w, v, u), (u, w, -v), (u, -w, v), (u, v, w), (-u, v, -w))
    return join(*(Mesh(points_of(*face), triangles) for face in faces))


def twisted_box(side: float, segments: int) -> Mesh:
    points, triangles = box(side, segments)
    x, y, z = points.T
    angle = 0.5 * np.sin(0.5 * y)
    return Mesh(points_of(x * np.cos(angle) + z * np.sin(angle), y, z * np.cos(angle) - x * np.sin(angle)), triangles)


def sphere(radius: float, columns: int, rows: int) -> Mesh:
    down, along = parameters(rows, columns)
    polar, around = down * math.pi, along * TAU
    reach = radius * np.sin(polar)
    return Mesh(
        points_of(-reach * np.cos(around), radius * np.cos(polar), reach * np.sin(around)),
        grid(rows, columns, falling=True),
    )


def torus(radius: float, tube: float, radial: int = 16, tubular: int = 100) -> Mesh:
    across, along = parameters(radial, tubular)
    reach = radius + tube * np.cos(across * TAU)
    return Mesh(
        points_of(reach * np.cos(along * TAU), reach * np.sin(along * TAU), tube * np.sin(across * TAU)),
        grid(radial, tubular, falling=True),
    )


def torus_knot(
    radius: float, tube: float, tubular: int = 100, radial: int = 16, turns: int = 2, winds: int = 3
) -> Mesh:
    """A tube along a curve that winds `winds` times through a torus while it goes round it `turns` times."""

    def curve(t: Doubles) -> Doubles:
        reach, lift = radius * (2 + np.cos(winds / turns * t)) / 2, radius * np.sin(winds / turns * t) / 2
        return np.stack([reach * np.cos(t), reach * np.sin(t), lift], axis=1)

    along = np.linspace(0, 1, tubular + 1) * turns * TAU
    here, ahead = curve(along), curve(along + 0.01)
    # The tube's frame leans on the place itself, so that it comes back to where it started without a twist.
    binormal = np.cross(ahead - here, ahead + here)
    normal = np.cross(binormal, ahead - here)
    binormal /= np.linalg.norm(binormal, axis=1, keepdims=True)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    around = (np.linspace(0, 1, radial + 1) * TAU)[None, :, None]
    points = here[:, None] + tube * (np.sin(around) * binormal[:, None] - np.cos(around) * normal[:, None])
    return Mesh(points.reshape(-1, 3), grid(tubular, radial))


def cylinder(top: float, bottom: float, height: float, segments: int) -> Mesh:
    """A wall one segment high and a cap on each end that has a radius: a fan round a centre of its own."""
    around = np.linspace(0, 1, segments + 1) * TAU
    ends = ((top, height / 2), (bottom, -height / 2))
    rims = [points_of(radius * np.sin(around), y, radius * np.cos(around)) for radius, y in ends]
    parts = [Mesh(np.concatenate(rims), grid(1, segments))]
    at = np.arange(segments)
    fan = np.stack([at, at + 1, np.full(segments, segments + 1)], axis=1)
    for rim, (radius, y) in zip(rims, ends, strict=True):
        if radius:
            parts.append(Mesh(np.concatenate([rim, [[0.0, y, 0.0]]]), fan))
    return join(*parts)


def ring(inner: float, outer: float, segments: int) -> Mesh:
    out, around = parameters(1, segments)
    radius = inner + (outer - inner) * out
    return Mesh(points_of(radius * np.cos(around * TAU), radius * np.sin(around * TAU), 0.0), grid(1, segments))


def star(outer: float, inner: float, tips: int = 5) -> Mesh:
    """A flat star with one tip straight up, cut as three.js's ear clipping cuts it.

    The tips come off first; what is left between them becomes a fan round its second corner.
    """
    turn = np.arange(2 * tips)
    radius, angle = np.where(turn % 2, inner, outer), (turn / (2 * tips) + 0.25) * TAU
    tip = turn[::2]
    tip_triangles = np.stack([tip - 1, tip, tip + 1], axis=1)
    around = 3 + 2 * np.arange(1, tips - 1)
    core = np.stack([np.full(tips - 2, 3), around, around + 2], axis=1)
    triangles = np.concatenate([tip_triangles, core]) % (2 * tips)
    return Mesh(points_of(radius * np.cos(angle), radius * np.sin(angle), 0.0), triangles)
