"""Pages that cannot be filmed end in one clear error, soon, and leave no browser behind."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest
from tests.browser.conftest import Film
from tests.browser.pages import canvas_page
from tests.processes import processes_naming

from oriel_fx import PageError, PageOptions, UsageError

RUN = "run(n => '#fff');"
FAULTS = {
    "throws at once": ("throw new Error('no such thing')", "no such thing .before the first frame."),
    "throws later": ("let n = 0; run(() => { if (n++ === 5) null.x; return '#fff'; })", "at frame 4"),
    "throws in its frame": (
        RUN + "oriel.frame = n => { if (n === 3) throw new TypeError('no frame') }",
        "TypeError: no frame .at frame 3.",
    ),
    "throws getting ready": (RUN + "oriel.ready = () => { throw new Error('not so') }", "Error: not so .before"),
    "leaves while loading": ("location.href = 'elsewhere.html'", "went away"),
    "reloads": (RUN + "setTimeout(() => location.reload(), 100)", "went away"),
    "rejects": (RUN + "setTimeout(() => Promise.reject(new Error('late')), 100)", "late"),
    "goes away": (RUN + "setTimeout(() => { location.href = 'elsewhere.html' }, 100)", "went away"),
    "asks": (RUN + "setTimeout(() => alert('Hello'), 100)", "dialog: 'Hello'"),
    "loops while loading": ("while (true);", "longer than 2 s"),
    "loops later": (RUN + "setTimeout(() => { while (true); }, 100)", "longer than 2 s"),
    "never ready": (RUN + "oriel.ready = () => new Promise(() => {})", "longer than 2 s"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_page_that_cannot_be_filmed(film: Film, name: str) -> None:
    script, said = FAULTS[name]
    began = time.monotonic()
    with pytest.raises(PageError, match=said):
        film(canvas_page(script), timeout_s=2.0).run(30)
    assert time.monotonic() - began < 12


def test_what_a_page_deals_with_itself_does_not_end_the_film(film: Film) -> None:
    script = """window.onerror = () => true; addEventListener("unhandledrejection", event => event.preventDefault());
    setTimeout(() => { throw new Error("known"); }, 100); setTimeout(() => Promise.reject(new Error("known too")), 150);
    history.pushState({}, "", "?scene=2"); setTimeout(() => history.replaceState({}, "", "/other/path"), 200);
    const box = document.createElement("div"); document.body.append(box); box.style.cssText = "position:absolute;top:-9px";
    new ResizeObserver(() => { box.style.width = box.offsetWidth + 1 + "px"; }).observe(box);
    run(n => { box.style.height = n % 2 + "px"; return "#0f0"; });"""
    page = film(canvas_page(script))
    assert page.run(20)[27, 48, 1] > 200
    page = film(canvas_page(script), capture="screenshot")
    assert page.run(10)[27, 48, 1] > 200


def test_an_error_brings_what_was_complained_of_before(film: Film) -> None:
    script = RUN + "console.error('no shader'); setTimeout(() => { throw new Error('so no picture'); }, 100)"
    with pytest.raises(PageError, match="so no picture") as raised:
        film(canvas_page(script)).run(20)
    assert "no shader (before the first frame)" in raised.value.hint


def test_pages_filmed_in_parts_complain_all_the_same(song: Path, tmp_path: Path) -> None:
    from oriel_fx import RenderSpec, render_video

    script = (
        "oriel.seekable = true; oriel.frame = n => { if (n === 95) console.error('odd thing'); }; run(n => '#fff');"
    )
    (tmp_path / "page.html").write_text(canvas_page(script))
    spec = RenderSpec.from_config({"output": {"size": "96x54", "fps": 30, "quality": "draft"}})
    page = PageOptions(str(tmp_path / "page.html"))
    result = render_video(song, tmp_path / "out.mp4", spec, page=page, jobs=2)
    assert [text for text in result.warnings if "odd thing" in text] == ["The page complained: odd thing (at frame 95)"]


def test_no_browser_is_left_behind(film: Film) -> None:
    page = film(canvas_page(RUN + "setTimeout(() => { while (true); }, 100)"), timeout_s=2.0)
    session = page.engine._session
    assert session
    profile = session.profile
    assert processes_naming(str(profile))
    with pytest.raises(PageError):
        page.run(10)
    page.engine.close()
    assert not processes_naming(str(profile))
    assert not profile.exists()


def test_a_selector_that_names_nothing_is_told(film: Film) -> None:
    with pytest.raises(PageError, match="--wait-for"):
        film(canvas_page(RUN), wait_for="#never")
    with pytest.raises(PageError, match="--input"):
        film(canvas_page(RUN), inputs=("#never",), timeout_s=3.0)


def test_nothing_leaves_the_machine(film: Film) -> None:
    """A server on another port of this machine stands for the world: not one connection comes."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as world:
        port = world.getsockname()[1]
        threading.Thread(target=lambda: came.append(world.accept()), daemon=True).start()
        script = f"""{RUN} window.refused = 0; const no = () => refused++;
        fetch("http://127.0.0.1:{port}/a").then(r => r.status === 403 && no(), no);
        fetch("https://example.com/").catch(no); const i = new Image(); i.onerror = no; i.src = "http://localhost:{port}/b";
        new WebSocket("ws://127.0.0.1:{port}/").onerror = no; navigator.sendBeacon("http://127.0.0.1:{port}/c", "x");
        const s = document.createElement("script"); s.src = "https://cdn.example.com/three.js"; s.onerror = no; document.head.append(s);"""
        page = film(canvas_page(script))
        page.run(10)
        assert page.value("refused") >= 4
        time.sleep(0.3)
        assert not came
        warnings = " ".join(page.engine.warnings())
        assert "example.com" in warnings and "--allow-network" in warnings


