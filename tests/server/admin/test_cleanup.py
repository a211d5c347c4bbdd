"""Sweeps take what is old and nothing that somebody still needs, twice as well as once; a dry run takes nothing."""

from __future__ import annotations

import io
import itertools
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask_openapi import OpenAPI
from sqlalchemy import func, select, update
from tests.server.admin.conftest import Shop, Terminal

from oriel_fx.server.cleanup import GRACE_S, RECORDS_S, SWEEPS, Swept, run_sweep, sweep
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.jobs.files import work_folder
from oriel_fx.server.jobs.sweeps import run_sweep as run_queued
from oriel_fx.server.models import (
    AuditLog,
    EmailMessage,
    JobAsset,
    PasswordResetToken,
    Payment,
    RefreshFamily,
    RenderJob,
    RevokedToken,
    User,
    WebhookEvent,
)
from oriel_fx.server.payments.locks import lock_row
from oriel_fx.server.services import Services
from oriel_fx.server.states import AssetKind, EmailStatus, JobStatus, PaymentStatus

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Sweep = Callable[..., dict[str, Swept]]


@pytest.fixture
def swept(app: OpenAPI) -> Sweep:
    """Runs all sweeps; what each removed, by name. No sweep may fail."""

    def run(now: datetime | None = None, dry_run: bool = False) -> dict[str, Swept]:
        with app.app_context():
            done = sweep(now or utcnow(), dry_run)
            assert not [one for one in done if one.error]
            return {one.name: one for one in done}

    return run


@pytest.fixture
def stored_job(
    app: OpenAPI, services: Services, make_user: Callable[..., int], make_job: Callable[..., int]
) -> Callable[..., int]:
    """Makes a job whose song and video are in storage."""

    def make(status: JobStatus, user_id: int | None = None, **values: object) -> int:
        job_id = make_job(make_user() if user_id is None else user_id, status, **values)
        with app.app_context():
            job = db.session.get_one(RenderJob, job_id)
            job.upload_key = f"uploads/{job.public_id}/audio.mp3"
            db.session.add(
                JobAsset(
                    job_id=job.id,
                    kind=AssetKind.AUDIO,
                    storage_key=job.upload_key,
                    filename="song.mp3",
                    content_type="audio/mpeg",
                    n_bytes=4,
                    sha256="0" * 64,
                )
            )
            services.storage.save(job.upload_key, io.BytesIO(b"song"), "audio/mpeg")
            if job.completed_at or status is JobStatus.COMPLETED:
                job.video_key, job.video_bytes = f"videos/{job.public_id}.mp4", 5
                services.storage.save(job.video_key, io.BytesIO(b"video"), "video/mp4")
            db.session.commit()
            if "updated_at" in values:
                touched = update(RenderJob).where(RenderJob.id == job_id).values(updated_at=values["updated_at"])
                db.session.execute(touched)
                db.session.commit()
        return job_id

    return make


@pytest.fixture
def job_of(app: OpenAPI) -> Callable[[int], RenderJob]:
    def get(job_id: int) -> RenderJob:
        with app.app_context():
            return db.session.get_one(RenderJob, job_id)

    return get


def files(services: Services) -> set[str]:
    return {one.key for folder in ("uploads", "videos", "posters") for one in services.storage.list(f"{folder}/")}


def pay(app: OpenAPI, job_id: int, status: PaymentStatus, *, attached: bool = False) -> None:
    """A payment of that status for a job; attached: it is the one the job names."""
    with app.app_context():
        job = db.session.get_one(RenderJob, job_id)
        payment = Payment(user_id=job.user_id, job_id=job_id, amount=149, currency="usd", status=status)
        db.session.add(payment)
        db.session.flush()
        if attached:
            job.payment_id = payment.id
            job.updated_at = utcnow() - DAY
        db.session.commit()


def test_an_expired_video_goes_with_all_its_files(
    swept: Sweep, stored_job: Callable[..., int], job_of: Callable[[int], RenderJob], services: Services
) -> None:
    old = stored_job(JobStatus.COMPLETED, completed_at=utcnow() - 31 * DAY, expires_at=utcnow() - HOUR)
    new = stored_job(JobStatus.COMPLETED, completed_at=utcnow(), expires_at=utcnow() + HOUR)
    dry = swept(dry_run=True)
    assert (dry["expired_videos"].n_items, dry["expired_videos"].n_bytes) == (1, 5)
    assert job_of(old).status is JobStatus.COMPLETED
    assert len(files(services)) == 4
    done = swept()
    assert done["unneeded_files"].n_bytes == 9
    assert job_of(old).status is JobStatus.EXPIRED
    assert job_of(old).files_deleted_at is not None
    assert job_of(new).status is JobStatus.COMPLETED
    assert files(services) == {job_of(new).upload_key, job_of(new).video_key}
    again = swept()
    assert all(one.n_items == 0 for one in again.values())


