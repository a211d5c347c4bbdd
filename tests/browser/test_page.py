"""Getting a page to play: buttons, file inputs, waiting, the contract; and finished videos."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from tests.browser.conftest import SONG_S, Film, Filmed
from tests.browser.pages import canvas_page
from tests.songs import clicks, decoded_light, decoded_sound, write_wav

from oriel_fx import PageOptions, RenderSpec, render_video
from oriel_fx.render.engines.browser.engine import BrowserEngine, SongFacts

PLAYER = """const ctx = new AudioContext(); const src = ctx.createMediaElementSource(a); const an = ctx.createAnalyser();
an.fftSize = 2048; an.smoothingTimeConstant = 0; src.connect(an); an.connect(ctx.destination);
const wave = new Uint8Array(2048); const level = () => { an.getByteTimeDomainData(wave); return Math.max(...wave) - 128; };"""


def test_a_play_button_is_clicked(film: Film) -> None:
    markup = "<audio id=a src=song.wav></audio><button id=go>Play</button>"
    script = "go.onclick = () => { a.play(); go.remove(); }; run(n => '#fff', () => a.currentTime);"
    page = film(canvas_page(script, markup), clicks=("#go",))
    page.run(12)
    seen = page.value("seen")
    assert seen[-1] - seen[0] > 0.3 and page.engine._from_ring


LATE = {
    "made later": "setTimeout(() => { const b = document.createElement('button'); b.id = 'go'; b.textContent = 'Go'; b.onclick = go; document.body.append(b); }, 700);",
    "enabled later": "document.body.insertAdjacentHTML('beforeend', '<button id=go disabled>Go</button>'); const b = document.getElementById('go'); b.onclick = go; let k = 0; const wait = () => { if (k++ > 20) b.disabled = false; else requestAnimationFrame(wait); }; wait();",
    "covered at first": "document.body.insertAdjacentHTML('beforeend', '<button id=go>Go</button><div id=splash style=\"position:fixed;inset:0\"></div>'); document.getElementById('go').onclick = go; setTimeout(() => splash.remove(), 600);",
}


@pytest.mark.parametrize("name", LATE)
def test_a_button_that_comes_in_the_pages_own_time_is_clicked_then(film: Film, name: str) -> None:
    script = f"const go = event => {{ window.clicked = performance.now(); event.target.remove(); a.play(); }}; {LATE[name]} run(n => '#fff', () => a.currentTime);"
    found = []
    for _ in range(2):
        page = film(canvas_page(script, "<audio id=a src=song.wav></audio>"), clicks=("#go",))
        page.run(3)
        found.append(page.value("[clicked, seen.length, a.currentTime]"))
    assert 500 < found[0][0] < 1000 and found[0][0] == found[1][0]


def test_a_second_click_waits_for_what_the_first_one_brings(film: Film) -> None:
    markup = "<audio id=a src=song.wav></audio><button id=one>One</button>"
    script = """one.onclick = () => { one.remove(); setTimeout(() => { document.body.insertAdjacentHTML("beforeend", "<button id=two>Two</button>");
    two.onclick = () => { two.remove(); a.play(); }; }, 400); }; run(n => "#fff");"""
    page = film(canvas_page(script, markup), clicks=("#one", "#two"))
    page.run(6)
    assert page.value("a.currentTime") > 0.1


def test_the_song_is_loaded_once_whatever_its_file(film: Film) -> None:
    for source in ("song.wav", "missing.mp3"):
        markup = f"<audio id=a src={source}></audio>"
        script = """window.told = []; for (const name of ["loadedmetadata", "canplay", "canplaythrough", "error"]) a.addEventListener(name, () => told.push(name));
        a.addEventListener("canplaythrough", () => a.play()); run(n => "#fff");"""
        page = film(canvas_page(script, markup))
        page.run(8)
        assert page.value("told") == ["loadedmetadata", "canplay", "canplaythrough"]
        assert page.value("a.currentTime") > 0.1


def test_getting_ready_may_wait_for_the_song(film: Film) -> None:
    script = "oriel.ready = () => new Promise(done => { window.a = new Audio(oriel.song); a.oncanplaythrough = done; }); run(n => '#fff');"
    page = film(canvas_page(script))
    page.run(1)
    assert page.value("a.duration") == pytest.approx(SONG_S)


def test_getting_ready_may_take_the_pages_own_time(film: Film) -> None:
    script = """oriel.ready = async () => { await new Promise(done => setTimeout(done, 500)); await new Promise(requestAnimationFrame); window.at = performance.now(); };
    oriel.frame = n => { window.first ??= performance.now(); }; run(n => "#fff");"""
    page = film(canvas_page(script))
    page.run(2)
    assert 500 <= page.value("at") <= page.value("first") <= 700


INNER = """<body style='margin:0;background:#000'><div id=b style='position:absolute;width:10px;height:54px;background:#fff'></div><script>
window.times = []; const go = t => { requestAnimationFrame(go); times.push([t, performance.now()]); b.style.left = times.length * 2 + "px"; }; requestAnimationFrame(go);
window.ticks = 0; setInterval(() => ticks++, 100);</script>"""


def test_a_frame_within_the_page_is_stepped_with_it(film: Film, tmp_path: Path) -> None:
    (tmp_path / "inner.html").write_text(INNER)
    page = film(
        "<!doctype html><iframe src=inner.html style='position:fixed;inset:0;width:96px;height:54px;border:0'></iframe>"
    )
    edges = [int((page.draw(index)[27, :, 0] > 128).argmax()) for index in range(20)]
    assert np.diff(edges[2:]).tolist() == [2] * 17
    assert page.value("frames[0].ticks") == pytest.approx(20 / 3, abs=1.1)


def test_a_file_input_gets_the_song(film: Film) -> None:
    markup = "<audio id=a></audio><input type=file id=f style='display:none'>"
    script = (
        PLAYER
        + "f.onchange = () => { window.name_ = f.files[0].name; a.src = URL.createObjectURL(f.files[0]); a.play(); };"
    )
    page = film(canvas_page(script + "run(n => '#fff', level);", markup), inputs=("#f",))
    page.run(25)
    assert page.value("name_") == "song.wav"
    assert max(page.value("seen")[5:]) > 10


def test_waiting_for_an_element(film: Film) -> None:
    script = "setTimeout(() => { document.body.dataset.ready = 1; window.at = n; }, 500); let n = 0; run(() => { n++; return '#fff'; });"
    page = film(canvas_page(script), wait_for="[data-ready]")
    page.run(1)
    assert page.value("at") == pytest.approx(15, abs=2)


def test_the_contract(film: Film) -> None:
    script = """const x = c.getContext("2d"); window.calls = [];
    oriel.ready = async () => { window.answer = (await fetch(oriel.song)).headers.get("content-length"); };
    oriel.frame = async (n, t) => { calls.push([n, t]); x.fillStyle = `rgb(${n}, 0, 0)`; x.fillRect(0, 0, 96, 54); };"""
    page = film(canvas_page(script), config={"colour": "red", "deep": {"er": 1}})
    page.run(10)
    assert page.value("calls")[:10] == [[n, pytest.approx(n / 30)] for n in range(10)]
    assert page.value("[oriel.config, oriel.fps, oriel.size]") == [
        {"colour": "red", "deep": {"er": 1}},
        30,
        {"width": 96, "height": 54},
    ]
    assert int(page.value("answer")) > 100_000


def test_a_seekable_page_starts_anywhere(film: Film) -> None:
    script = """oriel.seekable = true; const x = c.getContext("2d"); window.calls = [];
    oriel.frame = n => { calls.push(n); x.fillStyle = `rgb(${n * 2}, ${Math.random() * 255}, 0)`; x.fillRect(0, 0, 96, 54); };"""
    page = film(canvas_page(script))
    assert page.engine.seekable
    far = page.draw(100)
    assert page.value("calls")[0] == 100
    page.run(10)
    assert (page.draw(100) == far).all()


FLASH = canvas_page(PLAYER + "a.play(); run(() => level() > 4 ? '#fff' : '#000');", "<audio id=a src=song.wav></audio>")


@pytest.fixture(scope="module")
def flashes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[float]]:
    """A page that flashes at each click of a song of 30 s, its song, and the clicks' times."""
    folder = tmp_path_factory.mktemp("flashes")
    times = [0.51 + 1.37 * i for i in range(21)]
    song = write_wav(folder / "song.wav", clicks(times, 30.0, length_s=0.04))
    (folder / "page.html").write_text(FLASH)
    return folder / "page.html", song, times


