"""What moves without scripts moves with the clock: CSS, Web Animations, SVG."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from numpy.typing import NDArray
from tests.browser.conftest import Film
from tests.browser.pages import plain_page

from oriel_fx.render.encode.process import find_ffmpeg

BOX = "<div id=b style='position:absolute;width:10px;height:54px;background:#fff;{}'></div>"


def left_edge(picture: NDArray) -> int:  # type: ignore[type-arg]
    row = picture[27, :, 0]
    return int((row > 128).argmax())


@pytest.mark.parametrize(
    "moving",
    [
        "<style>@keyframes go{to{transform:translateX(60px)}}#b{animation:go 1s linear both}</style>" + BOX.format(""),
        BOX.format("transition:transform 1s linear")
        + "<script>onload=()=>{b.offsetLeft;requestAnimationFrame(()=>{b.style.transform='translateX(60px)'})}</script>",
        BOX.format("")
        + "<script>onload=()=>b.animate([{transform:'none'},{transform:'translateX(60px)'}],{duration:1000,fill:'both'})</script>",
        "<svg width=96 height=54><rect width=10 height=54 fill=#fff>"
        "<animate attributeName=x from=0 to=60 dur=1s fill=freeze /></rect></svg>",
        BOX.format("")
        + "<script>const go=t=>{requestAnimationFrame(go);b.style.left=Math.min(60,t*.06)+'px'};requestAnimationFrame(go)</script>",
    ],
    ids=["css animation", "css transition", "web animation", "svg", "dom"],
)
def test_it_moves_with_the_clock(film: Film, moving: str) -> None:
    page = film(plain_page(moving))
    edges = [left_edge(page.draw(index)) for index in range(21)]
    # 60 pixels in a second: two a frame, from wherever the first frame found it.
    for index in (5, 10, 15, 20):
        assert edges[index] - edges[0] == pytest.approx(2 * index, abs=2.1)


def test_the_end_of_a_transition_is_told_at_its_time(film: Film) -> None:
    script = "<script>window.ended=0;b.ontransitionend=()=>{ended=performance.now()};onload=()=>{b.offsetLeft;"
    script += (
        "requestAnimationFrame(()=>{window.began=performance.now();b.style.transform='translateX(60px)'})}</script>"
    )
    page = film(plain_page(BOX.format("transition:transform .5s linear") + script))
    page.run(30)
    assert page.value("ended - began") == pytest.approx(500, abs=80)


def test_what_moves_in_a_shadow_tree_moves_with_the_clock(film: Film) -> None:
    script = """<div id=host></div><script>host.attachShadow({ mode: "closed" }).innerHTML =
    "<style>@keyframes go { to { transform: translateX(60px) } } div { position: absolute; width: 10px; height: 54px; background: #fff; animation: go 1s linear both }</style><div></div>";</script>"""
    page = film(plain_page(script))
    edges = [left_edge(page.draw(index)) for index in range(16)]
    assert edges[15] - edges[5] == pytest.approx(20, abs=2.1)


def test_a_drawing_that_comes_later_begins_at_its_beginning(film: Film) -> None:
    script = """<script>setTimeout(() => document.body.insertAdjacentHTML("beforeend", `<svg width=96 height=54 style="position:absolute;left:0;top:0"><rect width=10 height=54 fill=#fff>
    <animate attributeName=x from=0 to=60 dur=1s fill=freeze /></rect></svg>`), 1000);</script><p></p>"""
    page = film(plain_page(script))
    edges = []
    for index in range(50):
        picture = page.draw(index)
        if picture.max() > 128:
            edges.append(left_edge(picture))
    assert edges[0] <= 4
    assert edges[15] - edges[5] == pytest.approx(20, abs=2.1)


def test_what_follows_scrolling_is_left_to_it(film: Film) -> None:
    script = "<style>@keyframes go{to{transform:translateX(60px)}}#b{animation:go linear both;animation-timeline:scroll()}body{height:500px}</style>"
    page = film(
        plain_page(script + BOX.format("position:fixed;") + "<script>setTimeout(() => scrollTo(0, 223), 200)</script>")
    )
    assert left_edge(page.draw(0)) == 0
    assert left_edge(page.run(14, first=1)) == pytest.approx(30, abs=2)


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 3 s whose grey rises by four levels with each of its 25 frames a second."""
    path = tmp_path_factory.mktemp("video") / "steps.webm"
    source = "color=black:s=96x54:r=25:d=3,geq=lum='16+N*2':cb=128:cr=128"
    command = [
        str(find_ffmpeg()),
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        source,
        "-c:v",
        "libvpx",
        "-crf",
        "4",
        "-b:v",
        "2M",
        "-g",
        "1",
    ]
    subprocess.run([*command, "-y", str(path)], check=True)
    return path


def test_a_video_shows_the_clocks_time(film: Film, steps: Path, tmp_path: Path) -> None:
    (tmp_path / "steps.webm").write_bytes(steps.read_bytes())
    page = film(
        plain_page(
            "<video src=steps.webm muted autoplay style='position:absolute;left:0;top:0;width:96px;height:54px'></video>"
        )
    )
    levels = [int(page.draw(index)[27, 48, 0]) for index in range(60)]
    # Two levels of studio range a frame of the video: 2 * 255 / 219 * 25 / 30 for each of the film.
    wanted = [2 * 255 / 219 * 25 / 30 * index for index in range(60)]
    offset = levels[30] - wanted[30]
    assert max(abs(level - want - offset) for level, want in zip(levels[5:], wanted[5:], strict=True)) <= 4


@pytest.mark.parametrize("name", ["steps.webp", "steps.gif"])
def test_an_animated_picture_shows_the_films_time_however_slow_the_filming(
    film: Film, tmp_path: Path, name: str
) -> None:
    """Ten pictures a second: each is there for three frames, from the first frame on."""
    source = "color=black:s=96x54:r=10:d=1.2,geq=lum='if(mod(N,2),200,40)':cb=128:cr=128"
    command = [str(find_ffmpeg()), "-v", "error", "-f", "lavfi", "-i", source, "-loop", "0", str(tmp_path / name)]
    subprocess.run(command, check=True)
    page = film(plain_page(f"<img src={name} style='display:block'>"))
    time.sleep(0.25)
    seen = []
    for index in range(24):
        seen.append(int(page.draw(index)[27, 48, 0]) > 128)
        time.sleep(0.03 * (index % 3))
    assert seen == [index // 3 % 2 == 1 for index in range(24)]
