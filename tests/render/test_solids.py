"""The original frontend's solids: what each is made of, how it turns, and where it lands in a picture."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from oriel_fx.errors import SpecError
from oriel_fx.render.solids import NEAR, SHAPES, Solid, build_solid, clip_edges, project, rotate_xy

SIZE = 4.0
HALF_FOV = math.tan(math.radians(37.5))

# Vertices, edges, and distance of the farthest vertex in sizes; counted and measured on three.js 0.187.
TABLE = {
    "cube": (8, 18, math.sqrt(3) / 2),
    "sphere": (2 + 32 * 15, 1440, 1 / 1.5),
    "icosahedron": (42, 120, 1 / 1.5),
    "dodecahedron": (20, 30 + 12 * 2, 1 / 1.5),
    "octahedron": (6, 12, 1 / 1.5),
    "tetrahedron": (4, 6, 1 / 1.5),
    "torus": (1600, 3 * 1600, 1 / 2 + 1 / 5),
    "torusLarge": (1600, 3 * 1600, 1 / 1.5 + 1 / 10),
    "torusKnot": (1600, 3 * 1600, 1.5 / 2.5 + 1 / 8),
    "cone": (1 + 32 + 1, 3 * 32, math.hypot(1 / 2, 1 / 2)),
    "conePointy": (1 + 32 + 1, 3 * 32, math.hypot(1 / 4, 1 / 2)),
    "cylinder": (2 * (32 + 1), 6 * 32, math.hypot(1 / 2, 1 / 2)),
    "crystalTall": (2 * (6 + 1), 6 * 6, math.hypot(1 / 3, 1 / 2)),
    "ring": (64, 4 * 32, 1 / 2),
    "plane": (11 * 11, 2 * 10 * 11 + 100, math.hypot(1 / 2, 1 / 2)),
    "wavyPlane": (51 * 51, 2 * 50 * 51 + 2500, None),
    "spikySphere": (10 * 6**2 + 2, 30 * 6**2, None),
    "randomPoly": (10 * 3**2 + 2, 30 * 3**2, None),
    "twistedBox": (11**3 - 9**3, 3 * (11**3 - 9**3 - 2), math.sqrt(3) / 2),
    "polyStar": (10, 10 + 7, 1 / 2),
}
BALL_LIKE = (
    "cube", "sphere", "icosahedron", "dodecahedron", "octahedron", "tetrahedron", "cone", "conePointy",
    "cylinder", "crystalTall", "spikySphere", "randomPoly", "twistedBox",
)  # fmt: skip
TUBES = ("torus", "torusLarge", "torusKnot")
FLAT = {"ring": 0, "plane": 1, "wavyPlane": 1, "polyStar": 1}


def radii(solid: Solid) -> np.ndarray:
    lengths: np.ndarray = np.linalg.norm(solid.vertices, axis=1)
    return lengths


def edge_lengths(solid: Solid) -> np.ndarray:
    ends = solid.vertices[solid.edges]
    lengths: np.ndarray = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    return lengths


def edge_set(solid: Solid) -> set[frozenset[int]]:
    return {frozenset(edge) for edge in solid.edges.tolist()}


def spans(solid: Solid) -> list[float]:
    return [float(span) for span in np.ptp(solid.vertices, axis=0)]


def at(solid: Solid, place: tuple[float, float, float]) -> int:
    """The index of the vertex at a place."""
    distance = np.linalg.norm(solid.vertices - np.array(place), axis=1)
    assert distance.min() < 1e-5
    return int(distance.argmin())


def joined(solid: Solid, first: tuple[float, float, float], second: tuple[float, float, float]) -> bool:
    return frozenset((at(solid, first), at(solid, second))) in edge_set(solid)


# What a solid is --------------------------------------------------------------------------------------------


def test_the_shapes_are_the_original_frontends() -> None:
    assert set(SHAPES) == set(TABLE)
    assert len(SHAPES) == 20


@pytest.mark.parametrize("shape", SHAPES)
def test_counts_and_reach_are_three_js(shape: str) -> None:
    vertices, edges, reach = TABLE[shape]
    solid = build_solid(shape, SIZE)
    assert (len(solid.vertices), len(solid.edges)) == (vertices, edges)
    if reach is not None:
        assert radii(solid).max() == pytest.approx(reach * SIZE, rel=1e-3)


@pytest.mark.parametrize("size", [0.01, 3.7, 20.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_size_never_changes_what_is_joined_to_what(shape: str, size: float) -> None:
    assert_array_equal(build_solid(shape, size).edges, build_solid(shape, SIZE).edges)


@pytest.mark.parametrize("shape", SHAPES)
def test_arrays_are_as_documented(shape: str) -> None:
    solid = build_solid(shape, SIZE)
    assert solid.vertices.dtype == np.float32
    assert solid.edges.dtype == np.int32
    assert np.isfinite(solid.vertices).all()
    assert not solid.vertices.flags.writeable
    assert not solid.edges.flags.writeable


@pytest.mark.parametrize("shape", SHAPES)
def test_each_edge_is_there_once_has_a_length_and_uses_a_vertex(shape: str) -> None:
    solid = build_solid(shape, SIZE)
    assert (solid.edges[:, 0] < solid.edges[:, 1]).all()
    assert len(np.unique(solid.edges, axis=0)) == len(solid.edges)
    assert_array_equal(np.unique(solid.edges), np.arange(len(solid.vertices)))
    assert edge_lengths(solid).min() > 0.01


@pytest.mark.parametrize("shape", SHAPES)
def test_no_place_has_two_vertices(shape: str) -> None:
    places = np.round(build_solid(shape, SIZE).vertices, 4)
    assert len(np.unique(places, axis=0)) == len(places)


@pytest.mark.parametrize(
    ("shape", "characteristic"), [*((shape, 2) for shape in BALL_LIKE), *((shape, 0) for shape in TUBES)]
)
def test_closed_surfaces_obey_euler(shape: str, characteristic: int) -> None:
    """V - E + F; every face is a triangle and every edge has two, so F = 2E / 3."""
    solid = build_solid(shape, SIZE)
    edges = len(solid.edges)
    assert edges % 3 == 0
    assert len(solid.vertices) - edges + 2 * edges // 3 == characteristic


@pytest.mark.parametrize(("shape", "size"), [("spikySphere", 5), ("randomPoly", 2)])
def test_rough_solids_have_their_balls_triangles(shape: str, size: int) -> None:
    """A vertex of a split icosahedron has six neighbours, and the twelve first ones have five."""
    neighbours = np.bincount(build_solid(shape, SIZE).edges.ravel())
    assert sorted(set(neighbours.tolist())) == [5, 6]
    assert (neighbours == 5).sum() == 12


@pytest.mark.parametrize("shape", ["sphere", "icosahedron", "dodecahedron", "octahedron", "tetrahedron"])
def test_round_solids_have_every_vertex_on_one_ball(shape: str) -> None:
    assert_allclose(radii(build_solid(shape, SIZE)), SIZE / 1.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("cube", [4, 4, 4]),
        ("torus", [5.6, 5.6, 1.6]),
        ("cone", [4, 4, 4]),
        ("conePointy", [2, 4, 2]),
        ("cylinder", [4, 4, 4]),
        ("ring", [4, 4, 0]),
        ("plane", [4, 4, 0]),
    ],
)
def test_solids_stand_upright_or_face_the_camera(shape: str, expected: list[float]) -> None:
    """Cones and cylinders stand along y; rings, planes and tori lie in the picture's plane."""
    assert spans(build_solid(shape, SIZE)) == pytest.approx(expected, abs=1e-5)


