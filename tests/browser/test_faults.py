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
