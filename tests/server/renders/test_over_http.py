"""A real server process: streaming both ways, its memory, and an upload that breaks off."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from tests.server.processes import free_port
from tests.server.renders.conftest import PLAIN, sqlite_only
from tests.songs import ffmpeg

from oriel_fx.server.models import RenderJob
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus

pytestmark = sqlite_only
MB = 1_000_000


class Server:
    """gunicorn with one threaded worker on the test's own database, Redis and folder."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        given = {
            "ORIEL_ENV": "development",
            "ORIEL_DATA_DIR": str(settings.data_dir),
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "ORIEL_PUBLIC_URL": self.url,
            "ORIEL_RATE_LIMITS": "false",
        }
        command = [sys.executable, "-m", "gunicorn", "--threads", "8", "--bind", f"127.0.0.1:{port}"]
        self.log = folder / "gunicorn.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "oriel_fx.server.wsgi:app"], env={**os.environ, **given}, stdout=log, stderr=log
            )

    def wait(self) -> None:
        """Return once it answers."""
        until = time.monotonic() + 60
        while True:
            try:
                requests.get(f"{self.url}/health", timeout=10)
                return
            except requests.RequestException:
                assert self.process.poll() is None and time.monotonic() < until, self.log.read_text()
                time.sleep(0.1)

    def peak_bytes(self) -> int:
        """The most memory its worker has held."""
        [worker] = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        status = Path(f"/proc/{worker}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(90)


@pytest.fixture
def server(settings: Settings, tmp_path: Path) -> Iterator[Server]:
    running = Server(settings, tmp_path)
    try:
        running.wait()
        yield running
    finally:
        running.stop()


def body_of(files: dict[str, Path]) -> Iterator[bytes]:
    """A multipart body in blocks, so that the client keeps nothing either."""
    yield b'--b\r\nContent-Disposition: form-data; name="config"\r\n\r\n' + json.dumps(PLAIN).encode()
    for name, path in files.items():
        yield f'\r\n--b\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\n\r\n'.encode()
        with path.open("rb") as file:
            while block := file.read(1 << 16):
                yield block
    yield b"\r\n--b--\r\n"


def test_the_largest_upload_is_never_in_memory(
    server: Server, headers: dict[str, str], uploads: Path, tmp_path: Path, jobs: Callable[[], list[RenderJob]]
) -> None:
    big = tmp_path / "big.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=440:r=88200", "-t", "538", "-ac", "1", big)
    assert 94 * MB < big.stat().st_size < 100 * MB
    sent = {**headers, "Content-Type": "multipart/form-data; boundary=b"}
    address = f"{server.url}/api/render/submit"
    requests.post(address, data=body_of({"audio": uploads / "song.mp3"}), headers=sent, timeout=60)
    before = server.peak_bytes()
    response = requests.post(address, data=body_of({"audio": big}), headers=sent, timeout=120)
    assert response.status_code == 402, response.text
    assert server.peak_bytes() - before < 50 * MB
    assert len(jobs()) == 2


def test_too_large_an_upload_is_answered_however_it_is_sent(
    server: Server, headers: dict[str, str], tmp_path: Path
) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(130 * MB)
    sent = {**headers, "Content-Type": "multipart/form-data; boundary=b"}
    address = f"{server.url}/api/render/submit"
    body = b"".join(body_of({"audio": big}))
    for data in (body, body_of({"audio": big})):
        response = requests.post(address, data=data, headers=sent, timeout=60)
        assert (response.status_code, response.json()["error"]["code"]) == (413, "AUDIO_TOO_LARGE")


def test_events_arrive_as_they_happen_and_the_stream_ends(
    server: Server,
    headers: dict[str, str],
    make_job: Callable[..., int],
    user_id: int,
    public_id: Callable[[int], str],
    change: Callable[..., None],
) -> None:
    job_id = make_job(user_id, JobStatus.QUEUED)
    address = f"{server.url}/api/render/events/{public_id(job_id)}"
    with requests.get(address, headers=headers, stream=True, timeout=90) as response:
        lines = response.iter_lines(chunk_size=1, decode_unicode=True)
        assert '"queued"' in next(line for line in lines if line.startswith("data: "))
        started = time.monotonic()
        change(job_id, status=JobStatus.PROCESSING, progress=0.5)
        assert '"processing"' in next(line for line in lines if line.startswith("data: "))
        assert time.monotonic() - started < 3
        change(job_id, status=JobStatus.COMPLETED)
        assert '"completed"' in next(line for line in lines if line.startswith("data: "))
        assert list(lines)[-1] == ""


def test_an_upload_that_breaks_off_leaves_nothing(
    server: Server, headers: dict[str, str], settings: Settings, jobs: Callable[[], list[RenderJob]]
) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(
            f"POST /api/render/submit HTTP/1.1\r\nHost: x\r\n{head}Content-Length: 1000000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="audio"; filename="x"\r\n\r\nabc'.encode()
        )
        time.sleep(0.5)
    until = time.monotonic() + 5
    while (left := list((settings.data_dir / "tmp").iterdir())) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []
    assert jobs() == []


def test_a_body_that_is_no_http_is_a_400(server: Server, headers: dict[str, str]) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    for path, kind in (("auth/login", "application/json"), ("render/submit", "multipart/form-data; boundary=b")):
        head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Type": kind}.items())
        with socket.create_connection((host, int(port)), timeout=90) as connection:
            connection.sendall(
                f"POST /api/{path} HTTP/1.1\r\nHost: x\r\n{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode()
            )
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 400 "), path