def test_a_cubes_front_shows_the_diagonal_from_bottom_left_to_top_right() -> None:
    cube = build_solid("cube", SIZE)
    assert joined(cube, (-2, -2, 2), (2, 2, 2))
    assert not joined(cube, (-2, 2, 2), (2, -2, 2))


def test_a_dodecahedrons_pentagons_are_cut_by_two_diagonals_each() -> None:
    lengths = edge_lengths(build_solid("dodecahedron", SIZE))
    side, golden = lengths.min(), (1 + math.sqrt(5)) / 2
    assert np.isclose(lengths, side, rtol=1e-5).sum() == 30
    assert np.isclose(lengths, side * golden, rtol=1e-5).sum() == 24


def test_a_cone_has_its_tip_up_and_a_fan_underneath() -> None:
    cone = build_solid("cone", SIZE)
    neighbours = np.bincount(cone.edges.ravel())
    assert neighbours[at(cone, (0, 2, 0))] == 32
    assert neighbours[at(cone, (0, -2, 0))] == 32


def test_a_crystal_is_narrower_at_the_top() -> None:
    crystal = build_solid("crystalTall", SIZE)
    around = np.hypot(crystal.vertices[:, 0], crystal.vertices[:, 2])
    up = crystal.vertices[:, 1] > 0
    assert around[up].max() == pytest.approx(1.0)
    assert around[~up].max() == pytest.approx(4 / 3)


@pytest.mark.parametrize(("shape", "ring", "tube"), [("torus", 2.0, 0.8), ("torusLarge", 4 / 1.5, 0.4)])
def test_a_torus_is_a_tube_round_the_view_axis(shape: str, ring: float, tube: float) -> None:
    x, y, z = build_solid(shape, SIZE).vertices.T
    assert_allclose(np.hypot(np.hypot(x, y) - ring, z), tube, rtol=1e-5)


