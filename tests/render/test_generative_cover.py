"""Drawn covers: always the same for a song, different between songs, fit to be shown square or round."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from oriel_fx.render import generative_cover
from oriel_fx.render.colors import oklab_to_srgb, srgb_to_oklab
from oriel_fx.render.generative_cover import FAMILIES, PALETTES, draw_cover, palette

SONGS = [f"Song {i}" for i in range(16)]


@pytest.fixture(scope="module")
def covers() -> list[NDArray[np.uint8]]:
    return [draw_cover(title, "Oriel FX", 0, 256) for title in SONGS]


def lightness(rgb: NDArray[np.uint8] | tuple[int, int, int]) -> NDArray[np.float32]:
    return srgb_to_oklab(np.asarray(rgb, np.float32) / np.float32(255))[..., 0]


@pytest.mark.parametrize("size", [64, 333, 1024])
def test_a_cover_is_square_opaque_rgba(size: int) -> None:
    cover = draw_cover("Glass Hours", "Oriel FX", 0, size)
    assert cover.shape == (size, size, 4)
    assert cover.dtype == np.uint8
    assert (cover[..., 3] == 255).all()


def test_a_song_always_gets_the_same_cover_however_its_tags_are_typed() -> None:
    first = draw_cover("Café Nuit", "Oriel FX", 5, 128)
    assert np.array_equal(first, draw_cover("Café Nuit", "Oriel FX", 5, 128))
    assert np.array_equal(first, draw_cover(" cafe\u0301  NUIT ", "oriel fx", 5, 128))
    assert palette("Café Nuit", "Oriel FX", 5) == palette("CAFÉ NUIT", "Oriel  FX", 5)


@pytest.mark.parametrize("other", [("Salt", "Oriel FX", 1), ("Salt", "Other", 0), ("Pepper", "Oriel FX", 0)])
def test_title_artist_and_seed_each_change_the_cover(other: tuple[str, str, int]) -> None:
    assert not np.array_equal(draw_cover("Salt", "Oriel FX", 0, 64), draw_cover(*other, 64))


def test_title_and_artist_are_not_run_together() -> None:
    assert not np.array_equal(draw_cover("Salt", "Lake", 0, 64), draw_cover("Salt Lake", "", 0, 64))


def test_songs_without_tags_get_a_cover_too() -> None:
    assert draw_cover("", "", 0, 64).std() > 5


def test_size_changes_only_the_resolution(covers: list[NDArray[np.uint8]]) -> None:
    for title, small in zip(SONGS[:6], covers[:6], strict=True):
        large = draw_cover(title, "Oriel FX", 0, 1024)
        reduced = cv2.resize(large, (256, 256), interpolation=cv2.INTER_AREA)
        assert np.abs(reduced.astype(int) - small).mean() < 4


def test_every_cover_has_a_subject_inside_the_circle(covers: list[NDArray[np.uint8]]) -> None:
    for cover in covers:
        middle = lightness(cover[64:192, 64:192, :3])
        assert np.percentile(middle, 97) - np.percentile(middle, 3) > 0.12


def test_the_colours_on_a_cover_are_its_palette_s() -> None:
    """Chroma outside the palette's range would be a hue nobody chose."""
    for title in SONGS:
        colors = srgb_to_oklab(np.array(palette(title, "Oriel FX", 0), np.float32) / np.float32(255))
        cover = cv2.GaussianBlur(draw_cover(title, "Oriel FX", 0, 128)[..., :3], (5, 5), 0)
        chroma = np.hypot(*np.moveaxis(srgb_to_oklab(cover.astype(np.float32) / np.float32(255)), -1, 0)[1:])
        assert chroma.max() < np.hypot(colors[:, 1], colors[:, 2]).max() * 1.35 + 0.03


def test_a_palette_runs_from_deep_to_light_over_a_nearly_black_ground() -> None:
    for title in SONGS:
        deep, middle, light, ground = palette(title, "Oriel FX", 0)
        assert lightness(ground) < 0.2 < lightness(deep) < lightness(middle) < lightness(light)
        assert ground != (0, 0, 0)


def test_all_families_and_many_palettes_are_dealt() -> None:
    """A hundred songs meet every palette; the dice do not favour one."""
    families = {id(family): 0 for family in FAMILIES}
    palettes = set()
    for i in range(200):
        dice = generative_cover._dice(f"Song {i}", "Oriel FX", 0)
        palettes.add(int(generative_cover._dice(f"Song {i}", "Oriel FX", 0).random() * len(PALETTES)))
        generative_cover._pick_colors(dice)
        families[id(FAMILIES[int(dice.random() * len(FAMILIES))])] += 1
    assert min(families.values()) > 20
    assert len(palettes) == len(PALETTES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.strip("_"))
def test_each_family_paints_the_whole_canvas_smoothly(family: object) -> None:
    for seed in range(4):
        dice = random.Random(seed)
        canvas = generative_cover._Canvas(96, generative_cover._pick_colors(dice), dice)
        canvas.lab[:] = np.nan
        family(canvas)  # type: ignore[operator]
        assert canvas.lab.dtype == np.float32
        assert np.isfinite(canvas.lab).all()
        assert canvas.lab[0].min() > -0.01
        assert canvas.lab[0].max() < 1.01


def test_dark_gradients_are_dithered() -> None:
    """A gradient of a few codes over the whole width shows grain in every row, not steps."""
    lab = np.zeros((3, 256, 256), np.float32)
    lab[0] = np.linspace(0.16, 0.2, 256)
    pixels = generative_cover._develop(lab, np.random.default_rng(0))[..., 0].astype(int)
    assert np.abs(np.diff(pixels, axis=1)).mean() > 1
    plain = oklab_to_srgb(np.ascontiguousarray(np.moveaxis(lab, 0, -1)))[0, :, 0] * 255
    assert np.abs(pixels.mean(axis=0) - plain).max() < 1


def test_developed_colours_are_the_library_s_own() -> None:
    grid = np.stack(np.meshgrid(*[np.linspace(0.02, 0.98, 16)] * 2), -1).astype(np.float32)
    rgb = np.concatenate([grid, grid[..., ::-1][..., :1]], -1)
    lab = np.moveaxis(srgb_to_oklab(rgb), -1, 0)
    many = [generative_cover._develop(lab, np.random.default_rng(i))[..., :3].astype(float) for i in range(200)]
    assert np.abs(np.mean(many, axis=0) - rgb * 255).max() < 1.5
