"""Symmetry: half of a picture stands for the other half where nobody can tell, and is left alone elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from oriel_fx.render.layout import Rect
from oriel_fx.render.pixels import Planes
from oriel_fx.render.planar import PlanarSurface
from oriel_fx.render.shapes import fill_capsules
from oriel_fx.render.symmetry import ALIKE, Symmetry

FRAME = Rect(0, 0, 64, 32)
BOUNDS = Rect(10, 4, 54, 28)


def surface(plate: Planes, fresh: bool = False) -> PlanarSurface:
    planes = Planes.empty(64, 32)
    planes.reset_to(plate)
    return PlanarSurface(planes, None, fresh)


@pytest.mark.parametrize("fresh", [True, False])
def test_what_is_drawn_on_the_left_is_shown_on_the_right(fresh: bool) -> None:
    plate = Planes.empty(64, 32)
    plate.y[:] = np.random.default_rng(0).integers(30, 40, plate.y.shape)
    target = surface(plate, fresh)
    symmetry = Symmetry.about(32.0, BOUNDS, FRAME)
    assert symmetry and symmetry.holds(target)
    start, end = np.array([[14, 8]], np.float32), np.array([[26, 22]], np.float32)
    symmetry.draw(target, BOUNDS, lambda: fill_capsules(target, start, end, 5.0, ["#ff8040"]))
    planes = target.planes
    for plane, ground in ((planes.y, plate.y), (planes.u, plate.u), (planes.v, plate.v)):
        changed = plane != ground
        assert changed.any()
        assert np.array_equal(changed, changed[:, ::-1])
        assert np.array_equal(plane[changed], plane[:, ::-1][changed])


def test_what_another_layer_drew_on_the_left_stays_there() -> None:
    plate = Planes.empty(64, 32)
    target = surface(plate)
    target.planes.y[10:20, 12:16] = 200
    symmetry = Symmetry.about(32.0, BOUNDS, FRAME)
    assert symmetry and symmetry.holds(target)
    symmetry.draw(target, BOUNDS, lambda: None)
    assert (target.planes.y[:, 32:] == plate.y[:, 32:]).all()


@pytest.mark.parametrize(
    ("axis", "bounds"),
    [(31.5, BOUNDS), (31.0, BOUNDS), (20.0, Rect(-2, 0, 42, 20)), (-4.0, Rect(-20, 0, 12, 20))],
)
def test_it_is_not_used_where_the_left_does_not_tell_all(axis: float, bounds: Rect) -> None:
    assert Symmetry.about(axis, bounds, FRAME) is None


def test_what_hangs_over_the_right_edge_is_left_off() -> None:
    symmetry = Symmetry.about(44.0, Rect(4, 0, 84, 32), FRAME)
    assert symmetry and symmetry.left == Rect(24, 0, 44, 32)


@pytest.mark.parametrize(("more", "holds"), [(ALIKE - 2, True), (ALIKE + 20, False)])
def test_grounds_too_different_are_drawn_on_both_sides(more: int, holds: bool) -> None:
    plate = Planes.empty(64, 32)
    plate.y[:, 40:] += np.uint8(more)
    symmetry = Symmetry.about(32.0, BOUNDS, FRAME)
    assert symmetry and symmetry.holds(surface(plate)) == holds
