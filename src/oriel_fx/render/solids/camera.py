"""The original's camera: how a solid turns, and where its edges land in the picture."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

VERTICAL_FOV_DEG = 75.0
CAMERA_Z = 10.0
NEAR = 0.1


def rotate_xy(vertices: Floats, angle_x: float, angle_y: float) -> Floats:
    """Vertices turned as three.js turns an object by rotation.x and rotation.y: about y first, then x.

    `vertices`: (V, 3). Angles: radians, anticlockwise seen from the axis's positive end.
    Returns (V, 3) float32.
    """
    cos_x, sin_x = np.float32(math.cos(angle_x)), np.float32(math.sin(angle_x))
    cos_y, sin_y = np.float32(math.cos(angle_y)), np.float32(math.sin(angle_y))
    x, y, z = vertices[:, 0], vertices[:, 1], vertices[:, 2]
    turned = np.empty((len(vertices), 3), np.float32)
    # Written out and not a matrix product: a BLAS sums in an order of its own on each kind of machine, and
    # the pixels must not depend on it.
    towards = z * cos_y - x * sin_y
    turned[:, 0] = x * cos_y + z * sin_y
    turned[:, 1] = y * cos_x - towards * sin_x
    turned[:, 2] = y * sin_x + towards * cos_x
    return turned


def project(
    vertices: Floats,
    width_px: float,
    height_px: float,
    vertical_fov_deg: float = VERTICAL_FOV_DEG,
    camera_z: float = CAMERA_Z,
) -> tuple[Floats, Floats]:
    """Where vertices land in a picture, and how far away they are.

    Returns points (V, 2) float32, pixels from the top left corner, x right and y down, and depth (V,)
    float32, scene units from the camera along its axis. A vertex whose depth is below NEAR cannot be seen;
    its point, projected as if it stood at NEAR, is only good for being finite: draw lines from `clip_edges`.
    """
    focal_px = np.float32(height_px / 2 / math.tan(math.radians(vertical_fov_deg) / 2))
    depth = np.float32(camera_z) - vertices[:, 2]
    scale = focal_px / np.maximum(depth, np.float32(NEAR))
    points = np.empty((len(vertices), 2), np.float32)
    points[:, 0] = np.float32(width_px / 2) + vertices[:, 0] * scale
    points[:, 1] = np.float32(height_px / 2) - vertices[:, 1] * scale
    return points, depth


def clip_edges(
    vertices: Floats,
    edges: Ints,
    width_px: float,
    height_px: float,
    vertical_fov_deg: float = VERTICAL_FOV_DEG,
    camera_z: float = CAMERA_Z,
) -> tuple[Floats, Floats]:
    """The edges as lines in a picture, cut where they pass the camera's near plane.

    Returns segments (N, 2, 2) float32, pixels as [line][end][x, y], and depths (N,) float32, each line's
    mean distance along the view axis. N is below E when edges lie wholly nearer than NEAR. The order is that
    of `edges`. Lines may reach outside the picture.
    """
    lens = (width_px, height_px, vertical_fov_deg, camera_z)
    points, depth = project(vertices, *lens)
    if len(depth) and depth.min() < NEAR:
        ends = _cut_at_near_plane(vertices, edges, camera_z)
        points, depth = project(ends.reshape(-1, 3), *lens)
        return points.reshape(-1, 2, 2), depth.reshape(-1, 2).mean(axis=1)
    return points[edges], (depth[edges[:, 0]] + depth[edges[:, 1]]) * np.float32(0.5)


def _cut_at_near_plane(vertices: Floats, edges: Ints, camera_z: float) -> Floats:
    """Ends (N, 2, 3) of the edges' visible parts."""
    ends = vertices[edges]
    plane = np.float32(camera_z - NEAR)
    behind = ends[:, :, 2] > plane
    ends, behind = ends[~behind.all(axis=1)], behind[~behind.all(axis=1)]
    for near, far in ((0, 1), (1, 0)):
        cut = behind[:, near]
        inside, outside = ends[cut, far], ends[cut, near]
        share = (plane - inside[:, 2:]) / (outside[:, 2:] - inside[:, 2:])
        ends[cut, near] = inside + (outside - inside) * share
    return ends
