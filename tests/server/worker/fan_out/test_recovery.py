"""A long video whose workers, queue, files or encoder fail: it is made all the same, or given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from flask_openapi import OpenAPI
from sqlalchemy import select
from tests.server.worker.fan_out.conftest import Look, change, sqlite

from oriel_fx.errors import EncodeError
from oriel_fx.server.admin.jobs import retry_job
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.jobs import group_rendering
from oriel_fx.server.jobs.claims import claim_join
from oriel_fx.server.jobs.group_claims import claim_group
from oriel_fx.server.jobs.group_rendering import run_group
from oriel_fx.server.jobs.rendering import run_join, run_render
from oriel_fx.server.models import Chunk, DeadLetter, Payment, RenderJob
from oriel_fx.server.reconcile import reconcile
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import ChunkStatus, DeadLetterStatus, JobStatus, PaymentStatus


def test_what_redis_forgot_is_enqueued_again_groups_and_join(
    app: OpenAPI, long: Callable[..., str], within: Callable[..., None], services: Services, redis_url: str
) -> None:
    def forget() -> None:
        with redis.Redis.from_url(redis_url) as connection:
            connection.flushall()

    name = long()
    within(run_render, name)
    forget()
    with app.app_context():
        assert reconcile(utcnow()).chunks == 0
        assert reconcile(utcnow() + timedelta(seconds=11)).chunks == 2
    assert [services.queue.position(f"chunks-{name}-{group}-0") for group in (0, 1)] == [0, 1]
    for group in (0, 1):
        within(run_group, name, group)
    forget()
    with app.app_context():
        assert reconcile(utcnow() + timedelta(seconds=11)).chunks == 1
    assert services.queue.position(f"join-{name}-1") == 0


def test_a_lost_workers_group_is_given_to_another_and_what_is_drawn_stays(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    look: Look,
    chunks: Callable[[], list[Chunk]],
    services: Services,
) -> None:
    name = long()
    within(run_render, name)
    within(run_group, name, 0)
    done = list(services.storage.list("chunks/"))
    with app.app_context():
        assert claim_group(name, 1, "gone") is not None
        # Its lease has not run out yet.
        reconcile(utcnow())
        assert db.session.scalars(select(Chunk.status).where(Chunk.number == 1)).one() is ChunkStatus.RENDERING
        reconcile(utcnow() + timedelta(seconds=25))
    assert [(row.status, row.lease_owner is None) for row in chunks()] == [
        (ChunkStatus.DONE, False),
        (ChunkStatus.PENDING, True),
    ]
    assert look(name).crashes == 1
    assert services.queue.position(f"chunks-{name}-1-1") is not None
    within(run_group, name, 1)
    assert set(done) < set(services.storage.list("chunks/"))
    within(run_join, name)
    assert look(name).status is JobStatus.COMPLETED


@sqlite
def test_a_job_that_loses_worker_after_worker_is_given_up(
    app: OpenAPI, long: Callable[..., str], within: Callable[..., None], look: Look, settings: Settings
) -> None:
    name = long(crashes=settings.job_crashes)
    within(run_render, name)
    with app.app_context():
        claim_group(name, 1, "gone")
        reconcile(utcnow() + timedelta(seconds=25))
        assert db.session.query(DeadLetter).one().error_code == "WORKERS_LOST"
    assert look(name).status is JobStatus.FAILED


def test_a_group_that_fails_is_tried_three_times_and_a_retry_makes_the_video(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    look: Look,
    chunks: Callable[[], list[Chunk]],
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A mock: an encoder that fails for a moment cannot be had on demand.
    def breaks(*_: object, **__: object) -> None:
        raise EncodeError("ffmpeg failed while writing /secret/place: x")

    name = long()
    within(run_render, name)
    within(run_group, name, 1)
    monkeypatch.setattr(group_rendering, "draw_group", breaks)
    waits = []
    for attempt in (1, 2):
        within(run_group, name, 0)
        [row, other] = chunks()
        assert (row.status, row.attempts, other.attempts) == (ChunkStatus.PENDING, attempt, 0)
        assert row.next_attempt_at is not None
        waits.append((row.next_attempt_at - utcnow()).total_seconds())
        within(run_group, name, 0)  # too early: nothing happens
        change(app, Chunk, next_attempt_at=None)
    assert 10 < waits[0] < 20
    assert 40 < waits[1] < 80
    within(run_group, name, 0)
    job = look(name)
    assert (job.status, job.attempts, job.error_code) == (JobStatus.FAILED, 3, "ENCODE")
    assert job.error_message is not None and "/secret/place" not in job.error_message
    assert job.refund_due_at is not None
    with app.app_context():
        assert db.session.query(DeadLetter).one().status is DeadLetterStatus.OPEN
        reconcile()
    assert (chunks(), list(services.storage.list("chunks/"))) == ([], [])

    monkeypatch.undo()
    with app.app_context():
        retry_job("cli:test", name)
    within(run_render, name)
    for group in (0, 1):
        within(run_group, name, group)
    within(run_join, name)
    assert look(name).status is JobStatus.COMPLETED


@sqlite
def test_a_song_that_is_none_fails_the_job_at_once(
    app: OpenAPI, queued: Callable[..., str], within: Callable[..., None], look: Look, tmp_path: Path
) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"no song at all" * 100)
    name = queued(song=noise, duration_s=30.0, n_frames=300)
    within(run_render, name)
    within(run_group, name, 0)
    job = look(name)
    assert (job.status, job.error_code, job.attempts) == (JobStatus.FAILED, "INVALID_SONG", 1)
    with app.app_context():
        assert db.session.get_one(Payment, job.payment_id).status is PaymentStatus.REFUND_PENDING


@sqlite
@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_a_chunk_that_storage_lost_is_drawn_again(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    look: Look,
    chunks: Callable[[], list[Chunk]],
    services: Services,
    tmp_path: Path,
    harm: str,
) -> None:
    name = long()
    within(run_render, name)
    for group in (0, 1):
        within(run_group, name, group)
    key = chunks()[1].storage_key
    assert key is not None
    if harm == "gone":
        services.storage.delete(key)
    else:
        (tmp_path / "other").write_bytes(b"other")
        services.storage.save(key, tmp_path / "other", "video/mp4")
    within(run_join, name)
    assert (look(name).status, look(name).attempts) == (JobStatus.QUEUED, 1)
    assert [row.status for row in chunks()] == [ChunkStatus.DONE, ChunkStatus.PENDING]
    change(app, RenderJob, next_attempt_at=None)
    within(run_render, name)
    assert look(name).status is JobStatus.PROCESSING
    within(run_group, name, 1)
    within(run_join, name)
    assert look(name).status is JobStatus.COMPLETED


def test_a_join_whose_worker_is_lost_is_done_by_another(
    app: OpenAPI, long: Callable[..., str], within: Callable[..., None], look: Look
) -> None:
    name = long()
    within(run_render, name)
    for group in (0, 1):
        within(run_group, name, group)
    with app.app_context():
        assert claim_join(name, "gone") is not None
        assert claim_join(name, "second") is None
        reconcile(utcnow() + timedelta(seconds=25))
    assert (look(name).status, look(name).crashes) == (JobStatus.QUEUED, 1)
    within(run_render, name)
    assert look(name).status is JobStatus.COMPLETED
