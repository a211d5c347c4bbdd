"""The tables, on both databases: times, keys, uniqueness, and the one way a job changes its status."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask_openapi import OpenAPI
from sqlalchemy import inspect, select
from sqlalchemy.exc import IntegrityError, StatementError

from oriel_fx.server.db import Base, db
from oriel_fx.server.models import JobAsset, Payment, RenderJob, User
from oriel_fx.server.renders.transitions import EDGES, TransitionError, transition
from oriel_fx.server.states import AssetKind, JobStatus, PaymentStatus

SEED = {
    "user": {"id", "email", "password_hash", "created_at", "is_active"},
    "payment": {"id", "user_id", "stripe_session_id", "amount", "status", "created_at"},
    "render_job": {
        *("id", "user_id", "payment_id", "status", "audio_filename", "render_config"),
        *("video_url", "error_message", "created_at", "completed_at"),
    },
}


def test_every_field_of_the_design_is_there() -> None:
    for table, fields in SEED.items():
        assert fields <= set(Base.metadata.tables[table].columns.keys())


def test_times_come_back_aware_and_in_utc(app: OpenAPI, make_user: Callable[..., int]) -> None:
    east = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=5)))
    user_id = make_user(last_login_at=east)
    with app.app_context():
        stored = db.session.get_one(User, user_id).last_login_at
    assert stored == east
    assert stored is not None
    assert stored.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(make_user: Callable[..., int]) -> None:
    with pytest.raises(StatementError, match="time zone"):
        make_user(last_login_at=datetime(2026, 1, 1))


def test_an_address_has_one_account(make_user: Callable[..., int]) -> None:
    make_user(email="a@example.org")
    with pytest.raises(IntegrityError):
        make_user(email="a@example.org")


def test_foreign_keys_are_checked(make_job: Callable[..., int]) -> None:
    with pytest.raises(IntegrityError):
        make_job(user_id=999_999)


def test_a_word_that_is_no_status_is_refused(make_user: Callable[..., int], make_job: Callable[..., int]) -> None:
    with pytest.raises(StatementError):
        make_job(make_user(), status="paid")


def payment(user_id: int, job_id: int | None, **values: object) -> Payment:
    return Payment(user_id=user_id, job_id=job_id, amount=149, currency="usd", **values)


def test_a_job_has_one_open_session(app: OpenAPI, make_user: Callable[..., int], make_job: Callable[..., int]) -> None:
    user_id = make_user()
    job_id = make_job(user_id)
    with app.app_context():
        db.session.add(payment(user_id, job_id, status=PaymentStatus.EXPIRED))
        db.session.add(payment(user_id, job_id))
        db.session.commit()
        db.session.add(payment(user_id, job_id))
        with pytest.raises(IntegrityError):
            db.session.commit()
        db.session.rollback()


def test_a_payment_pays_for_one_job(app: OpenAPI, make_user: Callable[..., int], make_job: Callable[..., int]) -> None:
    user_id = make_user()
    with app.app_context():
        paid = payment(user_id, None, status=PaymentStatus.COMPLETED)
        db.session.add(paid)
        db.session.commit()
        payment_id = paid.id
    make_job(user_id, payment_id=payment_id)
    with pytest.raises(IntegrityError):
        make_job(user_id, payment_id=payment_id)


def test_a_deleted_job_takes_its_assets_along(
    app: OpenAPI, make_user: Callable[..., int], make_job: Callable[..., int]
) -> None:
    job_id = make_job(make_user())
    with app.app_context():
        song = {"filename": "a.mp3", "content_type": "audio/mpeg", "n_bytes": 1, "sha256": "0" * 64}
        db.session.add(JobAsset(job_id=job_id, kind=AssetKind.AUDIO, storage_key="uploads/x/audio.mp3", **song))
        db.session.commit()
        db.session.delete(db.session.get_one(RenderJob, job_id))
        db.session.commit()
        assert db.session.scalars(select(JobAsset)).all() == []


def test_a_transition_stamps_and_counts(
    app: OpenAPI, make_user: Callable[..., int], make_job: Callable[..., int]
) -> None:
    job_id = make_job(make_user(), JobStatus.PROCESSING)
    with app.app_context():
        job = db.session.get_one(RenderJob, job_id)
        assert transition(job, JobStatus.COMPLETED, video_key="videos/a.mp4", progress=1.0)
        db.session.commit()
        assert (job.status, job.video_key, job.version) == (JobStatus.COMPLETED, "videos/a.mp4", 1)
        assert job.completed_at is not None


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("old", list(JobStatus))
def test_only_the_edges_of_the_design_exist(
    app: OpenAPI, make_user: Callable[..., int], make_job: Callable[..., int], old: JobStatus
) -> None:
    job_id = make_job(make_user(), old)
    with app.app_context():
        job = db.session.get_one(RenderJob, job_id)
        for new in set(JobStatus) - EDGES[old]:
            with pytest.raises(TransitionError):
                transition(job, new)


def test_of_two_only_one_wins(app: OpenAPI, make_user: Callable[..., int], make_job: Callable[..., int]) -> None:
    job_id = make_job(make_user(), JobStatus.QUEUED)
    both_have_read = threading.Barrier(2)
    answers: list[bool] = []

    def claim(new: JobStatus) -> None:
        with app.app_context():
            job = db.session.get_one(RenderJob, job_id)
            both_have_read.wait(10)
            answers.append(transition(job, new))
            db.session.commit()
            assert job.status in (JobStatus.PROCESSING, JobStatus.CANCELED)

    threads = [threading.Thread(target=claim, args=[new]) for new in (JobStatus.PROCESSING, JobStatus.CANCELED)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert sorted(answers) == [False, True]


def test_an_old_lease_finishes_nothing(
    app: OpenAPI, make_user: Callable[..., int], make_job: Callable[..., int]
) -> None:
    job_id = make_job(make_user(), JobStatus.PROCESSING, lease_token=8)
    with app.app_context():
        job = db.session.get_one(RenderJob, job_id)
        assert not transition(job, JobStatus.COMPLETED, lease_token=7)
        assert transition(job, JobStatus.COMPLETED, lease_token=8)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_reader_that_writes_later_waits_for_the_other_writer(app: OpenAPI, make_user: Callable[..., int]) -> None:
    """SQLite would say "database is locked" at once if reading had begun the transaction."""
    user_id = make_user()
    with app.app_context():
        user = db.session.get_one(User, user_id)
        with app.app_context():
            make_user()
        user.last_login_at = datetime.now(UTC)
        db.session.commit()


def test_every_foreign_key_that_lists_are_made_by_has_an_index(app: OpenAPI) -> None:
    with app.app_context():
        seen = inspect(db.engine)
        for table in ("render_job", "payment", "email_message", "refresh_family"):
            first = {index["column_names"][0] for index in seen.get_indexes(table)}
            assert "user_id" in first, table
