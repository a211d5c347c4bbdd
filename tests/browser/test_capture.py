"""The picture: every kind of page comes out in its true colours."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.browser.conftest import Film
from tests.browser.pages import canvas_page, plain_page

from oriel_fx import PageError
from oriel_fx.render.engines.browser.chromium import find_chromium

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


def test_observers_run_while_a_canvas_is_filmed(film: Film) -> None:
    script = """window.widths = []; const box = document.createElement("div"); document.body.append(box);
    box.style.cssText = "position:absolute;left:0;top:-9px;height:1px;width:10px";
    new ResizeObserver(([entry]) => widths.push(entry.contentRect.width)).observe(box);
    run(n => { box.style.width = 10 + n + "px"; return '#fff'; });"""
    page = film(canvas_page(script))
    page.run(20)
    assert page.engine._from_ring
    widths = page.value("widths")
    assert widths[0] < 13 and widths[-15:] == list(range(widths[-1] - 14, widths[-1] + 1))


def test_a_canvas_that_a_worker_draws_is_filmed(film: Film) -> None:
    worker = """onmessage = ({ data }) => { const x = data.getContext("2d");
    const draw = () => { requestAnimationFrame(draw); x.fillStyle = "#0f0"; x.fillRect(0, 0, 96, 54); }; draw(); };"""
    script = f"""const other = new Worker(URL.createObjectURL(new Blob([{worker!r}])));
    const view = c.transferControlToOffscreen(); view.width = 96; view.height = 54; other.postMessage(view, [view]);"""
    picture = film(canvas_page(script.replace("\\n", " "))).run(15)
    assert np.abs(picture[27, 48].astype(int) - (0, 255, 0)).max() <= 3


def a_browser(folder: Path, name: str, *dropped: str) -> str:
    """The system's Chromium under another name, without some of its flags."""
    path = folder / name
    keep = "".join(f'[ "$word" = "{flag}" ] || ' for flag in dropped)
    path.write_text(
        f'#!/bin/sh\nfor word do shift; {keep}set -- "$@" "$word"; done\nexec {find_chromium().path} "$@"\n'
    )
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("name", ["old-shell", "chromium"])
def test_a_browser_that_gives_no_frames_on_demand_takes_screenshots(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("ORIEL_CHROMIUM", a_browser(tmp_path, name, "--enable-begin-frame-control"))
    page = film(
        plain_page("<div style='height:27px;background:#f00'></div><div style='height:27px;background:#00f'></div>")
    )
    assert_red_over_blue(page.run(3))
    assert any("screenshots" in warning for warning in page.engine.warnings())


GPU = """(async () => {
const adapter = await navigator.gpu?.requestAdapter();
if (!adapter) { window.missing = navigator.gpu ? "no adapter" : "no WebGPU"; run(() => "#fff"); return; }
const device = await adapter.requestDevice();
const context = c.getContext("webgpu"); const format = navigator.gpu.getPreferredCanvasFormat();
context.configure({ device, format, alphaMode: "opaque" });
const module = device.createShaderModule({ code: `
@vertex fn v(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1); }
@fragment fn f(@builtin(position) p: vec4f) -> @location(0) vec4f { return select(vec4f(0, 0, 1, 1), vec4f(1, 0, 0, 1), p.y < 27); }` });
const pipeline = await device.createRenderPipelineAsync({ layout: "auto", vertex: { module }, fragment: { module, targets: [{ format }] } });
const draw = () => { requestAnimationFrame(draw);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({ colorAttachments: [{ view: context.getCurrentTexture().createView(), loadOp: "clear", storeOp: "store" }] });
  pass.setPipeline(pipeline); pass.draw(3); pass.end(); device.queue.submit([encoder.finish()]); };
draw(); })();"""


@pytest.mark.parametrize("capture", ["auto", "screenshot"])
def test_webgpu_in_its_true_colours(film: Film, capture: str) -> None:
    page = film(canvas_page(GPU), capture=capture)
    picture = page.run(5)
    if missing := page.value("window.missing"):
        pytest.skip(f"this Chromium has {missing}")
    assert_red_over_blue(picture)


@pytest.mark.parametrize("shown", ["canvas", "box"])
def test_frames_that_are_passed_over_are_laid_out_all_the_same(film: Film, shown: str) -> None:
    script = """window.widths = []; const box = document.createElement("div"); document.body.append(box);
    box.style.cssText = "position:absolute;left:0;top:TOP;height:9px;width:10px;background:#f00";
    new ResizeObserver(([entry]) => widths.push([n, entry.contentRect.width])).observe(box); let n = 0;
    run(number => { n = number; if (n % 3 === 0) box.style.width = 10 + n + "px"; return '#fff'; });"""
    body = canvas_page(script.replace("TOP", "-9px" if shown == "canvas" else "0"))
    whole, part = film(body), film(body)
    last = whole.run(21)
    assert (part.draw(20) == last).all()
    assert whole.engine._from_ring == part.engine._from_ring == (shown == "canvas")
    # The one that is filmed on has gone a frame or two further.
    widths = part.value("widths.filter(([n]) => n > 3 && n < 18)")
    assert len(widths) == 4 and widths == whole.value("widths.filter(([n]) => n > 3 && n < 18)")
