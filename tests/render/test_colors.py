"""Colours: how they are written, and that mixing follows OKLab."""

from __future__ import annotations

import numpy as np
import pytest

from oriel_fx.render.colors import (
    hex_to_rgb,
    linear_to_srgb,
    mix,
    normalise_color,
    oklab_to_srgb,
    ramp,
    ramp_hex,
    rgb_to_hex,
    skia_color,
    srgb_to_linear,
    srgb_to_oklab,
)


@pytest.mark.parametrize(
    ("written", "color"),
    [
        ("#FA0", "#ffaa00"),
        (" #12ab9F ", "#12ab9f"),
        ("White", "#ffffff"),
        (0x00FF00, "#00ff00"),
        (0, "#000000"),
        ("palette.ink", "palette.ink"),
        ("Palette.1", "palette.1"),
    ],
)
def test_colours_are_hex_names_integers_or_of_the_palette(written: object, color: str) -> None:
    assert normalise_color(written) == color


@pytest.mark.parametrize(
    "written",
    ["#12", "#12345", "#1234567", "#12345g", "fff", "", "palette.3", -1, 2**24, True, 1.0, None, [], "#١٢٣"],
)
def test_anything_else_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="is not a colour"):
        normalise_color(written)


def test_hex_survives_the_way_there_and_back() -> None:
    for value in range(0, 0x1000000, 65521):
        assert rgb_to_hex(hex_to_rgb(f"#{value:06x}")) == f"#{value:06x}"


def test_linear_light_and_oklab_are_undone_by_their_inverses() -> None:
    colors = np.random.default_rng(1).random((500, 3), np.float32)
    assert np.abs(linear_to_srgb(srgb_to_linear(colors)) - colors).max() < 1e-5
    assert np.abs(oklab_to_srgb(srgb_to_oklab(colors)) - colors).max() < 1e-3


@pytest.mark.parametrize(
    ("color", "lab"),
    # Ottosson's own figures, converted with his reference code.
    [
        ("#ffffff", (1.0, 0.0, 0.0)),
        ("#ff0000", (0.62796, 0.22486, 0.12585)),
        ("#00ff00", (0.86644, -0.23389, 0.17950)),
        ("#0000ff", (0.45201, -0.03246, -0.31153)),
    ],
)
def test_oklab_agrees_with_its_definition(color: str, lab: tuple[float, float, float]) -> None:
    assert srgb_to_oklab(np.array(hex_to_rgb(color), np.float32)) == pytest.approx(lab, abs=2e-4)


def test_a_ramp_passes_through_its_stops_and_stays_between_them() -> None:
    stops = ["#ff0000", "#00ff00", "#0000ff"]
    shades = ramp(stops, np.array([-1, 0, 0.5, 1, 2], np.float32))
    assert [rgb_to_hex(rgb) for rgb in shades] == ["#ff0000", "#ff0000", "#00ff00", "#0000ff", "#0000ff"]
    greys = ramp(["#000000", "#ffffff"], np.linspace(0, 1, 50, dtype=np.float32))
    assert (np.diff(greys, axis=0) > 0).all()
    assert np.ptp(greys, axis=1).max() < 1 / 255


def test_a_ramp_of_one_colour_is_that_colour() -> None:
    assert ramp_hex(["#123456"], 3) == ["#123456"] * 3
    assert ramp_hex(["#123456", "#ffffff"], 1) == ["#123456"]


def test_mixing_goes_all_the_way() -> None:
    assert mix("#102030", "#f0e0d0", 0) == "#102030"
    assert mix("#102030", "#f0e0d0", 1) == "#f0e0d0"


def test_skia_colours_carry_their_opacity() -> None:
    assert skia_color("#12ab9f", 1) == 0xFF12AB9F
    assert skia_color("#12ab9f", 0.5) == 0x8012AB9F
    assert skia_color("#12ab9f", 7) == 0xFF12AB9F
