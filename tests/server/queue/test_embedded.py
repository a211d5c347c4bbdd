"""The embedded queue server: what it keeps, where its socket is, and whose data folder it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from oriel_fx.server.queue.base import VIDEO_RENDERING
from oriel_fx.server.queue.embedded import DataFolderInUseError, EmbeddedQueue, QueueStartError, data_folder_lock
from oriel_fx.server.queue.redis import RedisQueue
from oriel_fx.server.settings import Settings, load_settings


def settings_in(folder: Path) -> Settings:
    return load_settings(env="development", data_dir=folder)


def test_what_waits_is_kept_over_a_restart(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "data")
    server = EmbeddedQueue(settings)
    server.start()
    queue = RedisQueue(settings)
    queue.enqueue(VIDEO_RENDERING, "time.sleep", 0, job_timeout_s=60, unique_id="kept")
    server.stop()
    server.start()
    try:
        assert queue.position("kept") == 0
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["with space and 100%", "x" * 120])
def test_any_data_folder_will_do(tmp_path: Path, name: str) -> None:
    settings = settings_in(tmp_path / name)
    server = EmbeddedQueue(settings)
    server.start()
    try:
        RedisQueue(settings).ping()
        assert settings.redis_socket.exists()
        assert settings.redis_socket.parent.stat().st_mode & 0o077 == 0 or len(name) < 100
    finally:
        server.stop()
        if len(name) > 100:
            settings.redis_socket.parent.rmdir()


def test_one_that_was_left_behind_is_ended_first(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "data")
    left, fresh = EmbeddedQueue(settings), EmbeddedQueue(settings)
    left.start()
    fresh.start()
    try:
        assert not left.is_running()
        assert fresh.is_running()
    finally:
        fresh.stop()
        left.stop()


def test_one_that_cannot_start_says_where_its_log_is(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "data")
    (tmp_path / "data" / "queue").mkdir(parents=True)
    (tmp_path / "data" / "queue" / "appendonlydir").write_text("no folder")
    with pytest.raises(QueueStartError) as caught:
        EmbeddedQueue(settings).start()
    assert "log" in caught.value.hint


def test_a_data_folder_is_one_servers_at_a_time(tmp_path: Path) -> None:
    with data_folder_lock(tmp_path), pytest.raises(DataFolderInUseError), data_folder_lock(tmp_path):
        pass
    with data_folder_lock(tmp_path):
        # What is started meanwhile does not hold it for longer.
        child = subprocess.Popen(["sleep", "30"])
    try:
        with data_folder_lock(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()
