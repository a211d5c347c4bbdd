"""A canvas is filmed alone only while nothing else is to be seen, whatever it is that begins to show."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.browser.conftest import Film
from tests.browser.pages import canvas_page

RED = "run(n => '#f00');"
GREEN = "position:fixed;left:0;top:0;width:96px;height:54px;background:#0f0"


def colour(picture: NDArray[np.uint8]) -> tuple[int, ...]:
    return tuple(round(int(level) / 255) for level in picture[27, 48])


@pytest.mark.parametrize(
    "over",
    [
        f"<style>body::after {{ content: ''; {GREEN} }}</style>",
        f"<style>p::before {{ content: ''; {GREEN} }}</style><p></p>",
        "<style>canvas { outline: 40px solid #0f0; outline-offset: -40px }</style>",
        "<style>canvas { box-sizing: border-box; width: 96px; height: 54px; border: 27px solid #0f0 }</style>",
        "<style>canvas { rotate: 180deg; scale: 1 -1; filter: hue-rotate(120deg) brightness(2) }</style>",
        "<div style='height:0'><b style='font:200px monospace;color:#0f0;position:fixed;left:0;top:-90px'>█</b></div>",
        "<i style='position:fixed;left:40px;top:20px;box-shadow:0 0 0 40px #0f0'></i>",
        "<i style='position:fixed;left:0;top:-90px;width:96px;height:54px;box-shadow:0 90px 0 #0f0'></i>",
        "<i style='position:fixed;inset:0;backdrop-filter:invert(1)'></i>",
        "<dialog id=d></dialog><style>dialog { border: 0; padding: 0 } ::backdrop { background: #0f0 }</style><script>d.showModal()</script>",
        "<div style='position:fixed;width:0;height:0;left:0;top:-60px;font:200px monospace;color:#0f0'>█</div>",
    ],
    ids=[
        "::after",
        "::before",
        "outline",
        "border",
        "rotated",
        "words",
        "shadow",
        "shadow from outside",
        "backdrop-filter",
        "dialog",
        "words outside",
    ],
)
def test_what_lies_over_the_canvas_is_seen(film: Film, over: str) -> None:
    page = film(canvas_page(RED, over))
    assert colour(page.run(2)) != (1, 0, 0)
    assert not page.engine._from_ring


def test_a_closed_shadow_tree_is_seen(film: Film) -> None:
    script = f"""const host = document.createElement("div"); document.body.append(host);
    host.attachShadow({{ mode: "closed" }}).innerHTML = "<div style='{GREEN}'></div>"; {RED}"""
    page = film(canvas_page(script))
    assert colour(page.run(2)) == (0, 1, 0)
    assert not page.engine._from_ring


@pytest.mark.parametrize(
    ("prepared", "change"),
    [
        ("", "p.animate([{ opacity: 1 }, { opacity: 1 }], 9000)"),
        ("", "sheet.insertRule('p { opacity: 1 !important }', sheet.cssRules.length)"),
        (
            "",
            "const more = new CSSStyleSheet(); more.replaceSync('p { opacity: 1 !important }'); document.adoptedStyleSheets = [more]",
        ),
        ("p.popover = 'manual'; p.style.opacity = 1", "p.showPopover()"),
        (
            "document.body.style.height = '200px'; p.style.position = 'absolute'; p.style.top = '100px'; p.style.opacity = 1; c.style.position = 'fixed';",
            "scrollTo(0, 100)",
        ),
    ],
    ids=["animate", "insertRule", "adopted sheet", "popover", "scroll"],
)
@pytest.mark.parametrize("many", [0, 250], ids=["small", "large"])
def test_what_begins_to_show_without_a_change_of_the_document_is_seen(
    film: Film, prepared: str, change: str, many: int
) -> None:
    markup = f"<style>p {{ {GREEN}; opacity: 0; margin: 0; border: 0; padding: 0 }}</style><p id=p></p>"
    markup += "<i></i>" * many
    script = f"""const sheet = document.styleSheets[1]; {prepared}
    let at = 0; run(() => {{ if (at++ === 8) {{ {change} }} return "#f00"; }});"""
    page = film(canvas_page(script, markup))
    assert colour(page.run(5)) == (1, 0, 0)
    assert page.engine._from_ring
    assert colour(page.run(6, first=5)) == (0, 1, 0)
    assert not page.engine._from_ring


def test_a_rule_that_is_changed_in_place_is_seen_in_a_small_page(film: Film) -> None:
    markup = f"<style>p {{ {GREEN}; opacity: 0; margin: 0 }}</style><p></p>"
    script = """const rule = document.styleSheets[1].cssRules[0].style; let at = 0;
    run(() => { if (at++ === 8) rule.opacity = 1; return "#f00"; });"""
    page = film(canvas_page(script, markup))
    assert colour(page.run(5)) == (1, 0, 0)
    assert colour(page.run(6, first=5)) == (0, 1, 0)


def test_empty_boxes_round_the_canvas_hide_nothing(film: Film) -> None:
    markup = "<style>p::after { content: '' } html, body { overflow: hidden; height: 100% }</style><p></p><h1 style='position:absolute;left:-999px'>Words</h1>"
    page = film(canvas_page(RED, markup))
    page.run(2)
    assert page.engine._from_ring


TRAIL = """const gl = c.getContext("webgl2", {}); let n = 0;
const program = gl.createProgram();
for (const [kind, text] of [[gl.VERTEX_SHADER, "attribute float at; uniform float n; void main() { gl_Position = vec4((n + 0.5) / 48. * 2. - 1. , 0, 0, 1); gl_PointSize = 8.; }"],
  [gl.FRAGMENT_SHADER, "void main() { gl_FragColor = vec4(1, 0, 0, 1); }"]]) {
  const shader = gl.createShader(kind); gl.shaderSource(shader, text); gl.compileShader(shader); gl.attachShader(program, shader); }
gl.linkProgram(program); gl.useProgram(program); const place = gl.getUniformLocation(program, "n");
const draw = () => { requestAnimationFrame(draw); gl.uniform1f(place, n++ * 2 % 48); gl.drawArrays(gl.POINTS, 0, 1); }; draw();"""


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("capture", ["canvas", "screenshot"])
def test_a_webgl_picture_is_cleared_once_it_was_shown_unless_it_is_kept(film: Film, capture: str, kept: bool) -> None:
    script = TRAIL.replace("{}", "{ preserveDrawingBuffer: true }") if kept else TRAIL
    picture = film(canvas_page(script), capture=capture).run(10)
    columns = int((picture[27, :, 0] > 128).sum())
    assert columns > 30 if kept else columns <= 9


def test_a_webgl_picture_that_is_not_drawn_anew_stays(film: Film) -> None:
    script = TRAIL.replace("requestAnimationFrame(draw);", "setTimeout(draw, 500);")
    page = film(canvas_page(script), capture="canvas")
    assert all((page.draw(index)[27, :, 0] > 128).any() for index in range(12))


def test_a_page_in_full_screen_fills_the_film(film: Film) -> None:
    script = "c.onclick = () => { c.requestFullscreen(); }; run(n => '#f00');"
    page = film(
        canvas_page(script, "<style>body { background: #00f }</style>"), clicks=("canvas",), capture="screenshot"
    )
    picture = page.run(8)
    assert all(picture[y, x, 0] > 200 for y, x in ((3, 3), (50, 3), (3, 90), (50, 90)))
