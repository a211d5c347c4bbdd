"""Palettes: colours that belong to a cover, whatever the cover."""

from __future__ import annotations

import numpy as np
import pytest
from tests.render.scenes import PALETTE, make_cover

from oriel_fx.render.colors import hex_to_rgb, srgb_to_oklab
from oriel_fx.render.palette import palette_of
from oriel_fx.render.scene import Palette, Pixels


def flat(color: tuple[int, ...], size: int = 40) -> Pixels:
    return np.full((size, size, 4), (*color, 255) if len(color) == 3 else color, np.uint8)


def lab(color: str) -> np.ndarray:
    return srgb_to_oklab(np.array(hex_to_rgb(color), np.float32))


def chroma(color: str) -> float:
    return float(np.hypot(*lab(color)[1:]))


def hue_deg(color: str) -> float:
    return float(np.degrees(np.arctan2(lab(color)[2], lab(color)[1])) % 360)


HALVES = np.concatenate([flat((200, 30, 30))[:, :20], flat((30, 60, 200))[:, :20]], axis=1)
COVERS = {
    "noise": make_cover(),
    "black": flat((0, 0, 0)),
    "white": flat((255, 255, 255)),
    "black and white": np.concatenate([flat((0, 0, 0)), flat((255, 255, 255))]),
    "one colour": flat((30, 140, 60)),
    "two colours": HALVES,
    "transparent": flat((0, 0, 0, 0)),
    "one pixel": flat((250, 10, 200), 1),
    "a line": np.repeat(flat((250, 10, 200), 1), 700, axis=1),
}


@pytest.mark.parametrize("cover", COVERS.values(), ids=COVERS.keys())
def test_hues_shine_on_the_ground_and_ink_reads_on_it(cover: Pixels) -> None:
    palette = palette_of(cover)
    ground = lab(palette.ground)[0]
    assert ground < 0.2
    assert lab(palette.ink)[0] > 0.9
    assert all(lab(hue)[0] - ground > 0.35 for hue in palette.hues)


@pytest.mark.parametrize("name", ["black", "white", "black and white", "transparent"])
def test_a_cover_without_colour_gives_greys(name: str) -> None:
    assert all(chroma(hue) < 0.03 for hue in palette_of(COVERS[name]).hues)


@pytest.mark.parametrize("name", ["one colour", "one pixel"])
def test_one_colour_is_kept_between_its_neighbours(name: str) -> None:
    cover = COVERS[name]
    own = hue_deg("#{:02x}{:02x}{:02x}".format(*cover[0, 0, :3]))
    assert abs((hue_deg(palette_of(cover).hues[1]) - own + 180) % 360 - 180) < 12


def test_two_colours_are_both_kept() -> None:
    found = [hue_deg(hue) for hue in palette_of(HALVES).hues]
    for wanted in (hue_deg("#c81e1e"), hue_deg("#1e3cc8")):
        assert min(abs((hue - wanted + 180) % 360 - 180) for hue in found) < 12


def test_a_palette_depends_on_the_picture_only() -> None:
    assert palette_of(make_cover()) == palette_of(make_cover())


def test_names_stand_for_the_palettes_colours() -> None:
    names = ("palette.0", "palette.1", "palette.2", "palette.ground", "palette.ink", "#abcdef")
    palette: Palette = PALETTE
    assert [palette.resolve(n) for n in names] == [*palette.hues, palette.ground, palette.ink, "#abcdef"]
