"""What is clear in a page is clear in the video, where its file can be."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.browser.pages import canvas_page, plain_page
from tests.songs import ffmpeg, music, write_wav

from oriel_fx import PageOptions, RenderSpec, UsageError, render_video
from oriel_fx.render.encode.probe import probe

SIZE = (96, 64)
HALF_RED = "rgba(255, 0, 0, 0.5)"
# From left to right: half red, blue, nothing.
TWO_D = f"""document.body.style.background = "none"; const x = c.getContext("2d");
const draw = () => {{ requestAnimationFrame(draw); x.clearRect(0, 0, 96, 64); x.fillStyle = "{HALF_RED}"; x.fillRect(0, 0, 32, 64);
x.fillStyle = "#00f"; x.fillRect(32, 0, 32, 64); }}; draw();"""
GL = """document.body.style.background = "none"; const gl = c.getContext("webgl2", OPTIONS); gl.enable(gl.SCISSOR_TEST);
const box = (x, r, g, b, a) => { gl.scissor(x, 0, 32, 64); gl.clearColor(r, g, b, a); gl.clear(gl.COLOR_BUFFER_BIT); };
const draw = () => { requestAnimationFrame(draw); box(0, RED, 0, 0, 0.5); box(32, 0, 0, 1, 1); box(64, 0, 0, 0, 0); }; draw();"""
PAGES = {
    "2d": canvas_page(TWO_D),
    "webgl": canvas_page(GL.replace("OPTIONS", "{}").replace("RED", "0.5")),
    "webgl, straight": canvas_page(GL.replace("OPTIONS", "{ premultipliedAlpha: false }").replace("RED", "1")),
    "dom": plain_page(
        f"<style>body{{background:none!important}}div{{float:left;width:32px;height:64px}}</style>"
        f"<div style='background:{HALF_RED}'></div><div style='background:#00f'></div>"
    ),
}
SPEC = RenderSpec.from_config({"output": {"size": "96x64", "fps": 10}})


@pytest.fixture(scope="module")
def short_song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("song") / "song.wav", music(1.0))


def decoded(video: Path) -> NDArray[np.uint8]:
    """Every frame as RGBA, colours their own. ffmpeg's own VP9 decoder knows no alpha; the library's does."""
    decoder = ["-c:v", "libvpx-vp9"] if video.suffix == ".webm" else []
    bt709 = "scale=in_color_matrix=bt709:in_range=tv"
    raw = ffmpeg(*decoder, "-i", video, "-vf", bt709, "-f", "rawvideo", "-pix_fmt", "rgba", "pipe:1")
    return np.frombuffer(raw, np.uint8).reshape(-1, SIZE[1], SIZE[0], 4)


@pytest.mark.parametrize("ending", [".mov", ".webm"])
@pytest.mark.parametrize("page", PAGES)
def test_alpha_reaches_the_file(short_song: Path, tmp_path: Path, page: str, ending: str) -> None:
    (tmp_path / "page.html").write_text(PAGES[page])
    video = tmp_path / f"out{ending}"
    result = render_video(short_song, video, SPEC, page=PageOptions(str(tmp_path / "page.html")))
    frames = decoded(video).astype(int)
    assert result.n_frames == len(frames) == 10
    for column, color in ((16, (255, 0, 0, 128)), (48, (0, 0, 255, 255))):
        assert np.abs(frames[5, 8:56, column] - color).max() <= 6
    assert frames[5, :, 72:, 3].max() <= 2
    # The edge of the half red is as red as its middle: what is clear beside it does not darken it.
    assert frames[5, 8:56, 30, 0].min() > 240


def test_a_page_with_a_ground_of_its_own_hides_what_is_behind_it(short_song: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGES["2d"].replace('"none"', '"#080"'))
    render_video(short_song, tmp_path / "out.webm", SPEC, page=PageOptions(str(tmp_path / "page.html")))
    frames = decoded(tmp_path / "out.webm").astype(int)
    assert frames[..., 3].min() == 255
    assert np.abs(frames[5, 32, 80] - (0, 136, 0, 255)).max() <= 6


def test_the_bundled_page_floats_on_nothing(short_song: Path, tmp_path: Path) -> None:
    spec = RenderSpec.from_config({"page": "classic", "baseColor": "#ff0000", "output": {"size": "96x64", "fps": 10}})
    render_video(short_song, tmp_path / "out.mov", spec)
    picture = decoded(tmp_path / "out.mov")[5].astype(int)
    lines = picture[..., 3] > 200
    assert 50 < lines.sum() < 3000 and picture[0, 0, 3] == 0
    assert picture[lines, 0].mean() > 150


def test_a_long_webm_keeps_its_grid_and_its_alpha_over_the_joins(tmp_path: Path) -> None:
    song = write_wav(tmp_path / "long.wav", music(26.0))
    (tmp_path / "page.html").write_text(PAGES["2d"])
    spec = RenderSpec.from_config({"output": {"size": "96x64", "fps": "30000/1001"}})
    result = render_video(song, tmp_path / "out.webm", spec, page=PageOptions(str(tmp_path / "page.html")))
    found = probe(tmp_path / "out.webm").video
    assert found and found.packets == result.n_frames and found.even
    assert found.end_s == pytest.approx(result.n_frames * 1001 / 30000, abs=0.002)
    alpha = decoded(tmp_path / "out.webm")[..., 3]
    assert alpha[:, :, 72:].max() <= 2 and alpha[:, :, 48].min() >= 250


def test_only_pages_can_be_clear(short_song: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mp4"):
        render_video(short_song, tmp_path / "out.mov", SPEC)
    with pytest.raises(UsageError, match="mp4"):
        render_video(short_song, tmp_path / "out.avi", SPEC, page=PageOptions(str(tmp_path)))
