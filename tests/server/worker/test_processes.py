"""Workers as real processes: what is killed is picked up, what is told to stop hands back, mails go out."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from flask_openapi import OpenAPI
from tests.server.worker.processes import Processes, alive, children_of, descendants, kill, until

from oriel_fx.render.encode.probe import probe
from oriel_fx.server.db import db
from oriel_fx.server.jobs.files import work_folder
from oriel_fx.server.models import EmailMessage, Payment, RenderJob
from oriel_fx.server.renders.enqueue import enqueue_render
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import EmailStatus, JobStatus, PaymentStatus

Look = Callable[[str], RenderJob]
postgresql = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)


def drawing(look: Look, name: str) -> bool:
    job = look(name)
    return job.status is JobStatus.PROCESSING and job.stage == "draw" and job.progress > 0.08


def is_done(look: Look, name: str) -> bool:
    assert look(name).status is not JobStatus.FAILED, look(name).error_detail
    return look(name).status is JobStatus.COMPLETED


def test_paid_jobs_are_rendered_and_mailed_by_the_processes_of_a_deployment(
    app: OpenAPI, processes: Processes, queued: Callable[..., str], look: Look, services: Services, tmp_path: Path
) -> None:
    names = [queued(), queued()]
    broken = tmp_path / "noise.wav"
    broken.write_bytes(b"no song at all" * 100)
    bad = queued(song=broken)
    supervisor = processes.start("worker")
    scheduler = processes.start("scheduler")
    until(lambda: all(is_done(look, name) for name in names) and look(bad).status is JobStatus.FAILED)
    for name in names:
        services.storage.download(f"videos/{name}.mp4", tmp_path / "video.mp4")
        found = probe(tmp_path / "video.mp4")
        assert found.video is not None and found.video.packets == 30

    def all_mailed() -> bool:
        with app.app_context():
            mails = db.session.query(EmailMessage).all()
        kinds = [mail.kind for mail in mails if mail.status is EmailStatus.SENT]
        return kinds.count("completed") == 2 and "failed" in kinds

    until(all_mailed)
    with app.app_context():
        payment = db.session.get_one(Payment, look(bad).payment_id)
        assert payment.status in (PaymentStatus.REFUND_PENDING, PaymentStatus.REFUNDED)

    children = descendants(supervisor.pid)
    for process in (supervisor, scheduler):
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0
    assert not list(alive(children))
    assert services.queue.depths()["video_rendering"] == 0


@postgresql
@pytest.mark.parametrize("victim", ["horse", "worker"])
def test_a_job_whose_process_is_killed_is_taken_up_by_another_within_30_s(
    processes: Processes, queued: Callable[..., str], look: Look, thirty_seconds: Path, victim: str
) -> None:
    name = queued(song=thirty_seconds, size="2560x1440")
    first = processes.start("worker", "--queues", "video_rendering")
    processes.start("scheduler")
    until(lambda: drawing(look, name))
    [horse] = children_of(first.pid)
    below = descendants(first.pid)
    kill(horse if victim == "horse" else first.pid)
    killed = time.monotonic()
    until(lambda: not list(alive(below)), 10)
    if victim == "worker":
        first.wait()
        processes.start("worker", "--queues", "video_rendering")
    until(lambda: look(name).lease_token == 2)
    assert time.monotonic() - killed < 30
    until(lambda: is_done(look, name))
    job = look(name)
    assert (job.lease_token, job.crashes, job.attempts) == (2, 1, 0)


@postgresql
def test_a_worker_told_to_stop_hands_its_job_to_another_which_goes_on_with_its_chunks(
    processes: Processes,
    queued: Callable[..., str],
    look: Look,
    settings: Settings,
    thirty_seconds: Path,
) -> None:
    name = queued(song=thirty_seconds, size="2560x1440")
    first = processes.start("worker", "--queues", "video_rendering")
    processes.start("scheduler")
    until(lambda: drawing(look, name))
    first.send_signal(signal.SIGTERM)
    assert first.wait(90) == 0
    job = look(name)
    assert (job.status, job.lease_token, job.crashes, job.attempts) == (JobStatus.QUEUED, 1, 0, 0)
    assert len(list(work_folder(settings, name).glob("video.mp4.oriel-work/chunk-*.mp4"))) == 1
    processes.start("worker", "--queues", "video_rendering")
    until(lambda: is_done(look, name))
    assert look(name).lease_token == 2


@postgresql
def test_an_emptied_redis_loses_no_job(
    app: OpenAPI, processes: Processes, queued: Callable[..., str], look: Look, redis_url: str, thirty_seconds: Path
) -> None:
    running, waiting = queued(song=thirty_seconds, size="640x360"), queued()
    with app.app_context():
        for name in (running, waiting):
            enqueue_render(db.session.query(RenderJob).filter_by(public_id=name).one())
    processes.start("worker", "--queues", "video_rendering")
    processes.start("scheduler")
    until(lambda: look(running).status is JobStatus.PROCESSING)
    with redis.Redis.from_url(redis_url) as connection:
        connection.flushall()
    until(lambda: is_done(look, running) and is_done(look, waiting))
    assert (look(running).lease_token, look(waiting).lease_token) == (1, 1)
