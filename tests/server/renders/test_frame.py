"""GET /api/render/frame: what a buyer sees before paying, and after."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient
from tests.server.renders.conftest import PLAIN, error_of, sqlite_only
from werkzeug.test import TestResponse

from oriel_fx.render.spec import RenderSpec
from oriel_fx.render.stills import render_frame
from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import JobAsset, RenderJob
from oriel_fx.server.renders import stills
from oriel_fx.server.renders.stills import still_size
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import AssetKind, JobStatus

Name = Callable[[int], str]
SPEC = RenderSpec.from_config(PLAIN, {"tags": {"title": "x"}})
pytestmark = sqlite_only


@pytest.fixture
def uploaded(
    app: Any, make_job: Callable[..., int], user_id: int, services: Services, uploads: Path
) -> Callable[..., int]:
    """Makes a job of 3 s whose uploads are in storage."""

    def make(spec: RenderSpec = SPEC, background: bytes | None = None, **values: Any) -> int:
        files = {AssetKind.AUDIO: ("audio.mp3", (uploads / "song.mp3").read_bytes())}
        if background:
            files[AssetKind.BACKGROUND] = ("background.png", background)
        width_px, height_px = spec.output.size_px
        filled = {"n_frames": 30, "duration_s": 3.0, "fps": "10", "width_px": width_px, "height_px": height_px}
        status = values.pop("status", JobStatus.AWAITING_PAYMENT)
        job_id = make_job(user_id, status, render_config=spec.model_dump(mode="json"), **(filled | values))
        with app.app_context():
            for kind, (name, data) in files.items():
                key = f"uploads/{job_id}/{name}"
                services.storage.save(key, io.BytesIO(data), "x/y")
                asset = JobAsset(job_id=job_id, kind=kind, storage_key=key, filename=name, content_type="x/y")
                asset.n_bytes, asset.sha256 = len(data), ""
                db.session.add(asset)
            db.session.commit()
        return job_id

    return make


@pytest.fixture
def get(client: FlaskClient, headers: dict[str, str], public_id: Name) -> Callable[..., TestResponse]:
    """Asks for a still of a job."""

    def ask(job_id: int, query: str = "", accept: str = "*/*") -> TestResponse:
        return client.get(f"/api/render/frame/{public_id(job_id)}?{query}", headers={**headers, "Accept": accept})

    return ask


def pixels(response: TestResponse) -> np.ndarray:
    assert response.status_code == 200, response.get_json()
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(response.data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@pytest.fixture
def paid(app: Any, user_id: int) -> dict[str, Any]:
    """What makes a job paid."""
    from oriel_fx.server.models import Payment

    with app.app_context():
        payment = Payment(user_id=user_id, amount=149, currency="usd")
        db.session.add(payment)
        db.session.commit()
        return {"payment_id": payment.id, "status": JobStatus.QUEUED, "paid_at": utcnow()}


def test_a_paid_jobs_still_is_the_videos_own_frame(
    get: Callable[..., TestResponse], uploaded: Callable[..., int], uploads: Path, paid: dict[str, Any]
) -> None:
    shown = pixels(get(uploaded(**paid), "t=1.5&w=320", "image/webp"))
    small = SPEC.model_copy(update={"output": SPEC.output.model_copy(update={"size": "320x180"})})
    own = render_frame(uploads / "song.mp3", 1.5, small)
    assert shown.shape == own.shape
    assert np.abs(shown.astype(int) - own).mean() < 3


def test_until_it_is_paid_a_still_is_small_and_marked(
    get: Callable[..., TestResponse], uploaded: Callable[..., int], uploads: Path
) -> None:
    job_id = uploaded()
    response = get(job_id, "t=1.5&w=1280")
    shown = pixels(response)
    assert shown.shape == (360, 640, 3)
    assert response.headers["Content-Type"] == "image/jpeg"
    assert "private" in response.headers["Cache-Control"]
    small = SPEC.model_copy(update={"output": SPEC.output.model_copy(update={"size": "640x360"})})
    marked = np.abs(shown.astype(int) - render_frame(uploads / "song.mp3", 1.5, small)).max(axis=2) > 40
    # In every quarter of the picture, and over little of it.
    for quarter in (marked[:180, :320], marked[:180, 320:], marked[180:, :320], marked[180:, 320:]):
        assert 0.005 < quarter.mean() < 0.2


def test_a_still_is_kept_by_its_frame_size_format_and_payment(
    get: Callable[..., TestResponse], uploaded: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = uploaded()
    first = get(job_id, "t=1.50&w=64")
    monkeypatch.setattr(stills, "run_limited", lambda *_, **__: pytest.fail("drawn again"))
    assert get(job_id, "t=1.55&w=64").data == first.data


def test_a_background_is_the_jobs_own_upload(get: Callable[..., TestResponse], uploaded: Callable[..., int]) -> None:
    config = PLAIN | {"background": {"type": "image", "source": "background", "blur": 0, "darken": 0}, "layers": []}
    red = np.zeros((40, 60, 3), np.uint8)
    red[..., 2] = 255
    data = bytes(cv2.imencode(".png", red)[1].tobytes())
    shown = pixels(get(uploaded(RenderSpec.from_config(config), data), "w=64"))
    assert shown[..., 0].mean() > 150 > 60 > shown[..., 2].mean()


@pytest.mark.parametrize("query", ["t=3.1", "t=-1", "t=nan", "t=inf", "t=x", "w=0", "w=63", "w=100000", "w=x"])
def test_wrong_values_are_told(get: Callable[..., TestResponse], uploaded: Callable[..., int], query: str) -> None:
    status, code, details = error_of(get(uploaded(), query))
    assert (status, code, details["faults"][0]["path"]) == (422, "VALIDATION_FAILED", query[0])


@pytest.mark.parametrize(
    "values",
    [{"status": JobStatus.CANCELED}, {"status": JobStatus.EXPIRED}, {"files_deleted_at": utcnow()}],
    ids=["canceled", "expired", "deleted"],
)
def test_without_its_upload_there_is_none(
    get: Callable[..., TestResponse], uploaded: Callable[..., int], values: dict[str, Any]
) -> None:
    assert error_of(get(uploaded(**values)))[:2] == (410, "UPLOAD_EXPIRED")


def test_an_upload_that_storage_lost_is_gone(
    get: Callable[..., TestResponse], uploaded: Callable[..., int], services: Services
) -> None:
    job_id = uploaded()
    services.storage.delete(f"uploads/{job_id}/audio.mp3")
    assert error_of(get(job_id))[:2] == (410, "UPLOAD_EXPIRED")


def test_a_pipeline_that_fails_says_so_and_no_more(
    get: Callable[..., TestResponse], uploaded: Callable[..., int]
) -> None:
    config = PLAIN | {"layers": [{"type": "image", "source": "background"}]}
    response = get(uploaded(RenderSpec.from_config(config)))
    assert error_of(response) == (500, "RENDER_PIPELINE_FAILURE", {})
    assert "Traceback" not in response.text and "/" not in response.get_json()["error"]["message"]


class TestSlow:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"preview_timeout_s": 0.2})

    def test_one_that_takes_too_long_is_stopped(
        self, get: Callable[..., TestResponse], uploaded: Callable[..., int]
    ) -> None:
        response = get(uploaded())
        assert error_of(response)[:2] == (503, "PREVIEW_BUSY")
        assert response.headers["Retry-After"] == "5"

    def test_no_more_than_a_few_are_drawn_at_once(
        self, get: Callable[..., TestResponse], uploaded: Callable[..., int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = uploaded()
        monkeypatch.setattr(stills, "run_limited", lambda *_, **__: pytest.fail("drawn"))
        with stills._SLOTS, stills._SLOTS:
            assert error_of(get(job_id))[:2] == (503, "PREVIEW_BUSY")


class TestRate:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"rate_limits": True, "rate_preview": "2 per minute"})

    def test_it_is_limited_by_account(self, get: Callable[..., TestResponse], uploaded: Callable[..., int]) -> None:
        job_id = uploaded(status=JobStatus.CANCELED)
        assert [get(job_id).status_code for _ in range(3)] == [410, 410, 429]


@pytest.mark.parametrize(
    ("width_px", "asked", "paid", "size"),
    [
        ((1920, 1080), 320, False, (320, 180)),
        ((1920, 1080), 4000, False, (640, 360)),
        ((1080, 1920), 4000, False, (360, 640)),
        ((1920, 1080), 4000, True, (1920, 1080)),
        ((1080, 1920), 101, True, (100, 178)),
        ((8000, 20), 64, True, (64, 16)),
    ],
)
def test_sizes_are_even_and_within_what_is_allowed(
    settings: Settings, width_px: tuple[int, int], asked: int, paid: bool, size: tuple[int, int]
) -> None:
    job = RenderJob(width_px=width_px[0], height_px=width_px[1])
    assert still_size(settings, job, asked, paid) == size
