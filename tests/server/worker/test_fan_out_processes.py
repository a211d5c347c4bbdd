"""A long video drawn by several worker processes: shared, interrupted, forgotten, and joined once."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from flask_openapi import OpenAPI
from sqlalchemy import select
from tests.server.worker.processes import Processes, alive, children_of, command_of, descendants, kill, until

from oriel_fx.render.encode.probe import probe
from oriel_fx.server.db import db
from oriel_fx.server.models import Chunk, EmailMessage, RenderJob
from oriel_fx.server.queue.base import SCHEDULER
from oriel_fx.server.services import Services
from oriel_fx.server.states import ChunkStatus, JobStatus

Look = Callable[[str], RenderJob]
postgresql = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
LONG = {"ORIEL_FAN_OUT_S": "20"}
GROUPS = 5


@pytest.fixture
def minute(queued: Callable[..., str], one_minute: Path) -> Callable[..., str]:
    """A job of five chunks, each a group."""

    def make(size: str = "640x360") -> str:
        return queued(song=one_minute, size=size, duration_s=60.0, n_frames=600)

    return make


def drawn(processes: Processes) -> dict[int, int]:
    """How often each group was drawn to its end, by any worker."""
    lines = [json.loads(line) for line in processes.log.read_text().splitlines() if '"chunks drawn"' in line]
    return dict(Counter(line["group"] for line in lines))


def owners(app: OpenAPI, status: ChunkStatus) -> set[str]:
    """The processes that hold, or have drawn, a chunk."""
    with app.app_context():
        names = db.session.scalars(select(Chunk.lease_owner).where(Chunk.status == status))
        return {name.rpartition(":")[0] for name in names if name}


def is_done(look: Look, name: str) -> bool:
    assert look(name).status is not JobStatus.FAILED, look(name).error_detail
    return look(name).status is JobStatus.COMPLETED


def assert_one_whole_video(app: OpenAPI, services: Services, name: str, folder: Path) -> None:
    services.storage.download(f"videos/{name}.mp4", folder / "video.mp4")
    found = probe(folder / "video.mp4")
    assert found.video is not None and found.video.packets == 600
    with app.app_context():
        assert db.session.query(EmailMessage).filter_by(kind="completed").count() == 1
        until(lambda: db.session.query(Chunk).count() == 0 and not list(services.storage.list("chunks/")))


@postgresql
def test_two_workers_share_a_video_though_redis_is_emptied(
    app: OpenAPI,
    processes: Processes,
    minute: Callable[..., str],
    look: Look,
    services: Services,
    redis_url: str,
    tmp_path: Path,
) -> None:
    name = minute("1280x720")
    for _ in range(2):
        processes.start("worker", "--queues", "video_rendering", **LONG)
    # Whoever were there alone would draw all of it.
    until(lambda: len(services.queue.workers()) == 2, 60)
    processes.start("scheduler", **LONG)
    until(lambda: len(owners(app, ChunkStatus.RENDERING)) == 2, 60)
    with redis.Redis.from_url(redis_url) as connection:
        connection.flushall()
    until(lambda: is_done(look, name), 120)
    assert drawn(processes) == dict.fromkeys(range(GROUPS), 1)
    job = look(name)
    assert (job.crashes, job.attempts, job.lease_token) == (0, 0, 2)
    assert_one_whole_video(app, services, name, tmp_path)
    until(lambda: not list(tmp_path.glob("data/work/*")))


@postgresql
def test_a_killed_workers_group_is_drawn_by_another_and_no_other_group_is_drawn_twice(
    app: OpenAPI,
    processes: Processes,
    minute: Callable[..., str],
    look: Look,
    services: Services,
    tmp_path: Path,
) -> None:
    name = minute("1280x720")
    victim = processes.start("worker", "--queues", "video_rendering", **LONG)
    processes.start("scheduler", **LONG)
    until(lambda: services.queue.heard_of(SCHEDULER))
    until(lambda: owners(app, ChunkStatus.RENDERING) and owners(app, ChunkStatus.DONE), 90)
    until(lambda: any("ffmpeg" in command_of(pid) for pid in descendants(victim.pid)))
    below = descendants(victim.pid)
    assert children_of(victim.pid)
    kill(victim.pid)
    victim.wait()
    killed = time.monotonic()
    until(lambda: not list(alive(below)), 10)
    before = drawn(processes)
    processes.start("worker", "--queues", "video_rendering", **LONG)
    until(lambda: look(name).crashes == 1)
    assert time.monotonic() - killed < 30
    until(lambda: is_done(look, name), 120)
    after = drawn(processes)
    assert set(after) == set(range(GROUPS)) and all(after[group] == 1 for group in before)
    assert_one_whole_video(app, services, name, tmp_path)
