"""POST /api/render/submit: what is accepted, what is refused with which code, and what is left behind."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from tests.server.renders.conftest import PLAIN, error_of, picture, sqlite_only, stored_files
from werkzeug.test import TestResponse

from oriel_fx.server.db import db
from oriel_fx.server.errors import StorageUnavailableError
from oriel_fx.server.models import JobAsset, Payment, RenderJob
from oriel_fx.server.renders.enqueue import render_work_id
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import AssetKind, JobStatus, PaymentStatus

Send = Callable[..., TestResponse]
Jobs = Callable[[], list[RenderJob]]


def test_an_unpaid_upload_is_kept_and_answered_with_its_price(
    send: Send, jobs: Jobs, services: Services, user_id: int, settings: Settings
) -> None:
    status, code, details = error_of(send())
    [job] = jobs()
    assert (status, code) == (402, "PAYMENT_REQUIRED")
    assert (details["job_id"], details["price_cents"], details["currency"]) == (job.public_id, 99, "usd")
    assert details["create_session"] == "/api/payments/create-session"
    assert (job.status, job.user_id, job.title) == (JobStatus.AWAITING_PAYMENT, user_id, "Glass Hours")
    assert (job.n_frames, job.width_px, job.height_px, job.fps) == (30, 1280, 720, "10")
    assert job.duration_s == pytest.approx(3, abs=0.06)
    assert job.expires_at and abs((job.expires_at - job.created_at).total_seconds() - 86400) < 60
    assert services.storage.size(job.upload_key) == job.upload_bytes
    assert list((settings.data_dir / "tmp").iterdir()) == []


def test_a_paid_upload_is_queued_and_its_payment_used(
    send: Send, pay: Callable[..., str], jobs: Jobs, services: Services, app: OpenAPI
) -> None:
    payment_id = pay()
    response = send(payment_id=payment_id)
    [job] = jobs()
    assert response.status_code == 202
    assert response.get_json() == {"job_id": job.public_id, "status": "queued"}
    assert job.paid_at and job.enqueued_at and job.expires_at is None
    assert services.queue.position(render_work_id(job)) == 0
    with app.app_context():
        paid_with = db.session.execute(select(Payment.public_id).where(Payment.id == job.payment_id)).scalar_one()
    assert paid_with == payment_id
    status, code, _ = error_of(send(payment_id=payment_id))
    assert (status, code) == (409, "PAYMENT_USED")
    assert len(jobs()) == 1


@sqlite_only
def test_without_the_queue_a_paid_upload_is_queued_all_the_same(
    send: Send, pay: Callable[..., str], jobs: Jobs, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oriel_fx.server.errors import QueueUnavailableError

    # The queue itself has tests with its server stopped.
    def away(*_: Any, **__: Any) -> bool:
        raise QueueUnavailableError

    monkeypatch.setattr(services.queue, "enqueue", away)
    assert send(payment_id=pay()).status_code == 202
    [job] = jobs()
    assert (job.status, job.enqueued_at) == (JobStatus.QUEUED, None)


@sqlite_only
@pytest.mark.parametrize(
    ("payment", "expected"),
    [
        ({"amount": 98}, (402, "PAYMENT_REQUIRED")),
        ({"status": PaymentStatus.PENDING}, (402, "PAYMENT_REQUIRED")),
        ({"status": PaymentStatus.REFUNDED}, (402, "PAYMENT_REQUIRED")),
        ({"user_id": "another"}, (404, "PAYMENT_NOT_FOUND")),
        (None, (404, "PAYMENT_NOT_FOUND")),
    ],
)
def test_a_payment_that_does_not_cover_it_leaves_it_unpaid_or_refuses_it(
    send: Send,
    pay: Callable[..., str],
    make_user: Callable[..., int],
    jobs: Jobs,
    settings: Settings,
    payment: dict[str, Any] | None,
    expected: tuple[int, str],
) -> None:
    if payment and "user_id" in payment:
        payment = {"user_id": make_user()}
    status, code, _ = error_of(send(payment_id=pay(**payment) if payment else "no-such-payment"))
    assert (status, code) == expected
    if status == 402:
        assert [job.status for job in jobs()] == [JobStatus.AWAITING_PAYMENT]
    else:
        assert jobs() == []
        assert stored_files(settings.data_dir) == []


@sqlite_only
@pytest.mark.parametrize("name", ["song.mp3", "song.wav", "song.m4a"])
def test_mp3_wav_and_m4a_are_told_by_their_content(send: Send, jobs: Jobs, name: str) -> None:
    assert send(audio=name).status_code == 402
    [job] = jobs()
    assert Path(job.upload_key).suffix == Path(name).suffix
    assert job.duration_s == pytest.approx(3, abs=0.06)


@sqlite_only
@pytest.mark.parametrize(
    ("audio", "received"),
    [
        ("song.flac", "flac"),
        ("song.ogg", "ogg"),
        ("song.mp2", "mp2"),
        (b"hello, I am a song", "text"),
        (b"%PDF-1.7 ...", "pdf"),
        (b"\x00\x01\x02" * 500, "unknown"),
    ],
)
def test_other_formats_are_told_what_they_are(send: Send, jobs: Jobs, audio: Any, received: str) -> None:
    status, code, details = error_of(send(audio=audio))
    assert (status, code) == (415, "INVALID_AUDIO_FORMAT")
    assert details == {"received_format": received, "supported_formats": ["mp3", "wav", "m4a"]}
    assert jobs() == []


@sqlite_only
def test_empty_broken_and_silent_files_are_no_songs(send: Send, uploads: Path) -> None:
    wav = (uploads / "song.wav").read_bytes()
    for audio in (b"", wav[:44], b"\0\0\0\x1cftypM4A \0\0\0\0" + bytes(4000)):
        status, code, _ = error_of(send(audio=audio))
        assert (status, code) == (422, "INVALID_AUDIO")


@sqlite_only
@pytest.mark.parametrize("missing", ["audio", "config"])
def test_a_missing_part_is_named(send: Send, missing: str) -> None:
    status, code, details = error_of(send(**{missing: None}))
    assert (status, code, details["faults"][0]["path"]) == (422, "VALIDATION_FAILED", missing)


@sqlite_only
def test_fields_of_a_form_that_nobody_filled_are_as_good_as_missing(send: Send, jobs: Jobs, app: OpenAPI) -> None:
    assert send(cover=b"", background=b"", lyrics=b"", payment_id="").status_code == 402
    [job] = jobs()
    with app.app_context():
        kinds = db.session.scalars(select(JobAsset.kind).where(JobAsset.job_id == job.id)).all()
    assert kinds == [AssetKind.AUDIO]
    assert error_of(send(audio=b""))[:2] == (422, "INVALID_AUDIO")


@sqlite_only
def test_unknown_parts_are_refused(send: Send) -> None:
    status, code, details = error_of(send(video=b"x"))
    assert (status, code, details["faults"][0]["path"]) == (422, "VALIDATION_FAILED", "video")


@sqlite_only
@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b'{"audio": 1}', (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("text/plain", b"x", (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("multipart/form-data", b"x", (400, "BAD_REQUEST")),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense", (400, "BAD_REQUEST")),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="audio"\r\n\r\nx', None),
        ("multipart/form-data; boundary=b", b"--b--", (422, "VALIDATION_FAILED")),
    ],
)
def test_bodies_that_are_no_upload(
    client: FlaskClient, headers: dict[str, str], content_type: str, body: bytes, expected: tuple[int, str] | None
) -> None:
    response = client.post("/api/render/submit", data=body, content_type=content_type, headers=headers)
    assert error_of(response)[:2] == (expected or (400, "BAD_REQUEST"))


@sqlite_only
def test_pictures_are_written_anew_and_lyrics_are_text(
    send: Send, jobs: Jobs, app: OpenAPI, services: Services
) -> None:
    secret = b"GPS 52.5163 13.3777"
    jpeg = picture(".jpg")
    jpeg = jpeg[:2] + b"\xff\xe1" + (len(secret) + 2).to_bytes(2, "big") + secret + jpeg[2:]
    config = PLAIN | {"layers": [{"type": "image", "source": "background"}, {"type": "image", "source": "cover"}]}
    response = send(config=config, cover=picture(".png", alpha=True), background=jpeg, lyrics="\ufeffLa la\n".encode())
    assert response.status_code == 402, response.get_json()
    [job] = jobs()
    with app.app_context():
        found = {
            asset.kind: asset
            for asset in db.session.execute(select(JobAsset).where(JobAsset.job_id == job.id)).scalars()
        }
    assert set(found) == set(AssetKind)
    assert sum(asset.n_bytes for asset in found.values()) == job.upload_bytes
    types = {kind.value: asset.content_type for kind, asset in found.items()}
    assert types == {
        "audio": "audio/mpeg",
        "cover": "image/png",
        "background": "image/jpeg",
        "lyrics": "text/plain; charset=utf-8",
    }

    def read(kind: AssetKind) -> bytes:
        with services.storage.open(found[kind].storage_key) as file:
            return file.read()

    assert secret not in read(AssetKind.BACKGROUND)
    assert read(AssetKind.LYRICS) == b"La la\n"
    # Colours under transparency come through as they were.
    before = cv2.imdecode(np.frombuffer(picture(".png", alpha=True), np.uint8), cv2.IMREAD_UNCHANGED)
    after = cv2.imdecode(np.frombuffer(read(AssetKind.COVER), np.uint8), cv2.IMREAD_UNCHANGED)
    solid = before[..., 3] > 128
    assert np.abs(before[solid].astype(int) - after[solid]).max() <= 2


@sqlite_only
@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"cover": b"GIF89a" + bytes(50)}, (415, "INVALID_IMAGE_FORMAT")),
        ({"cover": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}, (415, "INVALID_IMAGE_FORMAT")),
        ({"background": b"\x89PNG\r\n\x1a\n" + bytes(50)}, (422, "INVALID_IMAGE")),
        ({"lyrics": b"\xff\xfe\x00"}, (422, "INVALID_LYRICS")),
        ({"lyrics": b"a\0b"}, (422, "INVALID_LYRICS")),
    ],
)
def test_pictures_and_lyrics_that_are_none(send: Send, parts: dict[str, bytes], expected: tuple[int, str]) -> None:
    assert error_of(send(**parts))[:2] == expected


def test_a_storage_that_fails_half_way_leaves_neither_file_nor_row(
    send: Send, jobs: Jobs, services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = services.storage.save

    # A real storage that is away is in its contract suite; here it goes away between two files.
    def fail_at_lyrics(key: str, source: Any, content_type: str) -> int:
        if "lyrics" in key:
            raise StorageUnavailableError
        return save(key, source, content_type)

    monkeypatch.setattr(services.storage, "save", fail_at_lyrics)
    assert error_of(send(lyrics=b"la"))[:2] == (503, "STORAGE_UNAVAILABLE")
    assert jobs() == []
    assert stored_files(settings.data_dir) == []


@sqlite_only
def test_a_full_disk_is_no_fault_of_the_sender(
    send: Send, jobs: Jobs, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only root can make a disk that is full.
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("oriel_fx.server.renders.parts._write", full)
    response = send()
    assert error_of(response)[:2] == (503, "STORAGE_UNAVAILABLE")
    assert response.headers["Retry-After"]
    assert jobs() == []
    assert list((settings.data_dir / "tmp").iterdir()) == []


def test_a_database_that_fails_at_the_commit_leaves_no_file(
    send: Send, jobs: Jobs, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("oriel_fx.server.renders.submit._insert", fail)
    assert error_of(send())[:2] == (500, "INTERNAL")
    assert jobs() == []
    assert stored_files(settings.data_dir) == []


@sqlite_only
def test_a_commit_whose_answer_is_lost_leaves_the_files_to_its_row(
    send: Send, jobs: Jobs, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A connection that breaks at this very moment cannot be ordered from a real database.
    commit = db.session.commit

    def committed_and_lost() -> None:
        commit()
        raise OperationalError("COMMIT", {}, Exception("connection lost"))

    monkeypatch.setattr(db.session, "commit", committed_and_lost)
    response = send()
    monkeypatch.undo()
    assert error_of(response)[:2] == (503, "DATABASE_UNAVAILABLE")
    [job] = jobs()
    assert services.storage.size(job.upload_key) == job.upload_bytes


@sqlite_only
def test_only_members_submit_and_only_by_post(client: FlaskClient, headers: dict[str, str]) -> None:
    assert error_of(client.post("/api/render/submit"))[:2] == (401, "UNAUTHORIZED")
    assert error_of(client.get("/api/render/submit", headers=headers))[:2] == (405, "METHOD_NOT_ALLOWED")