SMALL = RenderSpec.from_config({"output": {"size": "96x54", "fps": 25, "quality": "draft"}})


def test_picture_and_sound_agree_in_the_finished_video(flashes: tuple[Path, Path, list[float]], tmp_path: Path) -> None:
    page, song, times = flashes
    result = render_video(song, tmp_path / "out.mp4", SMALL, page=PageOptions(str(page)))
    assert result.n_frames == 750
    light, sound = decoded_light(result.output), np.abs(decoded_sound(result.output))
    for time_s in times:
        at = int(time_s * 25)
        flash = next(index for index in range(at - 3, at + 6) if light[index] > 0.5) / 25
        start = round((time_s - 0.2) * 44100)
        click = (start + int(np.argmax(sound[start : start + 17640] > 0.1))) / 44100
        assert abs(click - time_s) < 0.01
        assert -0.001 <= flash - time_s <= 0.041


def test_a_stopped_film_goes_on_where_it_was(flashes: tuple[Path, Path, list[float]], tmp_path: Path) -> None:
    from oriel_fx import RenderCancelledError

    page, song, _ = flashes
    options = PageOptions(str(page))
    whole = render_video(song, tmp_path / "a.mp4", SMALL, page=options, frame_hashes=tmp_path / "a.txt")
    drawn: list[int] = [0]
    with pytest.raises(RenderCancelledError):
        render_video(
            song,
            tmp_path / "b.mp4",
            SMALL,
            page=options,
            frame_hashes=tmp_path / "b.txt",
            on_progress=lambda progress: drawn.append(progress.frames),
            cancelled=lambda: drawn[-1] > 500,
        )
    again = render_video(song, tmp_path / "b.mp4", SMALL, page=options, frame_hashes=tmp_path / "b.txt")
    assert whole.reused_frames == 0 < again.reused_frames
    assert (tmp_path / "a.txt").read_text() == (tmp_path / "b.txt").read_text()


