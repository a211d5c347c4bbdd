"""A long video in groups of chunks: the rows, the files, the join, and what is left."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask_openapi import OpenAPI
from tests.server.worker.fan_out.conftest import Look, expected, sqlite

from oriel_fx.render.spec import RenderSpec
from oriel_fx.server.db import db
from oriel_fx.server.jobs import fan_out
from oriel_fx.server.jobs.files import work_folder
from oriel_fx.server.jobs.group_claims import claim_group
from oriel_fx.server.jobs.group_rendering import run_group
from oriel_fx.server.jobs.rendering import run_join, run_render
from oriel_fx.server.models import Chunk, EmailMessage
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import ChunkStatus, JobStatus


def test_a_long_video_is_drawn_in_groups_and_is_the_one_a_single_worker_makes(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    look: Look,
    chunks: Callable[[], list[Chunk]],
    services: Services,
    settings: Settings,
    thirty_seconds: Path,
    tmp_path: Path,
) -> None:
    name = long()
    within(run_render, name)
    job = look(name)
    assert (job.status, job.stage, job.lease_expires_at) == (JobStatus.PROCESSING, "draw", None)
    assert [(row.group_number, row.first_frame, row.n_frames) for row in chunks()] == [(0, 0, 150), (1, 150, 150)]
    # In the order of the video, before what waits.
    assert [services.queue.position(f"chunks-{name}-{group}-0") for group in (0, 1)] == [0, 1]

    within(run_group, name, 1)
    job = look(name)
    assert (job.status, job.lease_owner) == (JobStatus.PROCESSING, None)
    assert 0.05 < job.progress < 0.95
    assert [row.status for row in chunks()] == [ChunkStatus.PENDING, ChunkStatus.DONE]
    assert services.queue.position(f"join-{name}-1") is None
    within(run_join, name)
    assert look(name).status is JobStatus.PROCESSING

    within(run_group, name, 0)
    assert services.queue.position(f"join-{name}-1") == 0
    names = [file.key.rpartition("/")[2] for file in services.storage.list(f"chunks/{name}/")]
    assert [one.partition("-")[0] for one in names] == ["00000", "00001", "sound.m4a"]
    within(run_join, name)
    job = look(name)
    assert (job.status, job.progress, job.lease_token) == (JobStatus.COMPLETED, 1.0, 2)
    assert job.poster_key is not None
    with services.storage.open(f"videos/{name}.mp4") as video:
        assert video.read() == expected(app, name, thirty_seconds, tmp_path)
    assert chunks() == []
    assert list(services.storage.list("chunks/")) == []
    assert not work_folder(settings, name).exists()
    within(run_join, name)
    with app.app_context():
        assert [mail.kind for mail in db.session.query(EmailMessage)] == ["completed"]


def test_a_worker_goes_on_with_the_next_group_and_takes_it_out_of_the_queue(
    long: Callable[..., str],
    within: Callable[..., None],
    chunks: Callable[[], list[Chunk]],
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    name = long()
    within(run_render, name)
    within(run_group, name, 0)
    assert [row.status for row in chunks()] == [ChunkStatus.DONE, ChunkStatus.DONE]
    assert len({row.lease_owner for row in chunks()}) == 2
    # Whoever called it took the first.
    positions = [services.queue.position(work) for work in (f"chunks-{name}-1-0", f"join-{name}-1")]
    assert positions == [None, 0]


@sqlite
def test_a_part_of_a_song_is_cut_as_one_worker_would(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    services: Services,
    settings: Settings,
    thirty_seconds: Path,
    tmp_path: Path,
    look: Look,
) -> None:
    config = RenderSpec.from_config(
        {"layers": [], "effects": [], "output": {"size": "320x180", "fps": 10, "start": 3.25, "quality": "draft"}}
    ).model_dump(mode="json")
    name = long(render_config=config, n_frames=268, duration_s=26.8)
    within(run_render, name)
    for group in (0, 1):
        within(run_group, name, group)
    # The sound is lost, with all that this machine had: it is encoded again.
    services.storage.delete(f"chunks/{name}/sound.m4a")
    shutil.rmtree(work_folder(settings, name))
    within(run_join, name)
    assert look(name).status is JobStatus.COMPLETED, look(name).error_detail
    with services.storage.open(f"videos/{name}.mp4") as video:
        assert video.read() == expected(app, name, thirty_seconds, tmp_path)


@sqlite
@pytest.mark.parametrize("whole", ["short", "a web page"])
def test_short_videos_and_web_pages_are_not_split(
    queued: Callable[..., str], long: Callable[..., str], app: OpenAPI, look: Look, whole: str
) -> None:
    page = RenderSpec.from_config({"page": "classic"}).model_dump(mode="json")
    name = queued() if whole == "short" else long(render_config=page)
    with app.app_context():
        assert not fan_out.hand_out(name)
    assert look(name).status is JobStatus.QUEUED


def test_of_four_workers_one_has_a_group(
    app: OpenAPI, long: Callable[..., str], within: Callable[..., None], chunks: Callable[[], list[Chunk]]
) -> None:
    name, claimed = long(), []
    within(run_render, name)
    barrier = threading.Barrier(4)

    def claim() -> None:
        with app.app_context():
            barrier.wait()
            claimed.append(claim_group(name, 0, "someone"))

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in claimed) == 1
    assert [row.lease_token for row in chunks()] == [1, 0]
