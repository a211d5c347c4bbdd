"""What moves without scripts moves with the clock: CSS, Web Animations, SVG."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

import subprocess
import time
from itertools import pairwise
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


STEERED = {
    "paused and played": ("setTimeout(() => A.pause(), 500); setTimeout(() => A.play(), 800)", 1000, 70),
    "played again": ("setTimeout(() => A.play(), 500)", 1000, 100),
    "placed": ("setTimeout(() => { A.currentTime = 200 }, 500)", 800, 50),
    "scrubbed": ("A.pause(); const go = t => { requestAnimationFrame(go); A.currentTime = t / 2 }; go(0)", 1000, 50),
    "placed as it runs": ("const go = t => { requestAnimationFrame(go); A.currentTime = t / 2 }; go(0)", 1000, 50),
    "placed by its start": ("setTimeout(() => { A.startTime = document.timeline.currentTime - 1000 }, 500)", 600, 110),
    "finished": ("setTimeout(() => A.finish(), 500)", 600, 200),
    "asked": ("setTimeout(() => { if (A.playState === 'running') A.pause() }, 500)", 1000, 50),
}


@pytest.mark.parametrize("name", STEERED)
def test_an_animation_that_the_page_steers(film: Film, name: str) -> None:
    """A box that goes 200 pixels in two seconds, a tenth of a pixel each millisecond."""
    script, at_ms, left = STEERED[name]
    box = "<div id=b style='position:absolute;width:2px;height:54px;background:#fff'></div>"
    begin = "const A = b.animate([{ left: '0px' }, { left: '200px' }], { duration: 2000, fill: 'both' });"
    page = film(plain_page(f"{box}<script>{begin} {script}</script>"))
    index = round(at_ms / 1000 * 30)
    page.run(index + 1)
    # As seen at some frame soon after: the page began some frames before the film.
    now_ms = page.value("performance.now()")
    moved = {
        "paused and played": 1,
        "played again": 1,
        "placed": 1,
        "scrubbed": 0.5,
        "placed as it runs": 0.5,
        "placed by its start": 1,
    }
    assert page.value("parseFloat(getComputedStyle(b).left)") == pytest.approx(
        left + (now_ms - at_ms) / 10 * moved.get(name, 0), abs=7
    )


def test_one_animation_after_another_takes_its_own_time(film: Film) -> None:
    script = """<div id=b></div><script>window.ends = []; (async () => { for (let i = 0; i < 5; i++) {
    await b.animate([{ opacity: 0 }, { opacity: 1 }], 100).finished; ends.push(performance.now()); } })();</script>"""
    page = film(plain_page(script))
    page.run(25)
    ends = page.value("ends")
    assert [b - a for a, b in pairwise(ends)] == pytest.approx([400 / 3] * 4, abs=34)


def test_words_and_pictures_of_a_medium_come_at_its_time(film: Film, steps: Path, tmp_path: Path) -> None:
    (tmp_path / "words.vtt").write_text("WEBVTT\n\n00:00.200 --> 00:00.400\nOne\n\n00:00.500 --> 00:00.800\nTwo\n")
    (tmp_path / "steps.webm").write_bytes(steps.read_bytes())
    script = """<audio id=a src=song.wav autoplay><track default kind=metadata src=words.vtt></audio>
    <video id=v src=steps.webm muted autoplay width=96></video><script>window.cues = []; window.shown = [];
    a.textTracks[0].oncuechange = ({ target }) => cues.push([a.currentTime, [...target.activeCues].map(cue => cue.text).join()]);
    const next = (now, { mediaTime }) => { shown.push(mediaTime); v.requestVideoFrameCallback(next); }; v.requestVideoFrameCallback(next);</script>"""
    page = film(plain_page(script))
    page.run(30)
    cues = page.value("cues")
    assert [text for _, text in cues] == ["One", "", "Two", ""]
    assert [time_s for time_s, _ in cues] == pytest.approx([0.2, 0.4, 0.5, 0.8], abs=0.034)
    assert len(page.value("shown")) >= 28
