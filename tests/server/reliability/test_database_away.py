"""PostgreSQL stopped, and PostgreSQL that hangs: requests are answered in time, workers wait and go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import text
from tests.server.processes import Postgres
from tests.server.reliability.conftest import Timed, assert_away, away, frames_drawn, frozen, postgresql, timed
from tests.server.worker.processes import Processes, until

from oriel_fx.server.breakers import breaker, breaker_states
from oriel_fx.server.db import db
from oriel_fx.server.models import EmailMessage, RenderJob
from oriel_fx.server.services import Services
from oriel_fx.server.states import JobStatus

pytestmark = postgresql
Look = Callable[[str], RenderJob]


@pytest.fixture
def profile(client: FlaskClient, headers: dict[str, str]) -> Callable[[], Timed]:
    """A request that needs the database, and how long it took."""
    return lambda: timed(lambda: client.get("/api/user/profile", headers=headers))


def test_stopped_it_is_a_503_at_once_and_the_missing_one_is_named(
    client: FlaskClient, profile: Callable[[], Timed], postgres: Postgres
) -> None:
    assert profile()[0].status_code == 200
    with away(postgres):
        for _ in range(4):
            assert_away(profile(), "DATABASE_UNAVAILABLE", 1)
        assert breaker_states()["database"] == "open"
        ready, took_s = timed(lambda: client.get("/ready"))
        assert ready.status_code == 503 and took_s < 1
        states = ready.get_json()["dependencies"]
        assert [name for name, state in states.items() if state != "ok"] == ["database"]
        assert 'oriel_breaker_state{name="database",state="open"} 1.0' in client.get("/metrics").text
        assert client.get("/health").status_code == 200
    breaker("database").half_open()  # what it does by itself after five seconds
    assert profile()[0].status_code == 200
    assert breaker_states()["database"] == "closed"


def test_hanging_it_is_a_503_within_five_seconds_and_then_within_one(
    app: OpenAPI, profile: Callable[[], Timed], postgres: Postgres
) -> None:
    @app.get("/slow")
    def slow() -> str:
        db.session.execute(text("SELECT pg_sleep(60)"))
        return ""

    assert profile()[0].status_code == 200
    under_way: list[Timed] = []
    asking = threading.Thread(target=lambda: under_way.append(timed(lambda: app.test_client().get("/slow"))))
    asking.start()
    time.sleep(0.5)
    assert postgres._process is not None
    with frozen(postgres._process.pid):
        for _ in range(3):
            assert_away(profile(), "DATABASE_UNAVAILABLE", 5)
        asking.join()
        assert_away(under_way[0], "DATABASE_UNAVAILABLE", 5)
        for _ in range(3):
            assert_away(profile(), "DATABASE_UNAVAILABLE", 1)
    until(lambda: profile()[0].status_code == 200)


def test_a_render_goes_on_while_it_is_away_and_completes_once(
    app: OpenAPI,
    processes: Processes,
    queued: Callable[..., str],
    look: Look,
    postgres: Postgres,
    services: Services,
    thirty_seconds: Path,
    tmp_path: Path,
) -> None:
    name, next_one = queued(song=thirty_seconds, size="640x360"), queued()
    workers = [processes.start("worker", "--queues", "video_rendering") for _ in range(2)]
    scheduler = processes.start("scheduler")
    until(lambda: look(name).status is JobStatus.PROCESSING and look(name).stage == "draw", 60)
    with away(postgres):
        time.sleep(2)
        services.queue.ping()
    until(lambda: all(look(one).status is JobStatus.COMPLETED for one in (name, next_one)))
    assert all(process.poll() is None for process in (*workers, scheduler))
    assert (look(name).attempts, look(name).error_detail) == (0, None)
    assert services.storage.size(f"videos/{name}.mp4") == look(name).video_bytes
    with app.app_context():
        assert db.session.query(EmailMessage).filter_by(kind="completed").count() == 2


def test_the_workers_of_a_long_video_go_on_while_it_is_away(
    app: OpenAPI,
    processes: Processes,
    queued: Callable[..., str],
    look: Look,
    postgres: Postgres,
    services: Services,
    thirty_seconds: Path,
) -> None:
    name = queued(song=thirty_seconds, size="640x360")
    roles = [["worker", "--queues", "video_rendering"]] * 2 + [["scheduler"]]
    started = [processes.start(*role, ORIEL_FAN_OUT_S="10") for role in roles]
    until(lambda: frames_drawn(app) > 0)
    with away(postgres):
        time.sleep(2)
    until(lambda: look(name).status is JobStatus.COMPLETED)
    assert all(process.poll() is None for process in started)
    assert services.storage.size(f"videos/{name}.mp4") == look(name).video_bytes
    with app.app_context():
        assert db.session.query(EmailMessage).filter_by(kind="completed").count() == 1
    until(lambda: not list(services.storage.list("chunks/")))
