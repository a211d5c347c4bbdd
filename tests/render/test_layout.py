"""Layout: rectangles of whole pixels, and places relative to the short side."""

from __future__ import annotations

from itertools import product

import pytest

from oriel_fx.render.layout import Layout, Rect, aspect_of


def test_rectangles_know_their_size_and_pixels() -> None:
    rect = Rect(2, 3, 7, 5)
    assert (rect.width, rect.height, rect.area) == (5, 2, 10)
    assert rect.slices == (slice(3, 5), slice(2, 7))
    assert Rect(5, 5, 2, 2).area == 0


def test_overlap_is_sharing_a_pixel() -> None:
    rect = Rect(0, 0, 4, 4)
    assert rect.overlaps(Rect(3, 3, 9, 9))
    assert not rect.overlaps(Rect(4, 0, 9, 4))


def test_an_intersection_of_strangers_is_empty_and_never_negative() -> None:
    for left, top in product(range(-9, 10, 3), repeat=2):
        shared = Rect(0, 0, 4, 4).intersect(Rect(left, top, left + 4, top + 4))
        assert shared.right >= shared.left
        assert shared.bottom >= shared.top
        assert bool(shared.area) == Rect(0, 0, 4, 4).overlaps(Rect(left, top, left + 4, top + 4))


def test_aligning_grows_to_the_grid() -> None:
    assert Rect(-1, 5, 17, 32).align(16) == Rect(-16, 0, 32, 32)
    assert Rect.around(0.2, -0.2, 3.0, 3.1) == Rect(0, -1, 3, 4)


@pytest.mark.parametrize(
    ("width", "height", "aspect"),
    [
        (1920, 1080, "landscape"),
        (1080, 1080, "square"),
        (1080, 1920, "portrait"),
        (1080, 1350, "portrait"),
        (1200, 1080, "square"),
        (8192, 16, "landscape"),
        (16, 8192, "portrait"),
    ],
)
def test_three_kinds_of_picture(width: int, height: int, aspect: str) -> None:
    assert aspect_of(width, height) == aspect


def test_the_safe_area_leaves_five_percent_and_room_for_the_apps_buttons() -> None:
    assert Layout(1920, 1080).safe == pytest.approx((54, 54, 1866, 1026))
    assert Layout(1080, 1920).safe == pytest.approx((54, 192, 1026, 1574.4))


def test_anchors_are_points_of_the_safe_area_and_middle_is_the_pictures() -> None:
    tall = Layout(1080, 1920)
    assert tall.place("top-left", 0, 0) == pytest.approx((54, 192))
    assert tall.place("bottom-right", -0.1, 0) == pytest.approx((1026 - 108, 1574.4))
    assert tall.place("center", 0, 0) == pytest.approx((540, (192 + 1574.4) / 2))
    assert tall.place("middle", 0, 0.5) == pytest.approx((540, 960 + 540))
