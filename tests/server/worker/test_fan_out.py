"""A long video in groups of chunks, in this process: the rows, the files, the join, and what is left."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from flask_openapi import OpenAPI
from sqlalchemy import select, update
from tests.conftest import PLAIN

from oriel_fx.errors import EncodeError
from oriel_fx.render.pipeline import render_video
from oriel_fx.render.spec import RenderSpec
from oriel_fx.server.admin.jobs import retry_job, show_job
from oriel_fx.server.admin.overview import queues
from oriel_fx.server.cleanup import run_sweep
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.jobs import fan_out, group_rendering
from oriel_fx.server.jobs.files import work_folder
from oriel_fx.server.jobs.group_claims import claim_group
from oriel_fx.server.jobs.group_rendering import run_group
from oriel_fx.server.jobs.rendering import run_join, run_render
from oriel_fx.server.jobs.stopping import STOPPING
from oriel_fx.server.models import Chunk, DeadLetter, EmailMessage, Payment, RenderJob, User
from oriel_fx.server.reconcile import reconcile
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import ChunkStatus, DeadLetterStatus, JobStatus, PaymentStatus
from oriel_fx.server.users.deletion import delete_account

Look = Callable[[str], RenderJob]
# Two chunks that take long enough for something to happen meanwhile.
SLOW = {
    "render_config": {**PLAIN, "output": {"size": "1280x720", "fps": 30, "quality": "draft"}},
    "size": "1280x720",
    "fps": "30",
    "n_frames": 900,
}
sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Thirty seconds are long here."""
    return settings.model_copy(update={"fan_out_s": 10.0})


@pytest.fixture(autouse=True)
def one_group_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the tests see what is in between; one undoes it."""
    monkeypatch.setattr(group_rendering, "claim_next", lambda *_: None)


@pytest.fixture
def long(queued: Callable[..., str], thirty_seconds: Path) -> Callable[..., str]:
    """A job of two chunks, each a group."""

    def make(**values: object) -> str:
        return queued(song=thirty_seconds, **values)

    return make


@pytest.fixture
def within(app: OpenAPI) -> Callable[..., None]:
    """Runs one of the worker's functions as a worker would."""

    def run(function: Callable[..., None], *words: object) -> None:
        with app.app_context():
            function(app, *words)

    return run


@pytest.fixture
def chunks(app: OpenAPI) -> Callable[[], list[Chunk]]:
    def read() -> list[Chunk]:
        with app.app_context():
            rows = list(db.session.scalars(select(Chunk).order_by(Chunk.number)))
            db.session.expunge_all()
            return rows

    return read


def change(app: OpenAPI, model: type[Chunk] | type[RenderJob], **values: object) -> None:
    with app.app_context():
        db.session.execute(update(model).values(**values))
        db.session.commit()


def expected(app: OpenAPI, name: str, song: Path, folder: Path) -> bytes:
    """The file one worker makes of it."""
    with app.app_context():
        job = db.session.query(RenderJob).filter_by(public_id=name).one()
        spec = RenderSpec.model_validate(job.render_config)
    # The worker knows the song by its key's last part, which is its title where it has no tags.
    named = folder / Path("audio.wav")
    named.write_bytes(song.read_bytes())
    render_video(named, folder / "alone.mp4", spec)
    return (folder / "alone.mp4").read_bytes()


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


def drawing(app: OpenAPI, name: str, group: int = 0) -> threading.Thread:
    """A worker that draws a group, well under way."""
    from tests.server.worker.processes import until

    def work() -> None:
        with app.app_context():
            run_group(app, name, group)

    def begun() -> bool:
        with app.app_context():
            return (db.session.scalar(select(Chunk.frames_done).where(Chunk.group_number == group)) or 0) > 0

    thread = threading.Thread(target=work)
    thread.start()
    until(begun)
    return thread


def test_cancelling_stops_all_groups_and_leaves_nothing(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    look: Look,
    chunks: Callable[[], list[Chunk]],
    services: Services,
) -> None:
    name = long(**SLOW)
    within(run_render, name)
    working = drawing(app, name)
    change(app, RenderJob, cancel_requested=True)
    working.join(10)
    assert not working.is_alive()
    assert look(name).status is JobStatus.CANCELED
    with app.app_context():
        assert db.session.get_one(Payment, look(name).payment_id).status is PaymentStatus.REFUND_PENDING
        reconcile()
    assert (chunks(), list(services.storage.list("chunks/"))) == ([], [])


