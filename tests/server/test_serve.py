"""`oriel serve`: starts everything, stops everything, and leaves nothing behind, whatever ends it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.processes import free_port
from tests.server.worker.processes import alive, children_of, command_of, descendants, kill, until

ORIEL = str(Path(sys.executable).with_name("oriel"))


class Served:
    """A running `oriel serve` on a data folder, and what it printed."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder, self.port = folder, free_port()
        self.log = folder.parent / "serve.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [ORIEL, "serve", "--port", str(self.port), *words],
                env={"PATH": "/usr/bin:/bin", "HOME": str(folder.parent), "ORIEL_DATA_DIR": str(folder)},
                stdout=log,
                stderr=log,
            )

    def wait(self) -> None:
        until(lambda: "Ctrl-C stops it." in self.log.read_text() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return bytes(answer.read())

    def end(self) -> None:
        left = descendants(self.process.pid)
        self.process.kill()
        self.process.wait()
        for pid in alive(left):
            kill(pid)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("serve") / "data", "--workers", "1")
    running.wait()
    yield running
    running.end()


def test_it_runs_the_whole_product_and_says_where(served: Served) -> None:
    assert json.loads(_ready(served))["status"] == "ok"
    assert served.get("/api/openapi.json")
    until(lambda: b"oriel_workers 2.0" in served.get("/metrics"))
    names = " ".join(command_of(pid) for pid in descendants(served.process.pid))
    for part in ("valkey-server", "gunicorn", "scheduler", "worker --queues video_rendering", "worker --light"):
        assert part in names
    printed = served.log.read_text()
    for told in (f"http://127.0.0.1:{served.port}", "/api/docs", str(served.folder)):
        assert told in printed


def test_nothing_outlives_it_after_kill_9_nor_after_sigterm(tmp_path: Path) -> None:
    first = Served(tmp_path / "data")
    try:
        first.wait()
        until(lambda: len(_children(first, "worker")) == 2)
        children = descendants(first.process.pid)
        kill(first.process.pid)
        first.process.wait()
        until(lambda: not list(alive(children)))
    finally:
        first.end()

    again = Served(first.folder)
    try:
        again.wait()
        until(lambda: len(_children(again, "worker")) == 2)
        children = descendants(again.process.pid)
        again.process.send_signal(signal.SIGTERM)
        assert again.process.wait(90) == 0
        assert not list(alive(children))
        assert not (again.folder / "queue.sock").exists()
        assert "Traceback" not in again.log.read_text()
    finally:
        again.end()


def test_what_dies_is_started_again(served: Served) -> None:
    until(lambda: b"oriel_workers 2.0" in served.get("/metrics"))
    [queue], [light] = _children(served, "valkey-server"), _children(served, "worker --light")
    kill(queue)
    kill(light)
    until(lambda: _children(served, "valkey-server") not in ([], [queue]))
    until(lambda: _children(served, "worker --light") not in ([], [light]))
    until(lambda: json.loads(_ready(served))["status"] == "ok")


def _children(served: Served, words: str) -> list[int]:
    return [pid for pid in children_of(served.process.pid) if words in command_of(pid)]


def _ready(served: Served) -> bytes:
    try:
        return served.get("/ready")
    except urllib.error.HTTPError as error:
        return bytes(error.read())


def test_a_second_one_on_the_same_folder_or_port_says_so_in_a_sentence(served: Served) -> None:
    for port, said in ((free_port(), "Another `oriel serve` is using"), (served.port, "is taken")):
        second = subprocess.run(
            [ORIEL, "serve", "--port", str(port)],
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "ORIEL_DATA_DIR": str(served.folder)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert second.returncode == 2
        assert said in second.stderr
        assert "Traceback" not in second.stderr
    assert json.loads(_ready(served))["status"] == "ok"


def test_a_port_that_is_taken_starts_nothing(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ended = subprocess.run(
            [ORIEL, "serve", "--port", str(listener.getsockname()[1])],
            env={"PATH": "/usr/bin:/bin", "ORIEL_DATA_DIR": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert ended.returncode == 2
    assert re.match(r"Error: Port \d+ is taken by another program\.\n  Choose", ended.stderr)
    assert not (tmp_path / "data" / "queue").exists()


def test_an_address_others_can_reach_means_production(tmp_path: Path) -> None:
    ended = subprocess.run(
        [ORIEL, "serve", "--host", "0.0.0.0"],
        env={"PATH": "/usr/bin:/bin", "ORIEL_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 2
    assert "Error: Production lacks these settings:\n  SECRET_KEY: " in ended.stderr
    assert ended.stderr.count("\n  ") > 3


def test_an_unknown_role_is_named(tmp_path: Path) -> None:
    ended = subprocess.run(
        [ORIEL, "start"],
        env={"PATH": "/usr/bin:/bin", "ORIEL_DATA_DIR": str(tmp_path), "ORIEL_ROLE": "wbe"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 2
    assert "'wbe' is not a role" in ended.stderr