def test_an_unpaid_upload_goes_after_its_time(
    swept: Sweep, stored_job: Callable[..., int], job_of: Callable[[int], RenderJob], services: Services
) -> None:
    late = stored_job(JobStatus.AWAITING_PAYMENT, expires_at=utcnow() - HOUR)
    unsaid = stored_job(JobStatus.AWAITING_PAYMENT, created_at=utcnow() - 2 * DAY)
    young = stored_job(JobStatus.AWAITING_PAYMENT, expires_at=utcnow() + HOUR)
    assert swept(dry_run=True)["unpaid_uploads"].n_items == 2
    swept()
    assert {job_of(late).status, job_of(unsaid).status} == {JobStatus.EXPIRED}
    assert job_of(young).status is JobStatus.AWAITING_PAYMENT
    assert files(services) == {job_of(young).upload_key}


@pytest.mark.parametrize("status", list(PaymentStatus))
def test_an_upload_stays_while_money_may_come(
    app: OpenAPI,
    swept: Sweep,
    stored_job: Callable[..., int],
    job_of: Callable[[int], RenderJob],
    status: PaymentStatus,
) -> None:
    job_id = stored_job(JobStatus.AWAITING_PAYMENT, expires_at=utcnow() - 30 * DAY)
    pay(app, job_id, PaymentStatus.EXPIRED)
    pay(app, job_id, status)
    swept()
    over = status in (PaymentStatus.FAILED, PaymentStatus.EXPIRED, PaymentStatus.REFUNDED)
    assert job_of(job_id).status is (JobStatus.EXPIRED if over else JobStatus.AWAITING_PAYMENT)
    assert (job_of(job_id).files_deleted_at is not None) == over


def test_a_checkout_opened_at_the_last_moment_keeps_the_upload(shop: Shop, swept: Sweep) -> None:
    order = shop.order(expires_at=utcnow() + timedelta(minutes=1))
    session_id = shop.open(order)
    swept(utcnow() + 2 * HOUR)
    assert shop.job(order).status is JobStatus.AWAITING_PAYMENT
    shop.at_stripe(f"sessions/{session_id}/pay")
    shop.deliver()
    assert shop.job(order).status is JobStatus.QUEUED


def test_a_checkout_that_is_being_opened_is_waited_for(
    app: OpenAPI, swept: Sweep, stored_job: Callable[..., int], job_of: Callable[[int], RenderJob]
) -> None:
    job_id = stored_job(JobStatus.AWAITING_PAYMENT, expires_at=utcnow() - HOUR)
    locked = threading.Event()

    def open_checkout() -> None:
        with app.app_context():
            job = lock_row(db.session, RenderJob, job_id)
            db.session.add(Payment(user_id=job.user_id, job_id=job_id, amount=149, currency="usd"))
            db.session.flush()
            locked.set()
            time.sleep(0.4)  # the sweep looks, sees no payment that is committed, and has to wait here
            db.session.commit()

    buyer = threading.Thread(target=open_checkout)
    buyer.start()
    assert locked.wait(10)
    done = swept()
    buyer.join()
    assert done["unpaid_uploads"].n_items == 0
    assert job_of(job_id).status is JobStatus.AWAITING_PAYMENT


_EVER = [
    (status, payment, expires)
    for status, payment, expires in itertools.product(
        [*JobStatus], [None, PaymentStatus.COMPLETED, PaymentStatus.REFUND_PENDING, PaymentStatus.REFUNDED], [-DAY, DAY]
    )
    if not (status is JobStatus.AWAITING_PAYMENT and payment)
]


