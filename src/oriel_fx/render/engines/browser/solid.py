"""The bundled page's solid, from the generator that the native engine draws with."""

from __future__ import annotations

import json


def solid_json(shape: str, size: float, seed: int) -> str:
    """Corners, edges and the camera of a solid, as the page `classic` reads them."""
    from oriel_fx.render.solids import CAMERA_Z, NEAR, VERTICAL_FOV_DEG, build_solid

    solid = build_solid(shape, size, seed)
    return json.dumps(
        {
            "vertices": solid.vertices.ravel().tolist(),
            "edges": solid.edges.ravel().tolist(),
            "camera": {"z": CAMERA_Z, "near": NEAR, "fovDeg": VERTICAL_FOV_DEG},
        }
    )
