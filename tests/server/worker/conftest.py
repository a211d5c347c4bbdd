"""Jobs that can really be rendered: a song in storage, its row, paid or not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask_openapi import OpenAPI
from tests.conftest import PLAIN
from tests.server.worker.processes import Processes
from tests.songs import music, write_wav

from oriel_fx.server.db import db, utcnow
from oriel_fx.server.jobs.stopping import STOPPING
from oriel_fx.server.models import JobAsset, Payment, RenderJob
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import AssetKind, JobStatus, PaymentStatus

_NUMBERS = itertools.count(1)
FPS = 10


@pytest.fixture(autouse=True)
def not_stopping() -> Iterator[None]:
    STOPPING.clear()
    yield
    STOPPING.clear()


@pytest.fixture(scope="session")
def three_seconds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("songs") / "three.wav", music(3))


@pytest.fixture(scope="session")
def thirty_seconds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("songs") / "thirty.wav", music(30))


@pytest.fixture(scope="session")
def one_minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("songs") / "minute.wav", music(60))


@pytest.fixture
def queued(
    app: OpenAPI,
    services: Services,
    make_user: Callable[..., int],
    make_job: Callable[..., int],
    three_seconds: Path,
) -> Callable[..., str]:
    """Puts a paid, queued job of a song into the database, its upload into storage, and gives the job's public id."""

    def make(song: Path = three_seconds, size: str = "320x180", **values: object) -> str:
        number = next(_NUMBERS)
        key = f"uploads/{number}/audio.wav"
        services.storage.save(key, song, "audio/wav")
        duration_s = 3.0 if song == three_seconds else 30.0
        width, height = (int(side) for side in size.split("x"))
        config = {**PLAIN, "output": {"size": size, "fps": FPS, "quality": "draft"}}
        user_id = make_user()
        filled = {
            "status": JobStatus.QUEUED,
            "audio_filename": "My Song.wav",
            "render_config": config,
            "duration_s": duration_s,
            "n_frames": round(duration_s * FPS),
            "width_px": width,
            "height_px": height,
            "fps": str(FPS),
            "upload_key": key,
            "paid_at": utcnow(),
        }
        job_id = make_job(user_id, **(filled | values))
        with app.app_context():
            job = db.session.get_one(RenderJob, job_id)
            db.session.add(
                JobAsset(
                    job_id=job_id,
                    kind=AssetKind.AUDIO,
                    storage_key=key,
                    filename="My Song.wav",
                    content_type="audio/wav",
                    n_bytes=1,
                    sha256="0" * 64,
                )
            )
            payment = Payment(
                user_id=user_id,
                job_id=job_id,
                amount=job.price_cents,
                currency="usd",
                status=PaymentStatus.COMPLETED,
                stripe_session_id=f"cs_{number}",
                payment_intent=f"pi_{number}",
                completed_at=utcnow(),
            )
            db.session.add(payment)
            db.session.flush()
            job.payment_id = payment.id
            db.session.commit()
            return job.public_id

    return make


@pytest.fixture
def look(app: OpenAPI) -> Callable[[str], RenderJob]:
    """The job as it is now."""

    def read(public_id: str) -> RenderJob:
        with app.app_context():
            job = db.session.query(RenderJob).filter_by(public_id=public_id).one()
            db.session.expunge(job)
            return job

    return read


@pytest.fixture
def processes(settings: Settings) -> Iterator[Processes]:
    """Starts `oriel …` commands on the test's settings, and kills what is left of them."""
    with Processes(settings) as started:
        yield started