def test_several_browsers_film_what_one_would(song: Path, tmp_path: Path) -> None:
    long = write_wav(tmp_path / "long.wav", np.zeros(44100 * 24))
    spec = RenderSpec.from_config({"page": "classic", "output": {"size": "96x54", "fps": 10, "quality": "draft"}})
    for jobs in (1, 2):
        render_video(long, tmp_path / f"{jobs}.mp4", spec, jobs=jobs, frame_hashes=tmp_path / f"{jobs}.txt")
    assert (tmp_path / "1.txt").read_text() == (tmp_path / "2.txt").read_text()
    assert (tmp_path / "1.mp4").read_bytes() == (tmp_path / "2.mp4").read_bytes()
    assert SONG_S


def test_an_elements_controls_show_the_songs_time(film: Film) -> None:
    markup = "<style>body{margin:0}audio{width:320px;height:54px;display:block}</style><audio id=a controls autoplay src=song.wav></audio>"
    told = "<script>window.told = []; for (const name of ['timeupdate', 'seeked', 'play']) a.addEventListener(name, e => told.push(e.isTrusted));</script>"
    page = film("<!doctype html>" + markup + told, size=(320, 54))
    first, last = page.draw(2).astype(int), page.run(95, first=3).astype(int)
    # The bar of what has been played has grown, and the numbers have changed.
    assert (np.abs(first - last).max(axis=2) > 60).sum() > 30
    assert page.value("told.length") > 10 and not any(page.value("told"))


