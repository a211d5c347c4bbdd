"""DELETE /api/user/profile."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import select
from tests.server.auth.accounts import (
    EMAIL,
    PASSWORD,
    audited,
    code,
    headers,
    log_in,
    login,
    make_account,
    refresh,
)

from oriel_fx.server.cleanup import sweep
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import EmailMessage, JobAsset, PasswordResetToken, Payment, RenderJob, User
from oriel_fx.server.services import current_services
from oriel_fx.server.states import AssetKind, JobStatus, PaymentStatus

one_database = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
Make = Callable[..., int]


def delete(client: FlaskClient, password: str = PASSWORD) -> int:
    tokens = log_in(client)
    return client.delete("/api/user/profile", json={"password": password}, headers=headers(tokens)).status_code


def paid_job(app: OpenAPI, make_job: Make, user_id: int, status: JobStatus, **values: object) -> tuple[int, int]:
    """A job with its payment: the ids of both."""
    job_id = make_job(user_id, status, **values)
    with app.app_context():
        payment = Payment(
            user_id=user_id,
            job_id=job_id,
            amount=149,
            currency="usd",
            status=PaymentStatus.COMPLETED,
            payment_intent=f"pi_{job_id}",
        )
        db.session.add(payment)
        db.session.flush()
        db.session.get_one(RenderJob, job_id).payment_id = payment.id
        db.session.commit()
        return job_id, payment.id


def test_ends_every_session_and_forgets_who_it_was(app: OpenAPI, client: FlaskClient, make_user: Make) -> None:
    user_id = make_account(make_user)
    client.post("/api/auth/reset-password", json={"email": EMAIL})
    elsewhere = log_in(client)
    assert delete(client) == 200
    assert client.get("/api/user/profile", headers=headers(elsewhere)).status_code == 401
    assert code(refresh(client, elsewhere["refresh_token"])) == "TOKEN_REVOKED"
    assert code(login(client)) == "INVALID_CREDENTIALS"
    with app.app_context():
        user = db.session.get_one(User, user_id)
        assert user.deleted_at is not None
        assert not user.is_active
        assert EMAIL not in user.email
        assert "$argon2" not in user.password_hash
        assert db.session.scalars(select(PasswordResetToken)).all() == []
        for mail in db.session.scalars(select(EmailMessage).where(EmailMessage.user_id == user_id)):
            assert EMAIL not in f"{mail.to} {mail.subject} {mail.body_text} {mail.body_html}"
    assert "users.deleted" in audited(app)


def test_the_address_can_be_registered_again(app: OpenAPI, client: FlaskClient, make_user: Make) -> None:
    make_account(make_user)
    for _ in range(2):
        assert delete(client) == 200
        body = {"email": EMAIL, "password": PASSWORD}
        assert client.post("/api/auth/register", json=body).status_code == 201
    with app.app_context():
        assert len(db.session.scalars(select(User)).all()) == 3


def test_cancels_what_is_unfinished_and_refunds_what_brought_no_video(
    app: OpenAPI, client: FlaskClient, make_user: Make, make_job: Make
) -> None:
    mine, other = make_account(make_user), make_user()
    unpaid = make_job(mine)
    queued, queued_payment = paid_job(app, make_job, mine, JobStatus.QUEUED)
    rendering, rendering_payment = paid_job(app, make_job, mine, JobStatus.PROCESSING)
    failed, failed_payment = paid_job(app, make_job, mine, JobStatus.FAILED)
    _, done_payment = paid_job(app, make_job, mine, JobStatus.COMPLETED, completed_at=utcnow())
    others, others_payment = paid_job(app, make_job, other, JobStatus.QUEUED)
    assert delete(client) == 200
    with app.app_context():
        jobs = {job.id: job for job in db.session.scalars(select(RenderJob))}
        payments = {payment.id: payment.status for payment in db.session.scalars(select(Payment))}
    assert jobs[unpaid].status is jobs[queued].status is JobStatus.CANCELED
    assert jobs[rendering].cancel_requested, "its worker is asked to stop"
    assert jobs[failed].status is JobStatus.FAILED
    assert jobs[others].status is JobStatus.QUEUED
    refunded = {queued_payment, rendering_payment, failed_payment}
    assert {payments[payment] for payment in refunded} == {PaymentStatus.REFUND_PENDING}
    assert payments[done_payment] is payments[others_payment] is PaymentStatus.COMPLETED


def test_refunds_a_payment_that_no_job_used(app: OpenAPI, client: FlaskClient, make_user: Make) -> None:
    user_id = make_account(make_user)
    with app.app_context():
        db.session.add(Payment(user_id=user_id, amount=149, currency="usd", status=PaymentStatus.COMPLETED))
        db.session.commit()
    assert delete(client) == 200
    with app.app_context():
        payment = db.session.scalars(select(Payment)).one()
        assert (payment.status, payment.refund_reason) == (PaymentStatus.REFUND_PENDING, "account_deleted")


def test_videos_and_uploads_go_with_the_next_sweep(
    app: OpenAPI, client: FlaskClient, make_user: Make, make_job: Make
) -> None:
    mine = make_account(make_user)
    job_id = make_job(mine, JobStatus.COMPLETED, completed_at=utcnow(), title="Glass Hours", public_id="j-1")
    keys = {"upload_key": "uploads/j-1/audio.mp3", "video_key": "videos/j-1.mp4"}
    with app.app_context():
        for key in keys.values():
            current_services().storage.save(key, BytesIO(b"x"), "video/mp4")
        job = db.session.get_one(RenderJob, job_id)
        job.upload_key, job.video_key, job.download_token_hash = keys["upload_key"], keys["video_key"], "hash"
        asset = {"storage_key": keys["upload_key"], "filename": "mine.mp3", "content_type": "audio/mpeg"}
        db.session.add(JobAsset(job_id=job_id, kind=AssetKind.AUDIO, n_bytes=1, sha256="0" * 64, **asset))
        db.session.commit()
    assert delete(client) == 200
    with app.app_context():
        job = db.session.get_one(RenderJob, job_id)
        assert job.download_token_revoked
        assert (job.title, job.audio_filename, job.render_config) == (None, "", {})
        assert db.session.scalars(select(JobAsset.filename)).all() == [""]
        db.session.rollback()
        assert [swept.error for swept in sweep() if swept.error] == []
        assert [current_services().storage.exists(key) for key in keys.values()] == [False, False]


@one_database
def test_needs_the_password(app: OpenAPI, client: FlaskClient, make_user: Make) -> None:
    make_account(make_user)
    auth = headers(log_in(client))
    wrong = client.delete("/api/user/profile", json={"password": "not the password"}, headers=auth)
    assert (wrong.status_code, code(wrong)) == (422, "INVALID_CREDENTIALS")
    for body in ({}, {"password": None}, None):
        missing = client.delete("/api/user/profile", json=body, headers=auth)
        assert (missing.status_code, code(missing)) == (422, "VALIDATION_FAILED")
    assert client.get("/api/user/profile", headers=auth).status_code == 200


@one_database
def test_can_be_repeated_after_it_was_cut_short(
    client: FlaskClient, make_user: Make, make_job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oriel_fx.server.users import deletion

    mine = make_account(make_user)
    make_job(mine, JobStatus.QUEUED)

    def cut(*_: object) -> None:
        raise OSError("the machine went away")

    # Stands in for a crash between the jobs, which are canceled one by one, and the rest.
    monkeypatch.setattr(deletion, "_erase_jobs", cut)
    assert delete(client) == 500
    monkeypatch.undo()
    assert delete(client) == 200
