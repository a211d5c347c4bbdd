"""What moves without scripts moves with the clock: CSS, Web Animations, SVG."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

import pytest
from numpy.typing import NDArray
from tests.browser.conftest import Film
from tests.browser.pages import plain_page

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
