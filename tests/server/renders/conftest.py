"""Songs and pictures to upload, and the ways to do so."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import select
from tests.songs import ffmpeg, music, write_wav
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from oriel_fx.server.db import db, utcnow
from oriel_fx.server.models import Payment, RenderJob
from oriel_fx.server.states import PaymentStatus

# Nothing to draw but bars: what is tested is the way there.
PLAIN = {
    "palette": {"hues": ["#7c5cff"], "ground": "#101018"},
    "background": {"type": "color", "color": "palette.ground"},
    "layers": [{"type": "bars", "count": 16}],
    "effects": [],
    "output": {"size": "720p", "fps": 10, "quality": "draft"},
}
Parts = dict[str, Any]
sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with song.mp3 (tagged), song.wav and song.m4a of 3 s, and what is none of them."""
    folder = tmp_path_factory.mktemp("uploads")
    wav = write_wav(folder / "song.wav", music(3))
    ffmpeg("-i", wav, "-metadata", "title=Glass Hours", "-metadata", "artist=Ö & Co", folder / "song.mp3")
    ffmpeg("-i", wav, folder / "song.m4a")
    for name in ("song.flac", "song.ogg", "song.mp2"):
        ffmpeg("-i", wav, folder / name)
    return folder


@pytest.fixture
def user_id(make_user: Callable[..., int]) -> int:
    """Somebody who is logged in."""
    return make_user()


@pytest.fixture
def headers(user_id: int, bearer: Callable[[int], dict[str, str]]) -> dict[str, str]:
    """Their bearer token."""
    return bearer(user_id)


@pytest.fixture
def send(client: FlaskClient, headers: dict[str, str], uploads: Path) -> Callable[..., TestResponse]:
    """Submit: `send()` a good song with a plain config, `send(audio=…, config=…, cover=…)` something else."""

    def submit(audio: Any = "song.mp3", config: Any = PLAIN, **parts: Any) -> TestResponse:
        data: Parts = {}
        for name, value in {"audio": audio, **parts}.items():
            if isinstance(value, str) and (uploads / value).is_file():
                value = (uploads / value).read_bytes()
            if isinstance(value, bytes):
                value = FileStorage(io.BytesIO(value), f"{name}.mp3")
            if value is not None:
                data[name] = value
        if config is not None:
            data["config"] = config if isinstance(config, str) else json.dumps(config)
        boundary, body = encode_multipart(data)
        kind = f"multipart/form-data; boundary={boundary}"
        return client.post("/api/render/submit", data=body, content_type=kind, headers=headers)

    return submit


@pytest.fixture
def pay(app: OpenAPI, user_id: int) -> Callable[..., str]:
    """Inserts a completed payment of the user (or another) and gives its public id."""

    def make(amount: int = 99, **values: Any) -> str:
        with app.app_context():
            filled = {"user_id": user_id, "currency": "usd", "status": PaymentStatus.COMPLETED, **values}
            payment = Payment(amount=amount, completed_at=utcnow(), **filled)
            db.session.add(payment)
            db.session.commit()
            return payment.public_id

    return make


@pytest.fixture
def jobs(app: OpenAPI) -> Callable[[], list[RenderJob]]:
    """All jobs there are now."""

    def read() -> list[RenderJob]:
        with app.app_context():
            return list(db.session.execute(select(RenderJob).order_by(RenderJob.id)).scalars())

    return read


@pytest.fixture
def public_id(app: OpenAPI) -> Callable[[int], str]:
    """A job's public id by its id."""

    def read(job_id: int) -> str:
        with app.app_context():
            return db.session.get_one(RenderJob, job_id).public_id

    return read


@pytest.fixture
def change(app: OpenAPI) -> Callable[..., None]:
    """Sets columns of a job."""

    def write(job_id: int, **values: Any) -> None:
        with app.app_context():
            job = db.session.get_one(RenderJob, job_id)
            for name, value in values.items():
                setattr(job, name, value)
            db.session.commit()

    return write


def stored_files(folder: Path) -> list[Path]:
    """Every uploaded file under a data folder, wherever storage keeps it."""
    return [path for path in folder.rglob("*") if path.is_file() and "uploads" in path.parts]


def error_of(response: TestResponse) -> tuple[int, str, dict[str, Any]]:
    """(status, code, details) of an error."""
    body = response.get_json()["error"]
    return response.status_code, body["code"], body["details"]


def picture(suffix: str = ".png", width: int = 60, height: int = 40, alpha: bool = False) -> bytes:
    """A picture file of noise."""
    shape = (height, width, 4 if alpha else 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return bytes(cv2.imencode(suffix, pixels)[1].tobytes())
