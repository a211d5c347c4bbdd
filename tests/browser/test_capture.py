"""The picture: every kind of page comes out in its true colours."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

import numpy as np
import pytest
from tests.browser.conftest import Film
from tests.browser.pages import canvas_page, plain_page

from oriel_fx import PageError

GL = """const gl = c.getContext("webgl2"); const draw = () => { requestAnimationFrame(draw);
gl.enable(gl.SCISSOR_TEST); gl.scissor(0, 0, c.width, c.height); gl.clearColor(1, 0, 0, 1); gl.clear(gl.COLOR_BUFFER_BIT);
gl.scissor(0, 0, c.width, c.height / 2); gl.clearColor(0, 0, 1, 1); gl.clear(gl.COLOR_BUFFER_BIT); }; draw();"""
TWO_D = """const x = c.getContext("2d"); const draw = () => { requestAnimationFrame(draw);
x.fillStyle = "#f00"; x.fillRect(0, 0, c.width, c.height);
x.fillStyle = "#00f"; x.fillRect(0, c.height / 2, c.width, c.height / 2); }; draw();"""


def assert_red_over_blue(picture: np.ndarray) -> None:  # type: ignore[type-arg]
    assert np.abs(picture[5, 48].astype(int) - (255, 0, 0)).max() <= 3
    assert np.abs(picture[-5, 48].astype(int) - (0, 0, 255)).max() <= 3


@pytest.mark.parametrize(
    ("script", "capture"),
    [
        (GL, "auto"),
        (GL.replace("webgl2", "webgl"), "canvas"),
        (TWO_D, "auto"),
        (GL, "screenshot"),
        (TWO_D, "screenshot"),
    ],
    ids=["webgl2", "webgl", "2d", "webgl2 seen", "2d seen"],
)
def test_a_canvas_in_its_true_colours(film: Film, script: str, capture: str) -> None:
    page = film(canvas_page(script), capture=capture)
    assert_red_over_blue(page.run(3))
    assert page.engine._from_ring == (capture != "screenshot")


def test_a_clear_canvas_shows_what_lies_behind_it(film: Film) -> None:
    script = """document.body.style.background = "#004000"; const x = c.getContext("2d");
    const draw = () => { requestAnimationFrame(draw); x.clearRect(0, 0, c.width, c.height);
    x.fillStyle = "rgba(255, 0, 0, 0.5)"; x.fillRect(0, 0, 48, 54); }; draw();"""
    page = film(canvas_page(script))
    picture = page.run(2).astype(int)
    assert page.engine._from_ring
    assert np.abs(picture[27, 20] - (128, 32, 0)).max() <= 4
    assert np.abs(picture[27, 80] - (0, 64, 0)).max() <= 4


def test_words_that_appear_over_the_canvas_are_filmed_too(film: Film) -> None:
    script = (
        TWO_D
        + """setTimeout(() => { const p = document.createElement("div");
    p.style.cssText = "position:absolute;inset:0;background:#0f0"; document.body.append(p); }, 300);"""
    )
    page = film(canvas_page(script))
    assert_red_over_blue(page.run(5))
    assert page.engine._from_ring
    green = page.run(10, first=5).astype(int)
    assert not page.engine._from_ring
    assert np.abs(green[27, 48] - (0, 255, 0)).max() <= 3


def test_a_page_of_many_parts_is_filmed_whole(film: Film) -> None:
    page = film(
        plain_page(
            "<div style='height:27px;background:#f00'></div><svg width=96 height=27 style='display:block'>"
            "<rect width=96 height=27 fill=#00f /></svg>"
        )
    )
    assert_red_over_blue(page.run(2))


def test_capture_canvas_says_why_it_cannot(film: Film) -> None:
    page = film(plain_page("<p>Words</p>"), capture="canvas")
    with pytest.raises(PageError, match="no canvas fills the page"):
        page.run(1)
