"""The rasteriser: what is covered is covered by its area, on planes and pictures alike, and nothing else is touched."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import oriel_fx.render.raster as package
from oriel_fx.render.raster import (
    Targets,
    add_digits,
    add_glow,
    copy_part,
    draw_ridges,
    drawing,
    fade_out,
    fill_capsules,
    gather_light,
    glow,
    lay_over,
    library,
    look_up,
    mix_glow,
    mix_shades,
    reflect,
    shrink,
    stroke_runs,
)

Bytes = NDArray[np.uint8]
WHITE = np.full((1, 1), 255, np.uint8)


def bare(height: int = 60, width: int = 80) -> Bytes:
    return np.zeros((height, width), np.uint8)


def capsule(target: Bytes, ends: list[float], width_px: float, opacity: float = 1.0, round_ends: bool = True) -> Bytes:
    radius = np.array([width_px / 2], np.float32)
    fill_capsules(Targets(target), np.array([ends], np.float32), radius, WHITE, opacity, round_ends)
    return target


def area(target: Bytes) -> float:
    return float(target.sum()) / 255


@pytest.mark.parametrize("width_px", [0.4, 1.0, 1.7, 3.0, 9.5])
@pytest.mark.parametrize("angle", [0.0, 0.3, 0.7854, 1.5708, 2.4])
def test_a_line_covers_its_length_times_its_width(width_px: float, angle: float) -> None:
    across, down = 20 * np.cos(angle), 20 * np.sin(angle)
    flat = capsule(bare(), [40.3 - across, 30.6 - down, 40.3 + across, 30.6 + down], width_px, round_ends=False)
    # A line thinner than a pixel is seen at few places across.
    assert area(flat) == pytest.approx(40 * width_px, rel=0.04 if width_px >= 1 else 0.08)


@pytest.mark.parametrize("radius", [1.5, 4.0, 12.3])
def test_ends_at_one_place_are_a_dot(radius: float) -> None:
    assert area(capsule(bare(), [40.2, 30.7, 40.2, 30.7], 2 * radius)) == pytest.approx(np.pi * radius**2, rel=0.05)


def test_edges_between_pixels_are_crisp() -> None:
    upright = capsule(bare(), [40.0, 10.0, 40.0, 50.0], 6.0, round_ends=False)
    expected = bare()
    expected[10:50, 37:43] = 255
    assert np.array_equal(upright, expected)


def test_rows_of_an_upright_line_are_the_rows_of_one_that_leans_by_nothing_to_speak_of() -> None:
    upright = capsule(bare(), [40.3, 10.2, 40.3, 50.7], 5.4)
    leaning = capsule(bare(), [40.3, 10.2, 40.3001, 50.7], 5.4)
    assert np.abs(upright.astype(int) - leaning).max() <= 1


def test_what_is_outside_is_cut_off() -> None:
    whole = capsule(bare(100, 120), [15.0, 15.0, 110.0, 90.0], 7.0)
    part = capsule(bare(60, 80), [-5.0, -5.0, 90.0, 70.0], 7.0)
    assert np.array_equal(part, whole[20:80, 20:100])


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (2, 7), (5, 9)])
def test_planes_smaller_than_a_group_of_pixels_are_drawn_on(shape: tuple[int, int]) -> None:
    assert np.array_equal(capsule(bare(*shape), [-20, 1, 20, 1], 30.0), np.full(shape, 255))


@pytest.mark.parametrize("place", [np.nan, np.inf, -np.inf, 1e30])
def test_places_that_are_nowhere_draw_nothing_bad(place: float) -> None:
    guarded = np.full((62, 82), 7, np.uint8)
    capsule(guarded[1:61, 1:81], [place, 5, 40, place], 3.0)
    assert (guarded[[0, -1]] == 7).all() and (guarded[:, [0, -1]] == 7).all()


def test_only_the_part_of_a_larger_array_is_touched() -> None:
    large = np.full((20, 40), 9, np.uint8)
    capsule(large[4:16, 8:30], [-10, 6, 40, 6], 40.0)
    assert (large[4:16, 8:30] == 255).all()
    large[4:16, 8:30] = 9
    assert (large == 9).all()


def test_a_picture_gets_what_planes_get() -> None:
    ends, radii = np.array([[5, 5, 70, 50], [10, 55, 60, 3]], np.float32), np.array([2.3, 4.1], np.float32)
    shades = np.array([[200, 20], [30, 140], [90, 250]], np.uint8)
    planes = [bare() + 50 for _ in range(3)]
    fill_capsules(Targets(*planes), ends, radii, shades, 0.7)
    picture = np.full((60, 80, 3), 50, np.uint8)
    fill_capsules(Targets(picture), ends, radii, shades.T[None], 0.7)
    assert np.array_equal(np.stack(planes, axis=2), picture)


def test_opacity_is_a_share_of_the_shade() -> None:
    half = capsule(bare() + 100, [10, 30, 70, 30], 10.0, opacity=0.5)
    assert half[30, 40] == pytest.approx((100 + 255) / 2, abs=1)


def test_later_ones_lie_over_earlier_ones() -> None:
    target = bare()
    both = np.array([[10, 30, 70, 30], [40, 10, 40, 50]], np.float32)
    fill_capsules(Targets(target), both, np.full(2, 4, np.float32), np.array([[90, 180]], np.uint8))
    assert (target[30, 40], target[30, 15]) == (180, 90)


def polyline(target: Bytes, points: list[list[float]], width_px: float, opacity: float = 1.0) -> Bytes:
    starts, radius = np.array([0, len(points)], np.int32), np.array([width_px / 2], np.float32)
    stroke_runs(Targets(target), np.array(points, np.float32), starts, radius, WHITE, opacity)
    return target


def test_a_line_is_as_even_at_its_joints_as_between_them() -> None:
    in_one = polyline(bare(), [[10, 30.4], [70, 30.4]], 3.0, opacity=0.5)
    in_many = polyline(bare(), [[10 + i, 30.4] for i in range(61)], 3.0, opacity=0.5)
    crossing = polyline(bare(), [[10, 30.4], [70, 30.4], [10, 30.4]], 3.0, opacity=0.5)
    assert np.abs(in_one.astype(int) - in_many).max() <= 1
    assert np.array_equal(in_one, crossing)


def test_a_line_leaves_nothing_behind_for_the_next() -> None:
    first = polyline(bare(), [[10, 10], [70, 50], [20, 40]], 4.0)
    polyline(bare(), [[0, 0], [79, 59]], 30.0)
    assert np.array_equal(polyline(bare(), [[10, 10], [70, 50], [20, 40]], 4.0), first)


def test_lines_of_a_stroke_are_not_joined() -> None:
    target = bare()
    points = np.array([[10, 10], [70, 10], [10, 50], [70, 50]], np.float32)
    stroke_runs(
        Targets(target), points, np.array([0, 2, 4]), np.full(2, 1.5, np.float32), np.array([[200, 100]], np.uint8)
    )
    assert (target[10, 40], target[50, 40]) == (200, 100)
    assert not target[20:40].any()


def ridges(
    target: Bytes, profiles: list[list[float]], bases: list[float], centre: float = 40.0, width: float = 60.0
) -> Bytes:
    count = len(profiles)
    draw_ridges(
        Targets(target),
        np.array(profiles, np.float32),
        np.full(count, width),
        np.array(bases),
        np.full(count, 20.0),
        np.full(count, 1.0),
        centre,
        np.linspace(255, 100, count).astype(np.uint8)[None],
    )
    return target


FLAT = [0.0] * 16
HILL = [0.0] * 4 + [0.5, 0.9, 1.0, 1.0, 1.0, 0.9, 0.5] + [0.0] * 5


@pytest.mark.parametrize("centre", [40.0, 40.5])
def test_both_sides_of_a_ridge_are_alike(centre: float) -> None:
    drawn = ridges(bare(), [HILL, FLAT], [50.0, 40.0], centre)
    both = drawn[:, round(2 * centre) - 80 :]
    assert both.any() and np.array_equal(both, both[:, ::-1])
    # Also where a side is cut off, so that each column is drawn for itself.
    cut = ridges(bare(60, 60), [HILL, FLAT], [50.0, 40.0], centre)
    assert np.array_equal(cut[:, :-1], drawn[:, :59])


def test_a_ridge_is_as_thick_as_it_should_be_where_it_is_level_and_where_it_is_steep() -> None:
    assert area(ridges(bare(), [FLAT], [50.3])) == pytest.approx(60 * 2, rel=0.03)
    slope = np.linspace(0, 1, 16).tolist()
    length = 2 * np.hypot(30, 20)
    assert area(ridges(bare(), [slope], [50.3])) == pytest.approx(length * 2, rel=0.06)


def test_what_lies_behind_a_ridge_is_hidden() -> None:
    hill, behind = ridges(bare(), [HILL], [50.0]), ridges(bare(), [FLAT], [40.0])
    both = ridges(bare(), [HILL, FLAT], [50.0, 40.0])
    top = 40 + int(30 * 7 / 15)
    assert behind[39:41, top].all() and not both[39:49, top].any()
    assert both[39:41, 40].all()
    assert np.array_equal(both[:30], hill[:30])


SIZE = (60, 80)


def frame(seed: int, height: int = SIZE[0], width: int = SIZE[1]) -> Targets:
    """A plane of full size and two of half of it, of noise."""
    random = np.random.default_rng(seed)
    shapes = [(height, width), *2 * [(height // 2, width // 2)]]
    return Targets(*(random.integers(0, 256, shape, dtype=np.uint8) for shape in shapes))


def copies(whole: Targets) -> list[Bytes]:
    return [plane.copy() for plane in whole.arrays]


def parts(left: int, top: int, width: int, height: int) -> list[tuple[slice, slice]]:
    """A region of each plane of a frame."""
    half = slice(top // 2, (top + height) // 2), slice(left // 2, (left + width) // 2)
    return [(slice(top, top + height), slice(left, left + width)), half, half]


@pytest.mark.parametrize("hidden", [slice(0), slice(None), slice(3, 39)], ids=["none", "all", "most"])
def test_laying_over_is_a_sum(hidden: slice) -> None:
    target, under, levels = frame(4), frame(5, 30, 42), frame(6, 30, 42)
    for stays, own in zip(under.arrays, levels.arrays, strict=True):
        stays[len(stays) // 3 :, hidden] = 0
        own[:] = (255 - stays) * (own / 255)
        # What the overlay does not reach stays as it is.
        stays[len(stays) // 3 * 2 :, hidden], own[len(stays) // 3 * 2 :, hidden] = 255, 0
    expected = copies(target)
    for plane, part, own, stays in zip(expected, parts(8, 6, 42, 30), levels.arrays, under.arrays, strict=True):
        plane[part] = own + np.rint(plane[part] * (stays / 255)).astype(np.uint8)
    lay_over(target, 8, 6, levels, under)
    assert all(map(np.array_equal, target.arrays, expected))


REGIONS = [(0, 0, 2, 2), (8, 4, 6, 14), (4, 6, 42, 30), (16, 0, 64, 60)]


@pytest.mark.parametrize("region", REGIONS)
def test_fading_out_goes_a_share_of_the_way_to_what_lies_under(region: tuple[int, int, int, int]) -> None:
    target, under, levels = frame(8), frame(9), frame(10)
    expected = copies(target)
    for plane, part, below, level in zip(expected, parts(*region), under.arrays, levels.arrays, strict=True):
        share = level[part] / 255
        plane[part] = np.rint(plane[part] * (1 - share) + below[part] * share)
    fade_out(target, *region, under, levels)
    assert all(map(np.array_equal, target.arrays, expected))


@pytest.mark.parametrize("region", REGIONS)
def test_a_part_of_a_frame_is_copied(region: tuple[int, int, int, int]) -> None:
    target, other = frame(11), frame(12)
    expected = copies(target)
    for plane, part, theirs in zip(expected, parts(*region), other.arrays, strict=True):
        plane[part] = theirs[part]
    copy_part(target, *region, other)
    assert all(map(np.array_equal, target.arrays, expected))


@pytest.mark.parametrize("region", [(-2, 0, 4, 4), (78, 0, 4, 4), (0, 58, 4, 4), (1, 0, 4, 4), (0, 0, 4, 3)])
def test_a_part_that_is_not_in_the_frame_is_refused(region: tuple[int, int, int, int]) -> None:
    with pytest.raises(AssertionError):
        copy_part(frame(1), *region, frame(2))


@pytest.mark.parametrize("shape", [(1, 1), (3, 31), (5, 32), (17, 100)])
def test_codes_are_summed_and_looked_up(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(8)
    first, second = random.integers(0, 256, (2, *shape), dtype=np.uint8)
    first[:, : shape[1] // 2] = 255
    codes = np.zeros(shape, np.uint8)
    add_digits(codes, first, steps=5, weight=1)
    add_digits(codes, second, steps=5, weight=6)
    assert np.array_equal(codes, np.round(first / 51) + 6 * np.round(second / 51))
    table = random.integers(0, 256, 256, dtype=np.uint8)
    target = np.zeros((shape[0] + 4, shape[1] + 9), np.uint8)
    for part in (target[2:-2, 4:-5], target[2:-2, 4:-5][::-1]):
        look_up(part, codes, table)
        assert np.array_equal(part, table[codes])
    target[2:-2, 4:-5] = 0
    assert not target.any()


@pytest.mark.parametrize("falls", [False, True])
@pytest.mark.parametrize("shape", [(6, 5), (9, 40), (7, 13, 4)])
def test_a_reflection_is_what_was_gained_and_lost(shape: tuple[int, ...], falls: bool) -> None:
    random = np.random.default_rng(9)
    plane = random.integers(0, 256, (3 * shape[0], *shape[1:]), dtype=np.uint8)
    above, below = plane[: shape[0]], plane[-shape[0] :]
    rows = random.integers(0, shape[0], shape[0], dtype=np.int32)
    shares = random.integers(0, 256, shape[0], dtype=np.uint8)
    ground = above.copy()
    above[1::2, 2:] = random.integers(0, 256, above[1::2, 2:].shape, dtype=np.uint8)
    change = (above.astype(int) - ground)[rows]
    weighed = np.round(np.abs(change) * shares.reshape(-1, *[1] * (len(shape) - 1)) / 255) * np.sign(change)
    expected = np.clip(below + (weighed if falls else np.maximum(weighed, 0)), 0, 255)
    kept = plane[shape[0] : -shape[0]].copy()
    reflect(below, above, rows, ground, shares, falls=falls)
    assert np.array_equal(below, expected)
    assert np.array_equal(plane[shape[0] : -shape[0]], kept)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other machines have one build only")
def test_every_build_draws_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    for name in ("raster-avx2.so", "raster.so"):
        if name == "raster-avx2.so" and not library._has_avx2():
            pytest.skip("this processor has no AVX2")
        own = ctypes.CDLL(str(Path(package.__file__).with_name(name)))
        library._declare(own)
        for module in (drawing, glow):
            monkeypatch.setattr(module, "raster", lambda own=own: own)
        target = bare(200, 300)
        random = np.random.default_rng(2)
        ends = random.uniform(-20, 320, (300, 4)).astype(np.float32)
        fill_capsules(
            Targets(target), ends, random.uniform(0.2, 6, 300), random.integers(0, 256, (1, 300), dtype=np.uint8)
        )
        points = random.uniform(0, 200, (50, 2)).tolist()
        polyline(target, points, 2.7, 0.6)
        ridges(target, [random.random(16).tolist() for _ in range(9)], np.linspace(190, 60, 9).tolist(), 150.0, 220.0)
        add_glow(target[3:, 5:], random.integers(0, 256, (50, 74), dtype=np.uint8), zero=100, limit=235)
        levels, under = random.integers(0, 128, (2, *target.shape), dtype=np.uint8)
        fade_out(Targets(target), 0, 40, 300, 160, Targets(target[::-1].copy()), Targets(levels))
        lay_over(Targets(target), 10, 7, Targets(levels[:90, :250]), Targets(under[:90, :250]))
        lit, dark = frame(3, 200, 300), frame(4, 200, 300)
        small = Targets(shrink(dark.arrays[0], 4), *(shrink(plane, 4) for plane in dark.arrays[1:]))
        light, coarse = gather_light(lit, small, 16, 32, 250, 140, 8)
        mix_glow(light, coarse, 0.3, 0.6)
        target[:35, :63] += light
        target[100:118, :32] += mix_shades(coarse, coarse[::-1].copy(), 0.4, 1.3)[1]
        add_digits(under, levels, steps=5, weight=6)
        look_up(target[90:120], under[90:120], random.integers(0, 256, 256, dtype=np.uint8))
        drawn.append(target)
    assert np.array_equal(*drawn)
