"""The bundled page through the whole service: bought over HTTP, filmed by a worker's Chromium, delivered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from tests.e2e.test_journey import ROOT, service
from tests.processes import processes_naming, wait_until
from tests.songs import ffmpeg, music, write_wav

CONFIG = {
    "page": "classic",
    "shape": "torusKnot",
    "baseColor": "#ff8000",
    "output": {"size": "640x360", "fps": 30, "quality": "draft", "duration": 5},
}
BUY = f"import sys; sys.path.insert(0, {str(ROOT / 'examples')!r}); import journey; journey.CONFIG = {CONFIG!r}; "


def test_a_bought_page_is_filmed_and_no_browser_stays(tmp_path: Path) -> None:
    write_wav(tmp_path / "song.wav", music(6))
    ffmpeg("-i", tmp_path / "song.wav", tmp_path / "song.mp3")
    data, video = tmp_path / "data", tmp_path / "video.mp4"
    with service(data) as url:
        words = [tmp_path / "song.mp3", video, "--url", url, "--outbox", data / "outbox"]
        command = [sys.executable, "-c", BUY + "journey.main()", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "serve.log").read_text()[-3000:]
    raw = ffmpeg("-i", video, "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
    frames = np.frombuffer(raw, np.uint8).reshape(150, 360, 640, 3)
    # Orange lines on black, and moving.
    lit = frames[100, ..., 0] > 150
    assert 1000 < lit.sum() < 100_000
    assert frames[100, lit, 2].mean() < 90
    assert (frames[20] != frames[100]).any()
    wait_until(lambda: not processes_naming(str(data)), 20)