def test_a_page_that_can_seek_is_opened_anew_now_and_then(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oriel_fx.render.engines.browser.engine.RECYCLE_FRAMES", 8)
    script = """oriel.seekable = true; const x = c.getContext("2d"); window.drawn = 0;
    oriel.frame = n => { drawn++; x.fillStyle = `rgb(${n * 4}, ${Math.random() * 255}, 0)`; x.fillRect(0, 0, 96, 54); };"""
    page = film(canvas_page(script))
    pictures = [page.draw(index) for index in range(20)]
    assert page.value("drawn") < 20
    assert all(abs(int(picture[27, 48, 0]) - 4 * index) <= 4 for index, picture in enumerate(pictures))
    assert (page.draw(3) == pictures[3]).all()


def test_an_audio_element_of_a_scripts_own_plays_by_itself(film: Film) -> None:
    own = "window.a = new Audio(); a.autoplay = true; a.src = 'x.mp3';"
    within = """const host = document.createElement("div"); document.body.append(host);
    const root = host.attachShadow({ mode: "open" }); root.innerHTML = "<audio src=x.mp3 autoplay></audio>"; window.a = root.firstChild;"""
    for script in (own, within):
        page = film(canvas_page(script + "run(n => '#fff');"))
        page.run(10)
        assert 0.29 < page.value("a.currentTime") < 0.7


def test_what_loads_slowly_is_there_in_the_frame_that_asked_for_it(film: Film, song: Path, tmp_path: Path) -> None:
    """A server that takes a fifth of a second: the clock stands for a script, a style and a picture all the same."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    files = {
        "/page.html": canvas_page(
            """let k = 0; run(() => { if (k++ === 5) { for (const [tag, name, value] of [["script", "src", "late.js"], ["link", "href", "late.css"], ["img", "src", "late.svg"]]) {
            const made = document.createElement(tag); if (tag === "link") made.rel = "stylesheet"; made.setAttribute(name, value); made.style.cssText = "position:absolute;left:-99px";
            made.onload = () => (window.came ??= []).push([tag, k]); document.head.append(made); if (tag === "img") document.body.append(made); } } return "#fff"; });"""
        ),
        "/late.js": "window.late = 1",
        "/late.css": "b { color: red }",
        "/late.svg": "<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>",
    }
    kinds = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.get(self.path, "").encode()
            time.sleep(0.0 if self.path == "/page.html" else 0.2)
            self.send_response(200 if body else 404)
            self.send_header("content-type", kinds.get(self.path.rpartition(".")[2], "text/plain"))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = film_at(f"http://localhost:{server.server_address[1]}/page.html", song)
        try:
            page.run(12)
            assert sorted(page.value("came")) == [["img", 6], ["link", 6], ["script", 6]]
        finally:
            page.engine.close()
            server.shutdown()


def test_what_is_never_loaded_is_not_waited_for(film: Film) -> None:
    markup = """<script nomodule src=old.js></script><script type="text/x-shader" src=a.glsl></script>
    <link rel=stylesheet disabled href=off.css><link rel="alternate stylesheet" title=other href=other.css><img loading=lazy src=late.png style="margin-top:9999px">"""
    began = time.monotonic()
    film(canvas_page("run(n => '#fff');", markup)).run(3)
    assert time.monotonic() - began < 7


def film_at(address: str, song: Path) -> Filmed:
    spec = RenderSpec.from_config({"output": {"size": "96x54"}})
    return Filmed(BrowserEngine(PageOptions(address), SongFacts(song, SONG_S), spec, 100), (96, 54))
