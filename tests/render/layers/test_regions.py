"""Every layer keeps to its bounds and owns up to every pixel it changes: what it hid would stay on later frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.render.scenes import draw, make_plate, make_scene, prepare

from oriel_fx.render.solids import SHAPES

SIZES = [(320, 180), (136, 240), (16, 16), (240, 16)]
FRAMES = [0, 1, 2, 151, 299]

BARS: list[dict[str, Any]] = [
    {"origin": origin, "reflection": reflection, "peaks": peaks, "rounded": peaks, "count": 12}
    for origin in ("bottom", "center", "top")
    for reflection in (0, 0.5)
    for peaks in (False, True)
] + [
    {"count": 5, "height": 0.02, "anchor": "top-left", "rest": 0},
    {"count": 64, "height": 1.2, "anchor": "bottom", "mirror": True, "opacity": 0.5},
    {"rest": 0.5, "height": 0.1, "peaks": True},
    {"width": 4, "gap": 0, "count": 4, "anchor": "right", "rounded": False},
    {"count": 5, "anchor": "bottom", "y": 0.3, "reflection": 1},
]
RADIALS: list[dict[str, Any]] = [
    {"count": count, "breath": breath, "thickness": 1} for count in (12, 180) for breath in (0, 4)
] + [
    {"rest": 0.5, "length": 0.1},
    {"rest": 0.5, "length": 0.1, "breath": 0, "opacity": 0.5},
    {"count": 12, "radius": 1, "length": 1, "x": 1},
]
WAVES: list[dict[str, Any]] = [
    {"style": style, "thickness": thickness, "blend": blend, "opacity": opacity}
    for style in ("line", "filled", "ribbons")
    for thickness, blend, opacity in ((0.001, "normal", 1), (0.1, "multiply", 1), (0.02, "screen", 0.5))
] + [
    {"style": style, "height": 2, "width": 0.5, "anchor": "left", "points": points}
    for style, points in (("line", 16), ("line", 1920), ("filled", 360), ("ribbons", 360))
]
WIREFRAMES: list[dict[str, Any]] = [{"shape": shape} for shape in SHAPES] + [
    {"size": 20, "pulse_intensity": 10},
    {"size": 12, "rotation_speed": 20, "vertices": 0.02},
    {"vertices": 0.05, "depth": 0.8, "motion": "smooth", "thickness": 0.05},
    {"anchor": "bottom-right", "x": 1, "size": 10, "thickness": 0.05, "vertices": 0.05, "opacity": 0.5},
]
PROGRESSES: list[dict[str, Any]] = [
    {"time": time, "knob": knob, "thickness": thickness, "size": size, "anchor": anchor}
    for time, knob in ((True, False), (True, True), (False, True))
    for thickness, size, anchor in ((0.004, 0.02, "bottom"), (0.1, 0.2, "top-right"))
]
RIDGES: list[dict[str, Any]] = [
    {"anchor": anchor, "width": width, "lines": 12, "height": height}
    for anchor, width, height in (("center", 1.6, 0.2), ("bottom", 4, 1), ("top", 0.3, 0.5))
] + [
    {"far": 1, "lines": 4, "thickness": 0.02, "valley": 0, "height": 1, "depth": 2},
    {"far": 0.01, "opacity": 0.5},
]
IMAGES: list[dict[str, Any]] = [
    {"shape": shape, "breath": breath, "spin": spin, "outline": outline}
    for shape in ("circle", "rounded", "square")
    for breath, spin, outline in ((0, 0, 0), (4, 0, 0.1), (0, 33, 0.01), (1, -20, 0))
] + [{"width": 0.6, "height": 0.2, "spin": 20}, {"width": 0.6, "height": 0.2, "anchor": "bottom-right"}]
TEXTS: list[dict[str, Any]] = [
    {"text": text, "anchor": anchor, "tracking": tracking, "align": align, "size": 0.12}
    for text in (
        "Ägypten jÿ Åfg — {title}",
        "W" * 80,
        "lorem ipsum dolor " * 11,
        "{title} שלום עולם, مرحبا بالعالم",
        "日本語の長いタイトルです" * 4,
        "Z̸̢̛͓a̷̧̛l̵g̷o 😀👩‍👩‍👧‍👦\nline two\nline three",
    )
    for anchor, tracking, align in (("center", 0, None), ("bottom-right", 1, "left"), ("top-left", -0.1, "center"))
]

CASES = [
    {"type": kind} | params
    for kind, several in (
        ("bars", BARS),
        ("radial", RADIALS),
        ("wave", WAVES),
        ("wireframe", WIREFRAMES),
        ("progress", PROGRESSES),
        ("ridge", RIDGES),
        ("image", IMAGES),
        ("text", TEXTS),
        ("stars", [{}, {"size": 0.02, "count": 200}]),
    )
    for params in several
]


def name(layer: dict[str, Any]) -> str:
    return " ".join(f"{value}"[:12] for value in layer.values())


@pytest.mark.parametrize("layer", CASES, ids=name)
def test_a_layer_changes_only_the_pixels_it_says_it_touched(layer: dict[str, Any]) -> None:
    for width, height in SIZES:
        scene = make_scene(width, height)
        drawer = prepare(layer, scene)
        plate = make_plate(scene, 12, 200)
        for index in FRAMES:
            pixels, touched = draw(drawer, scene, index, plate)
            changed = (pixels != plate).any(axis=2)
            changed[touched.intersect(scene.layout.frame).slices] = False
            where = np.argwhere(changed)
            assert not len(where), (
                f"{width}x{height}, frame {index}: {len(where)} pixels changed outside {touched}, "
                f"rows and columns {where.min(axis=0)} to {where.max(axis=0)}"
            )
            assert not touched.area or touched.intersect(drawer.bounds) == touched, (
                f"{width}x{height}, frame {index}: {touched} reaches out of {drawer.bounds}"
            )


@pytest.mark.parametrize("layer", CASES, ids=name)
def test_a_layer_leaves_the_picture_opaque_and_draws_the_same_again(layer: dict[str, Any]) -> None:
    scene = make_scene(136, 240)
    drawer = prepare(layer, scene)
    first = draw(drawer, scene, 40)[0]
    assert (first[..., 3] == 255).all()
    draw(drawer, scene, 7)
    assert np.array_equal(draw(drawer, scene, 40)[0], first)
    assert np.array_equal(draw(prepare(layer, scene), scene, 40)[0], first)