def test_a_wavy_plane_is_the_documented_height_map() -> None:
    x, y, z = build_solid("wavyPlane", SIZE).vertices.T
    assert np.ptp(x) == pytest.approx(1.5 * SIZE)
    assert_allclose(z, 0.5 * np.sin(2 * x) + 0.3 * np.cos(2 * y), atol=1e-6)


def test_a_twisted_boxs_lids_are_turned_opposite_ways() -> None:
    box = build_solid("twistedBox", SIZE)
    turn = 0.5 * math.sin(0.5 * 2)
    corner, angle = 2 * math.sqrt(2), math.pi / 4
    # About y, z turns towards x.
    at(box, (corner * math.sin(angle + turn), 2, corner * math.cos(angle + turn)))
    at(box, (corner * math.sin(angle - turn), -2, corner * math.cos(angle - turn)))


def test_a_star_has_a_tip_up_and_five_of_each_radius() -> None:
    star = build_solid("polyStar", SIZE)
    at(star, (0, 2, 0))
    assert (star.vertices[:, 2] == 0).all()
    assert_allclose(np.sort(radii(star)), [1] * 5 + [2] * 5, rtol=1e-6)
    assert sorted(np.bincount(star.edges.ravel())[np.isclose(radii(star), 2)].tolist()) == [2] * 5


@pytest.mark.parametrize("shape", list(FLAT))
def test_open_surfaces_obey_euler(shape: str) -> None:
    """A sheet has one face less than a ball; a ring has a hole in it as well."""
    triangles = {"ring": 64, "plane": 200, "wavyPlane": 5000, "polyStar": 8}[shape]
    solid = build_solid(shape, SIZE)
    assert len(solid.vertices) - len(solid.edges) + triangles == FLAT[shape]


# Seeds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_seed_gives_the_same_solid(shape: str) -> None:
    first, second = build_solid(shape, SIZE, 7), build_solid(shape, SIZE, 7)
    assert_array_equal(first.vertices, second.vertices)
    assert_array_equal(first.edges, second.edges)


@pytest.mark.parametrize("shape", SHAPES)
def test_only_the_rough_solids_depend_on_the_seed(shape: str) -> None:
    same = np.array_equal(build_solid(shape, SIZE, 7).vertices, build_solid(shape, SIZE, 8).vertices)
    assert same == (shape not in ("spikySphere", "randomPoly"))


@pytest.mark.parametrize("shape", ["spikySphere", "randomPoly"])
def test_rough_vertices_stand_within_a_fifth_of_their_ball(shape: str) -> None:
    scale = radii(build_solid(shape, SIZE, 7)) / (SIZE / 2)
    assert 0.8 <= scale.min() < 0.85
    assert 1.15 < scale.max() <= 1.2


@pytest.mark.parametrize("shape", ["spikySphere", "randomPoly"])
def test_a_seeds_spikes_are_the_same_at_any_size(shape: str) -> None:
    small, large = build_solid(shape, 1.3, 7), build_solid(shape, 13.0, 7)
    assert_allclose(small.vertices * 10, large.vertices, rtol=1e-5, atol=1e-5)


# What is refused --------------------------------------------------------------------------------------------


def test_an_unknown_shape_is_named_and_the_known_ones_listed() -> None:
    with pytest.raises(SpecError, match="'blob'") as caught:
        build_solid("blob", SIZE)
    assert "torusKnot" in caught.value.hint


