"""GET /api/render/download and the link of the mail."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from tests.server.renders.conftest import error_of, sqlite_only

from oriel_fx.server.db import utcnow
from oriel_fx.server.renders.downloads import mailed_link, new_download_token
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus

Make = Callable[..., int]
Name = Callable[[int], str]
VIDEO = b"0123456789" * 100


@pytest.fixture
def finished(make_job: Make, user_id: int, services: Services) -> Callable[..., int]:
    """Makes a completed job whose video is in storage."""

    def make(**values: Any) -> int:
        services.storage.save("videos/x.mp4", io.BytesIO(VIDEO), "video/mp4")
        now = utcnow()
        filled = {
            "video_key": "videos/x.mp4",
            "title": 'Ein "Lied"/x',
            "completed_at": now,
            "expires_at": now + timedelta(days=30),
            **values,
        }
        return make_job(user_id, filled.pop("status", JobStatus.COMPLETED), **filled)

    return make


@pytest.fixture
def get(client: FlaskClient, headers: dict[str, str], public_id: Name) -> Callable[..., Any]:
    """Asks for the download of a job."""

    def ask(job_id: int, accept: str = "*/*") -> Any:
        return client.get(f"/api/render/download/{public_id(job_id)}", headers={**headers, "Accept": accept})

    return ask


def test_a_browser_is_sent_to_a_signed_url_with_ranges(
    get: Callable[..., Any], finished: Make, client: FlaskClient, settings: Settings
) -> None:
    response = get(finished())
    assert response.status_code == 302
    url = response.headers["Location"]
    assert url.startswith(settings.public)
    path = url.removeprefix(settings.public)
    with client.get(path) as whole:
        assert (whole.status_code, whole.data) == (200, VIDEO)
        assert "attachment" in whole.headers["Content-Disposition"]
    with client.get(path, headers={"Range": "bytes=10-19"}) as part:
        assert (part.status_code, part.data) == (206, VIDEO[10:20])


def test_a_program_gets_the_url_as_json(get: Callable[..., Any], finished: Make, settings: Settings) -> None:
    job_id = finished()
    for accept in ("application/json", "application/json, text/plain, */*"):
        body = get(job_id, accept).get_json()
        left_s = (datetime.fromisoformat(body["expires_at"]) - utcnow()).total_seconds()
        assert 890 < left_s <= settings.download_url_s
        assert body["url"].startswith(settings.public)
    assert get(job_id, "text/html,*/*;q=0.8").status_code == 302


@sqlite_only
def test_a_url_never_outlives_its_video(get: Callable[..., Any], finished: Make) -> None:
    body = get(finished(expires_at=utcnow() + timedelta(seconds=60)), "application/json").get_json()
    assert (datetime.fromisoformat(body["expires_at"]) - utcnow()).total_seconds() <= 60


@sqlite_only
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"status": JobStatus.AWAITING_PAYMENT}, (409, "JOB_NOT_FINISHED")),
        ({"status": JobStatus.QUEUED}, (409, "JOB_NOT_FINISHED")),
        ({"status": JobStatus.PROCESSING}, (409, "JOB_NOT_FINISHED")),
        ({"status": JobStatus.FAILED}, (409, "JOB_NOT_FINISHED")),
        ({"status": JobStatus.CANCELED}, (409, "JOB_NOT_FINISHED")),
        ({"status": JobStatus.EXPIRED}, (410, "VIDEO_EXPIRED")),
        ({"status": JobStatus.EXPIRED, "completed_at": None}, (410, "UPLOAD_EXPIRED")),
        ({"expires_at": utcnow() - timedelta(seconds=1)}, (410, "VIDEO_EXPIRED")),
        ({"files_deleted_at": utcnow()}, (410, "VIDEO_EXPIRED")),
    ],
)
def test_what_is_not_there_says_why(
    get: Callable[..., Any], finished: Make, values: dict[str, Any], expected: tuple[int, str]
) -> None:
    status, code, details = error_of(get(finished(**values)))
    assert (status, code) == expected
    if status == 409:
        assert details == {"status": values["status"].value}


def test_the_mailed_link_needs_no_login_and_gives_a_fresh_url(
    client: FlaskClient, finished: Make, settings: Settings
) -> None:
    token, hashed = new_download_token()
    finished(download_token_hash=hashed)
    response = client.get(mailed_link(settings, token).removeprefix(settings.public))
    assert response.status_code == 302
    with client.get(response.headers["Location"].removeprefix(settings.public)) as video:
        assert video.data == VIDEO
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"


@sqlite_only
def test_a_mailed_link_that_no_longer_works_says_why(
    client: FlaskClient, finished: Make, change: Callable[..., None]
) -> None:
    token, hashed = new_download_token()
    job_id = finished(download_token_hash=hashed)
    for guess in ("x", hashed, token[:-1], "%00", "é"):
        assert client.get(f"/api/d/{guess}").status_code in (400, 404)
    change(job_id, download_token_revoked=True)
    assert error_of(client.get(f"/api/d/{token}"))[:2] == (410, "LINK_REVOKED")
    change(job_id, download_token_revoked=False, expires_at=utcnow() - timedelta(seconds=1))
    assert error_of(client.get(f"/api/d/{token}"))[:2] == (410, "VIDEO_EXPIRED")
    assert error_of(client.post(f"/api/d/{token}"))[:2] == (405, "METHOD_NOT_ALLOWED")


@sqlite_only
def test_a_person_reads_why_a_link_no_longer_works(client: FlaskClient, finished: Make) -> None:
    token, hashed = new_download_token()
    finished(download_token_hash=hashed, download_token_revoked=True)
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page = client.get(f"/api/d/{token}", headers=browser)
    assert (page.status_code, page.mimetype) == (410, "text/html")
    assert "This link no longer works." in page.text
    assert client.get("/api/d/nothing", headers=browser).status_code == 404
    assert client.get(f"/api/d/{token}", headers={"Accept": "*/*"}).mimetype == "application/json"


def test_the_owner_takes_the_link_back_and_keeps_the_video(
    client: FlaskClient, headers: dict[str, str], finished: Make, get: Callable[..., Any], public_id: Name
) -> None:
    token, hashed = new_download_token()
    job_id = finished(download_token_hash=hashed)
    for _ in range(2):
        assert client.delete(f"/api/render/download/{public_id(job_id)}", headers=headers).status_code == 200
    assert error_of(client.get(f"/api/d/{token}"))[:2] == (410, "LINK_REVOKED")
    assert get(job_id).status_code == 302


@sqlite_only
def test_only_the_owner_takes_a_link_back(
    client: FlaskClient,
    headers: dict[str, str],
    finished: Make,
    make_user: Make,
    bearer: Callable[[int], dict[str, str]],
    public_id: Name,
) -> None:
    job_id = finished(download_token_hash=new_download_token()[1])
    address = f"/api/render/download/{public_id(job_id)}"
    assert error_of(client.delete(address))[:2] == (401, "UNAUTHORIZED")
    assert error_of(client.delete(address, headers=bearer(make_user())))[:2] == (404, "JOB_NOT_FOUND")
    waiting = f"/api/render/download/{public_id(finished(status=JobStatus.QUEUED))}"
    assert error_of(client.delete(waiting, headers=headers))[:2] == (409, "JOB_NOT_FINISHED")
