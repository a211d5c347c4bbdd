"""/health, /ready and /metrics."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from pydantic import SecretStr
from tests.server.processes import free_port

from oriel_fx.server.db import utcnow
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus


def test_health_asks_nothing_else(client: FlaskClient) -> None:
    assert client.get("/health").get_json() == {"status": "ok"}


def test_ready_names_each_dependency(client: FlaskClient) -> None:
    body = client.get("/ready").get_json()
    assert set(body["dependencies"]) == {"database", "queue", "storage"}
    assert body["dependencies"]["database"] == "ok"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_missing_database_is_named(no_database: Settings, make_app: Callable[[Settings], OpenAPI]) -> None:
    reply = make_app(no_database).test_client().get("/ready")
    assert reply.status_code == 503
    assert reply.get_json()["dependencies"]["database"] == "OperationalError"


LOCAL = {"REMOTE_ADDR": "127.0.0.1"}
FAR = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_metrics_need_a_token_from_afar(settings: Settings, make_app: Callable[[Settings], OpenAPI]) -> None:
    client = make_app(settings.model_copy(update={"metrics_token": SecretStr("let-me-in")})).test_client()
    assert client.get("/metrics", environ_base=LOCAL).status_code == 200
    assert client.get("/metrics", environ_base=FAR).status_code == 401
    assert client.get("/metrics", environ_base=FAR, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/metrics", environ_base=FAR, headers={"Authorization": "Bearer let-me-in"}).status_code == 200
    # A proxy on this machine makes everyone look local.
    assert client.get("/metrics", environ_base=LOCAL, headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401


def test_metrics_count_requests_and_jobs(
    client: FlaskClient, make_user: Callable[..., int], make_job: Callable[..., int]
) -> None:
    make_job(make_user(), JobStatus.QUEUED)
    client.get("/health")
    text = client.get("/metrics").text
    assert 'oriel_requests_total{endpoint="health.health",method="GET",status="200"} 1.0' in text
    assert 'oriel_jobs{status="queued"} 1.0' in text
    assert 'oriel_jobs{status="failed"} 0.0' in text


def test_metrics_tell_of_speed_and_of_what_waits_for_an_operator(
    client: FlaskClient, make_user: Callable[..., int], make_job: Callable[..., int], services: Services
) -> None:
    now, user = utcnow(), make_user()
    assert 'oriel_render_realtime_ratio{share="0.5"} NaN' in client.get("/metrics").text
    for took_s in (10, 20, 40):
        times = {"started_at": now - timedelta(seconds=took_s), "completed_at": now}
        make_job(user, JobStatus.COMPLETED, duration_s=20.0, **times)
    services.queue.beat("scheduler")
    text = client.get("/metrics").text
    assert 'oriel_render_realtime_ratio{share="0.5"} 1.0' in text
    assert 'oriel_render_realtime_ratio{share="0.95"} 0.5' in text
    assert "oriel_renders_last_day 3.0" in text
    assert "oriel_dead_letters 0.0" in text
    assert 'oriel_mails{status="pending"} 0.0' in text
    silent_s = next(line for line in text.splitlines() if line.startswith("oriel_scheduler_silent_seconds "))
    assert float(silent_s.split()[1]) < 30


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_with_several_workers_each_metric_is_told_once(settings: Settings, app: OpenAPI, tmp_path: Path) -> None:
    # prometheus-client reads the folder's name when it is imported: in a process of its own.
    program = (
        "from oriel_fx.server.app import create_app\n"
        "from oriel_fx.server.settings import load_settings\n"
        "client = create_app(load_settings()).test_client()\n"
        "client.get('/metrics')\n"
        "print(client.get('/metrics').text)"
    )
    own = {
        "ORIEL_ENV": "development",
        "ORIEL_DATA_DIR": str(settings.data_dir),
        "ORIEL_DATABASE_URL": settings.database_url,
        "ORIEL_REDIS_URL": settings.redis_url,
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
    }
    ran = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | own, capture_output=True, text=True, check=True
    )
    kinds = [line.split()[2] for line in ran.stdout.splitlines() if line.startswith("# TYPE")]
    assert {"oriel_jobs", "oriel_requests_total", "oriel_workers"} <= set(kinds)
    assert len(kinds) == len(set(kinds)) and "pid=" not in ran.stdout


@pytest.fixture
def no_database(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_url": f"postgresql+psycopg://oriel@127.0.0.1:{free_port()}/x"})


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_metrics_go_on_without_the_database(no_database: Settings, make_app: Callable[[Settings], OpenAPI]) -> None:
    reply = make_app(no_database).test_client().get("/metrics")
    assert reply.status_code == 200
    assert 'oriel_scrape_failed{source="database"} 1.0' in reply.text
    assert "oriel_requests_total" in make_app(no_database).test_client().get("/metrics").text