def test_no_state_of_job_and_money_loses_what_it_needs(
    app: OpenAPI,
    swept: Sweep,
    stored_job: Callable[..., int],
    job_of: Callable[[int], RenderJob],
    services: Services,
    make_user: Callable[..., int],
) -> None:
    """All of them at once, a day after anybody touched them; then a week later."""
    user_id = make_user()
    made = []
    for status, payment, expires in _EVER:
        job_id = stored_job(status, user_id, expires_at=utcnow() + expires, updated_at=utcnow() - DAY)
        if payment:
            pay(app, job_id, payment, attached=True)
        made.append((job_id, status, payment, expires))
    swept()
    there = files(services)
    for job_id, status, payment, expires in made:
        job, facts = job_of(job_id), (status, payment, expires)
        needed = (
            status in (JobStatus.QUEUED, JobStatus.PROCESSING)
            or (status is JobStatus.FAILED and payment is not PaymentStatus.REFUNDED)
            or (status in (JobStatus.COMPLETED, JobStatus.AWAITING_PAYMENT) and expires > timedelta())
        )
        assert (job.upload_key in there) == needed, facts
        assert (job.files_deleted_at is None) == needed, facts
        if needed:
            assert job.status is status, facts


def test_a_job_canceled_a_moment_ago_keeps_its_files_for_its_worker(
    swept: Sweep, stored_job: Callable[..., int], services: Services
) -> None:
    stored_job(JobStatus.CANCELED)
    swept()
    assert len(files(services)) == 1
    swept(utcnow() + 2 * HOUR)
    assert files(services) == set()


def test_files_of_deleted_accounts_go(
    app: OpenAPI, swept: Sweep, stored_job: Callable[..., int], services: Services, make_user: Callable[..., int]
) -> None:
    user_id = make_user(deleted_at=utcnow(), is_active=False)
    for status in (JobStatus.FAILED, JobStatus.CANCELED, JobStatus.COMPLETED):
        stored_job(status, user_id, expires_at=utcnow() - HOUR, updated_at=utcnow() - DAY)
    swept()
    assert files(services) == set()


def test_orphans_go_when_they_are_old(
    swept: Sweep, stored_job: Callable[..., int], job_of: Callable[[int], RenderJob], services: Services
) -> None:
    kept = job_of(stored_job(JobStatus.QUEUED)).upload_key
    for key in ("uploads/nobody/audio.mp3", "videos/nobody.mp4", "posters/nobody.jpg"):
        services.storage.save(key, io.BytesIO(b"left"), "audio/mpeg")
    swept()
    assert len(files(services)) == 4, "a submission may be under way"
    later = utcnow() + timedelta(seconds=GRACE_S) + HOUR
    assert swept(later, dry_run=True)["orphaned_files"].n_bytes == 12
    swept(later)
    assert files(services) == {kept}