def test_a_local_server_may_be_filmed_when_it_is_named(film: Film, song: Path, tmp_path: Path) -> None:
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path))  # type: ignore[arg-type]

    from oriel_fx import RenderSpec
    from oriel_fx.render.engines.browser.engine import BrowserEngine, SongFacts
    from oriel_fx.render.pixels import Planes, to_rgb

    (tmp_path / "there.html").write_text(canvas_page("run(n => '#0f0')"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = PageOptions(f"http://localhost:{server.server_address[1]}/there.html")
        spec = RenderSpec.from_config({"output": {"size": "96x54"}})
        engine = BrowserEngine(options, SongFacts(song, 4.0), spec, 10)
        try:
            planes = Planes.empty(96, 54)
            engine.draw(0, planes)
            assert abs(to_rgb(planes)[20, 20].astype(int) - (0, 255, 0)).max() <= 3
        finally:
            engine.close()
            server.shutdown()


def test_places_that_are_none(tmp_path: Path) -> None:
    for source in (str(tmp_path / "none.html"), str(tmp_path), "https://example.com/page.html"):
        with pytest.raises(UsageError):
            PageOptions(source).place()
    assert (
        PageOptions("https://example.com/page.html", allow_network=True).place().url == "https://example.com/page.html"
    )


def test_what_the_page_complains_of_is_told_with_its_frame(film: Film) -> None:
    page = film(canvas_page("let n = 0; run(() => { if (n++ === 3) console.error('odd thing'); return '#fff'; })"))
    page.run(8)
    assert any("odd thing (at frame 2)" in warning for warning in page.engine.warnings())


def test_the_library_does_not_need_playwright(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "import oriel_fx.render.pipeline, oriel_fx.cli.render, sys; sys.exit('playwright' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_page_that_asks_without_end_or_wants_a_service_worker_is_filmed(film: Film, tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text("{}")
    script = """navigator.serviceWorker.register("sw.js").then(found => found.scope);
    (async () => { for (;;) await (await fetch("status.json")).json(); })(); run(n => "#0f0");"""
    page = film(canvas_page(script), timeout_s=10.0)
    assert page.run(5)[27, 48, 1] > 200
