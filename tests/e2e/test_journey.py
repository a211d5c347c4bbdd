"""The whole service as its users meet it: `oriel serve`, and the example that buys a video from it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from tests.cli.conftest import ORIEL
from tests.processes import processes_naming, wait_until
from tests.server.processes import free_port
from tests.songs import ffmpeg, music, write_wav

ROOT = Path(__file__).parents[2]


@contextmanager
def service(data: Path) -> Iterator[str]:
    """`oriel serve` with nothing but a data folder; its address, once it is ready."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ORIEL_", "RAILWAY_", "STRIPE_"))}
    env["ORIEL_DATA_DIR"] = str(data)
    log = (data.parent / "serve.log").open("wb")
    command = [str(ORIEL), "serve", "--port", str(port)]
    server = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: server.poll() is not None or _is_ready(url), 60)
        assert server.poll() is None, (data.parent / "serve.log").read_text()
        yield url
    finally:
        server.terminate()
        try:
            server.wait(timeout=90)
        finally:
            server.kill()
            log.close()


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/ready", timeout=2).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


@pytest.fixture
def song(tmp_path: Path) -> Path:
    write_wav(tmp_path / "song.wav", music(12))
    ffmpeg("-i", tmp_path / "song.wav", "-metadata", "title=Glass Hours", tmp_path / "song.mp3")
    return tmp_path / "song.mp3"


def test_a_customer_gets_a_video_and_a_mail(song: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with service(data) as url:
        words = [song, tmp_path / "video.mp4", "--url", url, "--outbox", data / "outbox"]
        done = subprocess.run(
            [sys.executable, str(ROOT / "examples/journey.py"), *map(str, words)],
            capture_output=True,
            text=True,
            timeout=200,
        )
    assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "serve.log").read_text()[-3000:]
    for said in ("402", "paid on the checkout page", "completed", "payment: completed", "checked: 5 s", "mail: "):
        assert said in done.stdout
    wait_until(lambda: not processes_naming(str(data)), 20)
