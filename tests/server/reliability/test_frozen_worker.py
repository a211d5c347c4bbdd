"""Two machines' workers on one database, Redis and storage: one frozen past its lease, and thawed, ends nothing."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask_openapi import OpenAPI
from tests.server.reliability.conftest import postgresql
from tests.server.worker.processes import Processes, children_of, descendants, until

from oriel_fx.render.encode.probe import probe
from oriel_fx.server.cleanup import run_sweep
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import EmailMessage, RenderJob
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus

Look = Callable[[str], RenderJob]


@pytest.fixture
def other_machine(settings: Settings, tmp_path: Path) -> dict[str, str]:
    """Settings of a second machine: work folders of its own, the same storage."""
    folder = tmp_path / "other"
    folder.mkdir()
    (settings.data_dir / "files").mkdir(exist_ok=True)
    (folder / "files").symlink_to(settings.data_dir / "files")
    return {"ORIEL_DATA_DIR": str(folder)}


@postgresql
@pytest.mark.parametrize("thawed", ["while the other renders", "after the other completed"])
def test_a_worker_frozen_past_its_lease_completes_nothing(
    app: OpenAPI,
    processes: Processes,
    other_machine: dict[str, str],
    queued: Callable[..., str],
    look: Look,
    services: Services,
    settings: Settings,
    thirty_seconds: Path,
    tmp_path: Path,
    thawed: str,
) -> None:
    name = queued(song=thirty_seconds, size="640x360")
    first = processes.start("worker", "--queues", "video_rendering", ORIEL_LEASE_S="3")
    processes.start("scheduler")
    until(lambda: look(name).status is JobStatus.PROCESSING and look(name).stage == "draw", 60)
    processes.start("worker", "--queues", "video_rendering", **other_machine)
    stopped = [first.pid, *descendants(first.pid)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: look(name).status is JobStatus.PROCESSING and look(name).lease_token == 2, 60)
        if thawed == "after the other completed":
            until(lambda: look(name).status is JobStatus.COMPLETED, 60)
    finally:
        for pid in reversed(stopped):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    until(lambda: look(name).status is JobStatus.COMPLETED, 60)
    until(lambda: not children_of(first.pid))
    # The row tells it before the line does.
    until(lambda: "job completed" in processes.log.read_text())
    log = processes.log.read_text()
    assert log.count("job completed") == 1 and "job lost" in log
    job = look(name)
    assert (job.lease_token, job.crashes, job.attempts) == (2, 1, 0)
    services.storage.download(f"videos/{name}.mp4", tmp_path / "video.mp4")
    found = probe(tmp_path / "video.mp4")
    assert found.video is not None and found.video.packets == job.n_frames
    assert (tmp_path / "video.mp4").stat().st_size == job.video_bytes
    with app.app_context():
        # Who lost the job while another worked on it leaves its chunks: the two may share a folder.
        run_sweep("temporary_folders", utcnow() + timedelta(hours=25))
    for folder in (settings.data_dir, tmp_path / "other"):
        assert list(folder.glob("work/*")) == []
    with app.app_context():
        assert db.session.query(EmailMessage).filter_by(kind="completed").count() == 1
