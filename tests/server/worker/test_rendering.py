"""One attempt at a job, in this process: what it leaves in the database, in storage and on the disk."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask_openapi import OpenAPI
from sqlalchemy import select

from oriel_fx.errors import EncodeError
from oriel_fx.render.encode.probe import probe
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.errors import StorageUnavailableError
from oriel_fx.server.jobs import claims, rendering, video
from oriel_fx.server.jobs.files import work_folder
from oriel_fx.server.jobs.rendering import run_render
from oriel_fx.server.jobs.stopping import STOPPING
from oriel_fx.server.models import DeadLetter, EmailMessage, Payment, RenderJob
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus, PaymentStatus

Look = Callable[[str], RenderJob]
sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def render(app: OpenAPI) -> Callable[[str], None]:
    def attempt(public_id: str) -> None:
        with app.app_context():
            run_render(app, public_id)

    return attempt


@pytest.fixture
def mails(app: OpenAPI) -> Callable[[], list[EmailMessage]]:
    def read() -> list[EmailMessage]:
        with app.app_context():
            return list(db.session.scalars(select(EmailMessage).order_by(EmailMessage.id)))

    return read


def change(app: OpenAPI, public_id: str, **values: object) -> None:
    with app.app_context():
        job = db.session.query(RenderJob).filter_by(public_id=public_id).one()
        for name, value in values.items():
            setattr(job, name, value)
        db.session.commit()


def test_a_queued_job_becomes_a_video_a_poster_and_a_mail(
    queued: Callable[..., str],
    render: Callable[[str], None],
    look: Look,
    services: Services,
    settings: Settings,
    mails: Callable[[], list[EmailMessage]],
    tmp_path: Path,
) -> None:
    name = queued()
    render(name)
    job = look(name)
    assert (job.status, job.stage, job.progress, job.attempts) == (JobStatus.COMPLETED, "done", 1.0, 0)
    assert (job.video_key, job.poster_key) == (f"videos/{name}.mp4", f"posters/{name}.jpg")
    assert job.video_url == f"http://localhost:8000/api/render/download/{name}"
    assert job.lease_owner is None
    assert job.expires_at is not None and job.completed_at is not None
    assert abs(job.expires_at - job.completed_at - timedelta(days=30)) < timedelta(seconds=5)

    services.storage.download(job.video_key, tmp_path / "video.mp4")
    found = probe(tmp_path / "video.mp4")
    assert found.video is not None and found.audio is not None
    assert found.video.packets == 30
    with services.storage.open(job.poster_key) as poster:
        assert poster.read(3) == b"\xff\xd8\xff"

    [mail] = mails()
    assert mail.kind == "completed"
    address = f"{settings.public}/api/d/"
    token = mail.body_text.partition(address)[2].split()[0]
    assert hashlib.sha256(token.encode()).hexdigest() == job.download_token_hash
    assert services.queue.depths()["high_priority"] == 1
    assert not work_folder(settings, name).exists()


@sqlite
def test_the_link_is_nowhere_but_in_the_mail(
    queued: Callable[..., str],
    render: Callable[[str], None],
    look: Look,
    mails: Callable[[], list[EmailMessage]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    name = queued()
    render(name)
    token = mails()[0].body_text.partition("/api/d/")[2].split()[0]
    assert len(token) >= 43
    assert token not in capfd.readouterr().err
    assert token not in str(vars(look(name)))


@sqlite
@pytest.mark.parametrize("status", [JobStatus.AWAITING_PAYMENT, JobStatus.PROCESSING, JobStatus.CANCELED])
def test_only_a_queued_job_is_worked_on(
    queued: Callable[..., str], render: Callable[[str], None], look: Look, status: JobStatus
) -> None:
    name = queued(status=status)
    render(name)
    assert (look(name).status, look(name).version) == (status, 0)


@sqlite
def test_a_job_is_not_worked_on_before_its_next_attempt_is_due(
    queued: Callable[..., str], render: Callable[[str], None], look: Look
) -> None:
    name = queued(next_attempt_at=utcnow() + timedelta(minutes=1))
    render(name)
    assert look(name).status is JobStatus.QUEUED


def test_of_two_workers_one_has_the_job(
    app: OpenAPI, queued: Callable[..., str], look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, claimed = queued(), []
    barrier = threading.Barrier(4)

    def claim() -> None:
        with app.app_context():
            barrier.wait()
            claimed.append(claims.claim_job(name, "someone"))

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in claimed) == 1
    assert look(name).lease_token == 1


def test_a_song_that_is_none_fails_at_once_with_a_refund_and_a_mail(
    app: OpenAPI,
    queued: Callable[..., str],
    render: Callable[[str], None],
    look: Look,
    mails: Callable[[], list[EmailMessage]],
    settings: Settings,
    tmp_path: Path,
) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"no song at all" * 100)
    name = queued(song=noise)
    render(name)
    job = look(name)
    assert (job.status, job.error_code, job.attempts) == (JobStatus.FAILED, "INVALID_SONG", 1)
    assert job.error_message and "Traceback" not in job.error_message
    assert [mail.kind for mail in mails()] == ["failed"]
    with app.app_context():
        assert db.session.get_one(Payment, job.payment_id).status is PaymentStatus.REFUND_PENDING
        assert not db.session.scalars(select(DeadLetter)).all()
    assert not work_folder(settings, name).exists()


@sqlite
def test_a_spec_of_another_time_fails_at_once(
    queued: Callable[..., str], render: Callable[[str], None], look: Look
) -> None:
    name = queued(render_config={"layers": [{"type": "hologram"}]})
    render(name)
    assert (look(name).status, look(name).error_code) == (JobStatus.FAILED, "INVALID_SPEC")


@sqlite
def test_an_upload_that_is_gone_fails_at_once_and_an_operator_hears_of_it(
    settings: Settings,
    queued: Callable[..., str],
    make_app: Callable[..., OpenAPI],
    look: Look,
    mails: Callable[[], list[EmailMessage]],
    services: Services,
) -> None:
    name = queued()
    services.storage.delete(look(name).upload_key)
    watched = make_app(settings.model_copy(update={"admin_mail": "ops@example.org"}))
    with watched.app_context():
        run_render(watched, name)
    assert (look(name).status, look(name).error_code) == (JobStatus.FAILED, "UPLOAD_MISSING")
    assert sorted(mail.kind for mail in mails()) == ["admin_alert", "failed"]


def test_what_may_pass_is_tried_three_times_and_then_is_a_dead_letter(
    app: OpenAPI,
    queued: Callable[..., str],
    render: Callable[[str], None],
    look: Look,
    mails: Callable[[], list[EmailMessage]],
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A mock: an encoder that fails for a moment cannot be had on demand.
    def breaks(*_: object, **__: object) -> None:
        raise EncodeError("ffmpeg failed while writing /secret/place: x")

    monkeypatch.setattr(video, "render_video", breaks)
    name = queued()
    waits = []
    for attempt in (1, 2):
        render(name)
        job = look(name)
        assert (job.status, job.attempts, job.enqueued_at) == (JobStatus.QUEUED, attempt, None)
        assert job.next_attempt_at is not None
        waits.append((job.next_attempt_at - utcnow()).total_seconds())
        change(app, name, next_attempt_at=None)
    assert 10 < waits[0] < 20
    assert 40 < waits[1] < 80
    render(name)
    job = look(name)
    assert (job.status, job.attempts, job.error_code) == (JobStatus.FAILED, 3, "ENCODE")
    assert job.error_message is not None and "/secret/place" not in job.error_message
    assert job.error_detail is not None and "/secret/place" in job.error_detail
    assert job.refund_due_at is not None and job.refund_due_at > utcnow() + timedelta(hours=23)
    with app.app_context():
        [letter] = db.session.scalars(select(DeadLetter))
        assert (letter.job_id, letter.error_code, letter.attempts) == (job.id, "ENCODE", 3)
        assert db.session.get_one(Payment, job.payment_id).status is PaymentStatus.COMPLETED
    assert services.queue.depths()["dead_letter"] == 1
    assert [mail.kind for mail in mails()] == ["failed"]


@sqlite
def test_the_operator_is_told_of_a_dead_letter_once_an_hour(
    app: OpenAPI,
    settings: Settings,
    queued: Callable[..., str],
    make_app: Callable[..., OpenAPI],
    monkeypatch: pytest.MonkeyPatch,
    mails: Callable[[], list[EmailMessage]],
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise EncodeError("it broke")

    monkeypatch.setattr(video, "render_video", breaks)
    strict = make_app(settings.model_copy(update={"job_attempts": 1, "admin_mail": "ops@example.org"}))
    for name in (queued(), queued()):
        with strict.app_context():
            run_render(strict, name)
    assert sorted(mail.kind for mail in mails()) == ["admin_alert", "failed", "failed"]


@sqlite
def test_a_mail_that_cannot_be_written_fails_no_render(
    queued: Callable[..., str], render: Callable[[str], None], look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A mock: no input is known that would break the real one.
    def breaks(*_: object, **__: object) -> int:
        raise RuntimeError("no such template")

    monkeypatch.setattr("oriel_fx.server.jobs.outcomes.queue_mail", breaks)
    name = queued()
    render(name)
    assert look(name).status is JobStatus.COMPLETED


@sqlite
def test_without_a_queue_a_render_still_ends(
    settings: Settings, make_app: Callable[..., OpenAPI], queued: Callable[..., str], look: Look
) -> None:
    alone = make_app(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"}))
    name = queued()
    with alone.app_context():
        run_render(alone, name)
    assert look(name).status is JobStatus.COMPLETED


@sqlite
def test_a_finished_video_waits_for_storage_and_is_not_rendered_again(
    queued: Callable[..., str],
    render: Callable[[str], None],
    look: Look,
    app: OpenAPI,
    services: Services,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A mock of the outage alone: a folder cannot be unplugged.
    saves = type(services.storage).save

    def away(*_: object) -> int:
        raise StorageUnavailableError

    name = queued()
    monkeypatch.setattr(rendering, "PATIENCE_S", 0)
    monkeypatch.setattr(type(services.storage), "save", away)
    render(name)
    job = look(name)
    assert (job.status, job.attempts) == (JobStatus.QUEUED, 0)
    assert job.next_attempt_at is not None and job.next_attempt_at > utcnow()
    assert (work_folder(settings, name) / "video.mp4").exists()

    monkeypatch.setattr(type(services.storage), "save", saves)
    monkeypatch.setattr(video, "render_video", lambda *_, **__: pytest.fail("rendered again"))
    change(app, name, next_attempt_at=None)
    render(name)
    assert look(name).status is JobStatus.COMPLETED


def test_cancelling_stops_a_render_and_leaves_nothing(
    app: OpenAPI,
    queued: Callable[..., str],
    render: Callable[[str], None],
    look: Look,
    services: Services,
    settings: Settings,
    thirty_seconds: Path,
    mails: Callable[[], list[EmailMessage]],
) -> None:
    name = queued(song=thirty_seconds, size="2560x1440")
    working = threading.Thread(target=render, args=[name])
    working.start()
    wait_for_drawing(look, name)
    change(app, name, cancel_requested=True)
    working.join(90)
    assert not working.is_alive()
    job = look(name)
    assert job.status is JobStatus.CANCELED
    with app.app_context():
        assert db.session.get_one(Payment, job.payment_id).status is PaymentStatus.REFUND_PENDING
    assert not list(services.storage.list("videos/"))
    assert not work_folder(settings, name).exists()
    assert mails() == []


@sqlite
def test_a_job_canceled_before_it_is_claimed_is_not_rendered(
    queued: Callable[..., str], render: Callable[[str], None], look: Look
) -> None:
    name = queued(cancel_requested=True)
    render(name)
    assert look(name).status is JobStatus.CANCELED


@sqlite
def test_whoever_lost_the_lease_writes_nothing(
    app: OpenAPI, queued: Callable[..., str], render: Callable[[str], None], look: Look, thirty_seconds: Path
) -> None:
    name = queued(song=thirty_seconds, size=LARGE)
    working = threading.Thread(target=render, args=[name])
    working.start()
    wait_for_drawing(look, name)
    change(app, name, lease_token=7, lease_owner="another")
    working.join(90)
    assert not working.is_alive()
    job = look(name)
    assert (job.status, job.lease_token, job.lease_owner) == (JobStatus.PROCESSING, 7, "another")


@sqlite
def test_a_worker_told_to_stop_ends_its_chunk_and_hands_the_job_back(
    queued: Callable[..., str],
    render: Callable[[str], None],
    look: Look,
    settings: Settings,
    services: Services,
    thirty_seconds: Path,
) -> None:
    name = queued(song=thirty_seconds, size=LARGE)
    working = threading.Thread(target=render, args=[name])
    working.start()
    wait_for_drawing(look, name)
    STOPPING.set()
    working.join(90)
    job = look(name)
    assert (job.status, job.attempts, job.lease_owner) == (JobStatus.QUEUED, 0, None)
    chunks = list(work_folder(settings, name).glob("video.mp4.oriel-work/chunk-*.mp4"))
    assert len(chunks) == 1
    assert services.queue.position(f"render-{name}-1") == 0
    before = chunks[0].stat().st_mtime_ns

    STOPPING.clear()
    kept = []
    finish = video.render_video

    def watched(*words: object, **named: object) -> object:
        kept.append(chunks[0].stat().st_mtime_ns)
        return finish(*words, **named)  # type: ignore[arg-type]

    video.render_video = watched  # type: ignore[assignment]
    try:
        render(name)
    finally:
        video.render_video = finish
    assert kept == [before]
    assert look(name).status is JobStatus.COMPLETED


# So large that no machine is done before it is stopped.
LARGE = "2560x1440"


def wait_for_drawing(look: Look, name: str) -> None:
    from tests.server.worker.processes import until

    until(lambda: look(name).stage == "draw" and look(name).progress > 0.1)
