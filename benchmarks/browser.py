"""How fast pages are filmed: a 1080p canvas page, against a screenshot a frame; the page classic, against `wireframe`.

Run it alone on a machine: `python benchmarks/browser.py [SONG]`. Rates are frames a second of whole renders at 1080p30
but for the screenshots, whose frames go nowhere: a pipeline that encodes them too is slower still.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from oriel_fx import PageOptions, RenderSpec, render_video
from oriel_fx.render.demo_song import write_demo_song
from oriel_fx.render.engines.browser.chromium import find_chromium

SONG_S = 20.0
SHOTS = 60
PAGE = """<!doctype html><style>body{margin:0;background:#000}canvas{display:block}</style><canvas id=c></canvas>
<audio id=a src=song.mp3></audio><script>
c.width = innerWidth; c.height = innerHeight; const x = c.getContext("2d"); const ctx = new AudioContext();
const an = ctx.createAnalyser(); ctx.createMediaElementSource(a).connect(an); an.connect(ctx.destination);
const d = new Uint8Array(an.frequencyBinCount); a.play();
function draw() { requestAnimationFrame(draw); an.getByteFrequencyData(d);
  x.fillStyle = "#101018"; x.fillRect(0, 0, c.width, c.height); x.strokeStyle = "#f80";
  x.lineWidth = 8; x.beginPath();
  for (let i = 0; i < 96; i++) { const r = 250 + d[i * 4], t = i / 96 * 2 * Math.PI;
    x.moveTo(960 + 250 * Math.cos(t), 540 + 250 * Math.sin(t));
    x.lineTo(960 + r * Math.cos(t), 540 + r * Math.sin(t)); }
  x.stroke(); }
draw();
</script>"""


def rendered_fps(song: Path, folder: Path, spec: RenderSpec, page: PageOptions | None = None) -> float:
    """Frames a second from the first frame drawn to the last encoded."""
    began: list[float] = []
    done: list[float] = []

    def watch(progress: object) -> None:
        stage = getattr(progress, "stage", "")
        if stage == "draw" and not began:
            began.append(time.monotonic())
        if stage == "join":
            done.append(time.monotonic())

    result = render_video(song, folder / "out.mp4", spec, page=page, force=True, on_progress=watch)
    return result.n_frames / (done[0] - began[0])


def screenshot_fps(page: Path) -> float:
    """The same page driven with a JPEG screenshot a frame."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium().path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1920, "height": 1080})
        tab.goto(page.as_uri())
        tab.screenshot(type="jpeg")
        began = time.monotonic()
        for _ in range(SHOTS):
            tab.evaluate("new Promise(requestAnimationFrame)")
            tab.screenshot(type="jpeg", quality=90)
        took = time.monotonic() - began
        browser.close()
    return SHOTS / took


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        song = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "song.wav"
        if not song.exists():
            write_demo_song(song, SONG_S)
        page = folder / "page.html"
        page.write_text(PAGE)
        full = {"output": {"size": "1080p", "fps": 30}}
        filmed = rendered_fps(song, folder, RenderSpec.from_config(full), PageOptions(str(page)))
        shots = screenshot_fps(page)
        native = rendered_fps(song, folder, RenderSpec.from_config({"preset": "classic", **full}))
        bundled = rendered_fps(song, folder, RenderSpec.from_config({"page": "classic", **full}))
    print(f"canvas page filmed        {filmed:6.1f} fps")
    print(f"a screenshot a frame      {shots:6.1f} fps   filmed is {filmed / shots:.1f} times that")
    print(f"native wireframe          {native:6.1f} fps")
    print(f"page classic              {bundled:6.1f} fps   {native / bundled:.2f} times slower")


if __name__ == "__main__":
    main()