@sqlite
def test_a_job_nobody_draws_just_now_is_canceled_by_the_reconciler(
    app: OpenAPI, long: Callable[..., str], within: Callable[..., None], look: Look, chunks: Callable[[], list[Chunk]]
) -> None:
    name = long()
    within(run_render, name)
    change(app, RenderJob, cancel_requested=True)
    within(run_group, name, 0)
    with app.app_context():
        reconcile()
    assert look(name).status is JobStatus.CANCELED
    assert chunks() == []


@sqlite
def test_a_worker_told_to_stop_ends_its_chunk_and_gives_the_group_back(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    look: Look,
    chunks: Callable[[], list[Chunk]],
    services: Services,
) -> None:
    name = long(**SLOW)
    within(run_render, name)
    # Both chunks as one group, so that one is left when the first ends.
    change(app, Chunk, group_number=0)
    working = drawing(app, name)
    STOPPING.set()
    working.join(20)
    STOPPING.clear()
    assert [(row.status, row.attempts) for row in chunks()] == [(ChunkStatus.DONE, 0), (ChunkStatus.PENDING, 0)]
    assert services.queue.position(f"chunks-{name}-0-1") == 0
    within(run_group, name, 0)
    within(run_join, name)
    assert (look(name).status, look(name).crashes) == (JobStatus.COMPLETED, 0)


@sqlite
def test_whoever_lost_a_group_stores_nothing(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    chunks: Callable[[], list[Chunk]],
    services: Services,
) -> None:
    name = long(**SLOW)
    within(run_render, name)
    working = drawing(app, name)
    change(app, Chunk, lease_owner="another", status=ChunkStatus.RENDERING)
    working.join(10)
    assert not working.is_alive()
    assert {row.lease_owner for row in chunks()} == {"another"}
    assert list(services.storage.list("chunks/")) == []


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
    from oriel_fx.server.jobs.claims import claim_join

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


def test_deleting_the_account_in_mid_job_cancels_refunds_and_removes_the_chunks(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    look: Look,
    chunks: Callable[[], list[Chunk]],
    services: Services,
) -> None:
    name = long()
    within(run_render, name)
    within(run_group, name, 1)
    with app.test_request_context():
        delete_account(db.session.get_one(User, look(name).user_id))
    with app.app_context():
        reconcile()
        assert db.session.get_one(Payment, look(name).payment_id).status is not PaymentStatus.COMPLETED
    assert look(name).status is JobStatus.CANCELED
    assert (chunks(), list(services.storage.list("chunks/"))) == ([], [])
    within(run_group, name, 0)
    within(run_join, name)
    assert look(name).status is JobStatus.CANCELED


@sqlite
def test_operators_see_the_groups_and_free_those_that_are_stuck(
    app: OpenAPI, long: Callable[..., str], within: Callable[..., None]
) -> None:
    name = long()
    within(run_render, name)
    within(run_group, name, 0)
    with app.app_context():
        assert claim_group(name, 1, "box:17") is not None
        shown = show_job(name)
        assert (shown.groups, shown.groups_done, shown.drawn_by) == (2, 1, "box:17")
        assert next(row for row in queues().rows if row.name == "video_rendering").in_database == 0
        late = utcnow() + timedelta(minutes=10)
        assert run_sweep("stuck_jobs", late, dry_run=True).examples == (name,)
        run_sweep("stuck_jobs", late)
        assert next(row for row in queues().rows if row.name == "video_rendering").in_database == 1
        assert show_job(name).drawn_by == ""


@sqlite
def test_files_of_chunks_without_a_row_are_swept_and_those_with_one_are_not(
    app: OpenAPI, long: Callable[..., str], within: Callable[..., None], services: Services, tmp_path: Path
) -> None:
    name = long()
    within(run_render, name)
    within(run_group, name, 0)
    [kept, sound] = [file.key for file in services.storage.list("chunks/")]
    (tmp_path / "x").write_bytes(b"x")
    services.storage.save(f"chunks/{name}/00001-lost.mp4", tmp_path / "x", "video/mp4")
    with app.app_context():
        swept = run_sweep("orphaned_files", utcnow() + timedelta(hours=25)).examples
    # The sound can be encoded again.
    assert [key for key in swept if key.startswith("chunks/")] == [f"chunks/{name}/00001-lost.mp4", sound]
    assert [file.key for file in services.storage.list("chunks/")] == [kept]
