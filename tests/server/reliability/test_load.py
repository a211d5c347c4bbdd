"""Two hundred clients ask gunicorn how their jobs are, while two renders run beside it."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest
import requests
from tests.server.processes import free_port
from tests.server.reliability.conftest import postgresql
from tests.server.worker.processes import Processes, until

from oriel_fx.server.models import RenderJob
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus

pytestmark = [pytest.mark.soak, postgresql]
N_CLIENTS, EVERY_S, FOR_S = 200, 2.0, 30.0
Look = Callable[[str], RenderJob]


@pytest.fixture
def gunicorn(settings: Settings, tmp_path: Path) -> Iterator[int]:
    """The API as it is deployed, with limits and two workers; its port."""
    port = free_port()
    given = {
        "ORIEL_ENV": "development",
        "ORIEL_DATA_DIR": str(settings.data_dir),
        "ORIEL_DATABASE_URL": settings.database_url,
        "ORIEL_REDIS_URL": settings.redis_url,
        "ORIEL_PORT": str(port),
        "ORIEL_TRUSTED_PROXIES": "1",
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:oriel_fx.server.gunicorn_conf"]
    with (tmp_path / "gunicorn.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "oriel_fx.server.wsgi:app"], env={**os.environ, **given}, stdout=log, stderr=log
        )

    def answers() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/ready", timeout=5).ok
        except requests.RequestException:
            return False

    try:
        until(answers)
        yield port
    finally:
        server.terminate()
        server.wait(90)


async def client(port: int, number: int, path: str, token: str, until_s: float) -> list[tuple[int, float]]:
    """One client's replies: status and seconds. It keeps its connection while the server does."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
        f"X-Forwarded-For: 10.0.{number // 250}.{number % 250 + 1}\r\n\r\n"
    ).encode()
    found: list[tuple[int, float]] = []
    await asyncio.sleep(EVERY_S * number / N_CLIENTS)
    while time.monotonic() < until_s:
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        n_bytes = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(n_bytes)
        found.append((int(head.split()[1]), time.monotonic() - began))
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(max(0.0, began + EVERY_S - time.monotonic()))
    return found


def test_polling_goes_on_without_an_error_beside_two_renders(
    gunicorn: int,
    queued: Callable[..., str],
    look: Look,
    bearer: Callable[[int], dict[str, str]],
    processes: Processes,
    thirty_seconds: Path,
) -> None:
    names = [queued(song=thirty_seconds, size="1280x720") for _ in range(2)]
    asked = [(f"/api/render/status/{name}", bearer(look(name).user_id)["Authorization"]) for name in names]
    for _ in range(2):
        processes.start("worker", "--queues", "video_rendering")
    processes.start("scheduler")
    until(lambda: all(look(name).status is JobStatus.PROCESSING for name in names))

    async def poll() -> list[list[tuple[int, float]]]:
        until_s = time.monotonic() + FOR_S
        clients = enumerate(islice(cycle(asked), N_CLIENTS))
        return await asyncio.gather(*(client(gunicorn, number, *one, until_s) for number, one in clients))

    replies = [reply for one in asyncio.run(poll()) for reply in one]
    times = sorted(took_s for _, took_s in replies)
    p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
    print(
        f"{len(replies)} replies in {FOR_S:.0f} s, "
        f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, longest {times[-1] * 1000:.0f} ms"
    )
    assert {status for status, _ in replies} == {200}
    assert len(replies) > 0.8 * N_CLIENTS * FOR_S / EVERY_S
    assert p99 < 5
    until(lambda: all(look(name).status is JobStatus.COMPLETED for name in names), 120)
