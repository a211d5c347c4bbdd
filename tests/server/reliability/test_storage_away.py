"""Storage stopped, or hanging: requests are answered in time; a finished render waits, and completes once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from tests.server.reliability.conftest import assert_away, frames_drawn, frozen, sqlite, timed
from tests.server.storage.emulator import Emulator, running_emulator, service_account
from tests.server.worker.processes import Processes, until
from werkzeug.test import TestResponse

from oriel_fx.server.breakers import breaker_states
from oriel_fx.server.db import db
from oriel_fx.server.models import EmailMessage, RenderJob
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus

pytestmark = sqlite
Look = Callable[[str], RenderJob]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as server:
        yield server


@pytest.fixture
def in_bucket(emulator: Emulator) -> dict[str, str]:
    """Settings of a bucket, as environment variables."""
    return {
        "ORIEL_STORAGE": "gcs",
        "ORIEL_GCS_BUCKET": emulator.new_bucket(),
        "ORIEL_GCS_ENDPOINT": emulator.url,
        "ORIEL_GCS_CREDENTIALS_JSON": service_account(),
    }


@pytest.fixture
def settings(settings: Settings, in_bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """On the emulator, for this process and for those it starts."""
    for name, value in in_bucket.items():
        monkeypatch.setenv(name, value)
    given = settings.model_dump(exclude={"storage", "gcs_bucket", "gcs_endpoint", "gcs_credentials_json"})
    return Settings(**given)


@pytest.mark.parametrize("how", ["stopped", "hanging"])
def test_an_upload_is_a_503_in_time_and_leaves_nothing(
    client: FlaskClient, app: OpenAPI, send: Callable[..., TestResponse], emulator: Emulator, how: str
) -> None:
    def ask() -> None:
        assert_away(timed(send), "STORAGE_UNAVAILABLE", 5)
        with ThreadPoolExecutor(4) as others:
            replies = list(others.map(lambda _: app.test_client().get("/ready"), range(4)))
        assert {reply.get_json()["dependencies"]["storage"] for reply in replies} == {"storage_unavailable"}
        assert breaker_states()["gcs"] == "open"
        assert_away(timed(send), "STORAGE_UNAVAILABLE", 1)
        assert 'oriel_breaker_state{name="gcs",state="open"} 1.0' in client.get("/metrics").text

    assert client.get("/ready").status_code == 200
    if how == "stopped":
        emulator.stop()
        try:
            ask()
        finally:
            emulator.start()
    else:
        assert emulator._process is not None
        with frozen(emulator._process.pid):
            ask()
    with app.app_context():
        assert db.session.query(RenderJob).count() == 0


def test_a_finished_render_waits_for_it_and_completes_once(
    app: OpenAPI,
    processes: Processes,
    queued: Callable[..., str],
    look: Look,
    emulator: Emulator,
    services: Services,
    thirty_seconds: Path,
) -> None:
    name = queued(song=thirty_seconds, size="640x360")
    processes.start("worker", "--queues", "video_rendering")
    processes.start("scheduler")
    until(lambda: look(name).stage == "draw", 60)
    emulator.stop()
    try:
        until(lambda: look(name).stage == "store", 60)
        time.sleep(1)
        assert look(name).status is JobStatus.PROCESSING
    finally:
        emulator.start()
    until(lambda: look(name).status is JobStatus.COMPLETED)
    job = look(name)
    assert (job.attempts, job.crashes, job.lease_token) == (0, 0, 1)
    assert services.storage.size(f"videos/{name}.mp4") == job.video_bytes
    with app.app_context():
        assert db.session.query(EmailMessage).filter_by(kind="completed").count() == 1


def test_the_workers_of_a_long_video_wait_for_it(
    app: OpenAPI,
    processes: Processes,
    queued: Callable[..., str],
    look: Look,
    emulator: Emulator,
    services: Services,
    thirty_seconds: Path,
) -> None:
    name = queued(song=thirty_seconds, size="640x360")
    for role in (["worker", "--queues", "video_rendering"], ["scheduler"]):
        processes.start(*role, ORIEL_FAN_OUT_S="10")
    until(lambda: frames_drawn(app) > 0)
    emulator.stop()
    try:
        # A chunk is done, and cannot be stored.
        until(lambda: frames_drawn(app) >= 150)
        time.sleep(2)
        assert look(name).status is JobStatus.PROCESSING
    finally:
        emulator.start()
    until(lambda: look(name).status is JobStatus.COMPLETED)
    assert look(name).crashes == 0
    assert services.storage.size(f"videos/{name}.mp4") == look(name).video_bytes
    with app.app_context():
        assert db.session.query(EmailMessage).filter_by(kind="completed").count() == 1
    until(lambda: not list(services.storage.list("chunks/")))