@pytest.mark.parametrize("size", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_size_is_refused(size: float) -> None:
    with pytest.raises(SpecError, match="size"):
        build_solid("cube", size)


# Turning ----------------------------------------------------------------------------------------------------


def points(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


@pytest.mark.parametrize(
    ("angle_x", "angle_y", "expected"),
    [
        (0, 0, [(1, 0, 0), (0, 1, 0), (0, 0, 1)]),
        (math.pi / 2, 0, [(1, 0, 0), (0, 0, 1), (0, -1, 0)]),
        (0, math.pi / 2, [(0, 0, -1), (0, 1, 0), (1, 0, 0)]),
        # First about y, then about x: what pointed right points back, then up.
        (math.pi / 2, math.pi / 2, [(0, 1, 0), (0, 0, 1), (1, 0, 0)]),
    ],
)
def test_quarter_turns_of_the_axes(angle_x: float, angle_y: float, expected: list[tuple[float, ...]]) -> None:
    axes = points((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert_allclose(rotate_xy(axes, angle_x, angle_y), expected, atol=1e-6)


def test_turning_is_three_js_euler_xyz() -> None:
    """Reference values from three.js 0.187: Vector3(1, 2, 3).applyEuler(new Euler(0.7, 1.05, 0))."""
    turned = rotate_xy(points((1, 2, 3)), 0.7, 1.05)
    assert turned.dtype == np.float32
    assert_allclose(turned, [(3.0998407, 1.1268615, 1.7666835)], rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_turning_keeps_every_edges_length(shape: str) -> None:
    solid = build_solid(shape, SIZE)
    turned = Solid(rotate_xy(solid.vertices, 12.3, -4.5), solid.edges)
    assert_allclose(edge_lengths(turned), edge_lengths(solid), rtol=1e-4)


# The camera -------------------------------------------------------------------------------------------------


def test_the_origin_is_the_middle_of_the_picture_ten_away() -> None:
    places, depth = project(points((0, 0, 0)), 1920, 1080)
    assert_allclose(places, [(960, 540)])
    assert_allclose(depth, [10])


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1080), (1080, 1920)])
def test_the_vertical_field_of_view_is_75_degrees_whatever_the_aspect(size: tuple[int, int]) -> None:
    width, height = size
    top = 10 * HALF_FOV
    places, _ = project(points((0, top, 0), (0, -top, 0), (top, 0, 0)), width, height)
    middle = width / 2
    expected = [(middle, 0), (middle, height), (middle + height / 2, height / 2)]
    assert_allclose(places, expected, atol=1e-3)


def test_what_is_nearer_is_larger() -> None:
    places, depth = project(points((1, 0, 5), (1, 0, 0), (1, 0, -10)), 1080, 1080)
    assert_allclose(depth, [5, 10, 20])
    assert_allclose((places[:, 0] - 540) * depth, 540 / HALF_FOV, rtol=1e-6)


def test_projection_is_three_js_perspective_camera() -> None:
    """The vector of the turning test, projected by PerspectiveCamera(75, 16 / 9) at z = 10."""
    places, _ = project(points((3.0998407, 1.1268615, 1.7666835)), 1920, 1080)
    assert places.dtype == np.float32
    assert_allclose(places, [(1224.9585, 443.68165)], rtol=1e-6)


def test_a_vertex_at_or_behind_the_camera_stays_finite() -> None:
    places, depth = project(points((1, 1, 10), (1, 1, 25)), 1920, 1080)
    assert np.isfinite(places).all()
    assert_allclose(depth, [0, -15])


# Lines ------------------------------------------------------------------------------------------------------


def edges_of(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, np.int32).reshape(-1, 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_in_front_of_the_camera_every_edge_is_a_line_between_its_projected_ends(shape: str) -> None:
    solid = build_solid(shape, SIZE)
    places, depth = project(solid.vertices, 1920, 1080)
    lines, depths = clip_edges(solid.vertices, solid.edges, 1920, 1080)
    assert lines.dtype == depths.dtype == np.float32
    assert_array_equal(lines, places[solid.edges])
    assert_allclose(depths, depth[solid.edges].mean(axis=1), rtol=1e-6)


@pytest.mark.parametrize("edge", [(0, 1), (1, 0)])
def test_a_line_that_passes_the_camera_ends_at_the_near_plane(edge: tuple[int, int]) -> None:
    """From 10 away to 10 behind, 0 to 2 off the axis: it meets the plane at 0.99 units off the axis."""
    lines, depths = clip_edges(points((0, 0, 0), (2, 0, 20)), edges_of(edge), 1080, 1080)
    ends = dict(zip(edge, lines[0].tolist(), strict=True))
    assert ends[0] == pytest.approx([540, 540])
    assert ends[1] == pytest.approx([540 + 540 / HALF_FOV * 0.99 / NEAR, 540], rel=1e-4)
    assert depths == pytest.approx([(10 + NEAR) / 2], rel=1e-4)


def test_lines_behind_the_camera_are_left_out_and_the_rest_keep_their_order() -> None:
    corners = points((0, 0, 0), (0, 0, 11), (1, 0, 12), (0, 1, 0))
    lines, depths = clip_edges(corners, edges_of((1, 2), (0, 3), (0, 1)), 1080, 1080)
    assert lines.shape == (2, 2, 2)
    assert depths == pytest.approx([10, (10 + NEAR) / 2], rel=1e-4)


def test_a_solid_wholly_behind_the_camera_draws_nothing() -> None:
    solid = build_solid("cube", SIZE)
    lines, depths = clip_edges(solid.vertices + np.array([0, 0, 20], np.float32), solid.edges, 1920, 1080)
    assert lines.shape == (0, 2, 2)
    assert depths.shape == (0,)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.filterwarnings("error")
def test_a_solid_the_camera_stands_in_draws_finite_lines(shape: str) -> None:
    solid = build_solid(shape, 20.0)
    for angle in (0.0, 0.7, 2.0):
        lines, depths = clip_edges(rotate_xy(solid.vertices * 11, angle, angle * 1.5), solid.edges, 1920, 1080)
        assert np.isfinite(lines).all()
        assert (depths >= NEAR * 0.999).all()