def test_what_was_cut_short_is_ended_by_the_next_run(
    app: OpenAPI, swept: Sweep, stored_job: Callable[..., int], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_job(JobStatus.COMPLETED, completed_at=utcnow(), expires_at=utcnow() - HOUR)
    delete = services.storage.delete
    calls = itertools.count()

    def dies(key: str) -> None:
        if next(calls) == 1:
            raise OSError("the disk is gone")
        delete(key)

    with monkeypatch.context() as patch, app.app_context():
        patch.setattr(services.storage, "delete", dies)
        done = {one.name: one for one in sweep()}
    assert done["unneeded_files"].error == "OSError"
    assert len(files(services)) == 1
    swept()
    assert files(services) == set()


def test_stuck_jobs_are_put_back(
    swept: Sweep, stored_job: Callable[..., int], job_of: Callable[[int], RenderJob]
) -> None:
    stuck = stored_job(JobStatus.PROCESSING, lease_expires_at=utcnow() - HOUR, lease_owner="gone", lease_token=3)
    live = stored_job(JobStatus.PROCESSING, lease_expires_at=utcnow() + timedelta(seconds=10), lease_token=1)
    assert swept(dry_run=True)["stuck_jobs"].n_items == 1
    assert job_of(stuck).status is JobStatus.PROCESSING
    swept()
    assert (job_of(stuck).status, job_of(stuck).crashes) == (JobStatus.QUEUED, 1)
    assert job_of(live).status is JobStatus.PROCESSING


def test_temporary_folders_go_unless_their_job_goes_on(
    swept: Sweep, stored_job: Callable[..., int], job_of: Callable[[int], RenderJob], services: Services
) -> None:
    ids = {status: job_of(stored_job(status)).public_id for status in (JobStatus.PROCESSING, JobStatus.COMPLETED)}
    names = {"live": ids[JobStatus.PROCESSING], "over": ids[JobStatus.COMPLETED], "stranger": "left-behind"}
    folders = {name: work_folder(services.settings, public_id) for name, public_id in names.items()}
    folders["young"] = work_folder(services.settings, "young")
    folders["cut-off upload"] = services.settings.data_dir / "tmp" / "upload-x"
    for name, folder in folders.items():
        folder.mkdir(parents=True)
        (folder / "chunk").write_bytes(b"1234")
        if name != "young":
            age_s = 2 * 86400 if name == "cut-off upload" else 7200
            os.utime(folder, (time.time() - age_s, time.time() - age_s))
    assert swept(dry_run=True)["temporary_folders"].n_bytes == 12
    swept()
    assert {name for name, folder in folders.items() if folder.exists()} == {"live", "young"}


def test_old_sessions_and_records_go(app: OpenAPI, swept: Sweep, make_user: Callable[..., int]) -> None:
    now, long_ago = utcnow(), utcnow() - timedelta(seconds=RECORDS_S) - DAY
    user_id = make_user(pending_email="x@example.org", pending_email_hash="h", pending_email_expires_at=now - 2 * DAY)
    with app.app_context():
        for number, (expires, made) in enumerate([(now - 2 * DAY, long_ago), (now + HOUR, now)]):
            name = f"{number}"
            db.session.add_all(
                [
                    PasswordResetToken(user_id=user_id, token_hash=name, expires_at=expires),
                    RevokedToken(jti=name, token_type="access", user_id=user_id, expires_at=expires),
                    RefreshFamily(user_id=user_id, current_jti=name, expires_at=expires),
                    WebhookEvent(event_id=name, type="x", payload={}, received_at=made),
                    EmailMessage(
                        to="a", kind="x", subject="", body_text="", idempotency_key=name,
                        status=EmailStatus.SENT, created_at=made,
                    ),
                    AuditLog(
                        actor="anonymous", action="auth.login_failed", target_type="a", target_id="b", created_at=made
                    ),
                ]
            )  # fmt: skip
        db.session.add_all(
            [
                EmailMessage(to="a", kind="x", subject="", body_text="", idempotency_key="waits", created_at=long_ago),
                AuditLog(actor="user:1", action="users.disable", target_type="a", target_id="b", created_at=long_ago),
            ]
        )
        db.session.commit()
    assert swept(dry_run=True)["old_records"].n_items == 3
    done = swept()
    assert (done["old_sessions"].n_items, done["old_records"].n_items) == (4, 3)
    with app.app_context():
        kept = {
            model.__tablename__: db.session.scalar(select(func.count()).select_from(model))
            for model in (PasswordResetToken, RevokedToken, RefreshFamily, WebhookEvent, EmailMessage, AuditLog)
        }
        assert db.session.get_one(User, user_id).pending_email is None
    assert kept == {
        "password_reset_token": 1,
        "revoked_token": 1,
        "refresh_family": 1,
        "webhook_event": 1,
        "email_message": 2,
        "audit_log": 2,
    }


def test_each_sweep_is_a_task_of_the_queue(app: OpenAPI, stored_job: Callable[..., int]) -> None:
    stored_job(JobStatus.COMPLETED, completed_at=utcnow(), expires_at=utcnow() - HOUR)
    with app.app_context():
        assert run_queued("expired_videos") == 1
        assert run_sweep("expired_videos", utcnow()).n_items == 0
        with pytest.raises(ValueError, match="no clean-up task"):
            run_queued("everything")


def test_the_command_shows_asks_and_writes_down(
    terminal: Terminal, stored_job: Callable[..., int], services: Services, audit_rows: Callable[[str], list[AuditLog]]
) -> None:
    stored_job(JobStatus.COMPLETED, completed_at=utcnow(), expires_at=utcnow() - HOUR)
    found = terminal.json("cleanup", "--dry-run")
    assert found["dry_run"] is True
    assert {one["name"]: one["n_items"] for one in found["sweeps"]}["expired_videos"] == 1
    assert terminal.run("cleanup", stdin="n\n").returncode == 1
    assert len(files(services)) == 2
    assert audit_rows("cleanup") == []
    assert "expired videos" in terminal.ok("cleanup", "--yes")
    assert files(services) == set()
    assert audit_rows("cleanup")[0].details["expired_videos"] == 1
    assert {one["name"] for one in found["sweeps"]} == set(SWEEPS)
