"""Long videos in this process, a group of chunks at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask_openapi import OpenAPI
from sqlalchemy import select, update
from tests.conftest import PLAIN
from tests.server.worker.processes import until

from oriel_fx.render.pipeline import render_video
from oriel_fx.render.spec import RenderSpec
from oriel_fx.server.db import db
from oriel_fx.server.jobs import group_rendering
from oriel_fx.server.jobs.group_rendering import run_group
from oriel_fx.server.models import Chunk, RenderJob
from oriel_fx.server.settings import Settings

Look = Callable[[str], RenderJob]


def slow(size: str) -> dict[str, Any]:
    """Values of a job of two chunks that take a while to draw."""
    output = {"size": size, "fps": 30, "quality": "draft"}
    return {"render_config": {**PLAIN, "output": output}, "size": size, "fps": "30", "n_frames": 900}


SLOW = slow("1280x720")
# For what is stopped before its end, and must not come to it first.
ENDLESS = slow("2560x1440")
sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Thirty seconds are long here."""
    return settings.model_copy(update={"fan_out_s": 10.0})


@pytest.fixture(autouse=True)
def one_group_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the tests see what is in between; one undoes it."""
    monkeypatch.setattr(group_rendering, "claim_next", lambda *_: None)


@pytest.fixture
def long(queued: Callable[..., str], thirty_seconds: Path) -> Callable[..., str]:
    """A job of two chunks, each a group."""

    def make(**values: object) -> str:
        return queued(song=thirty_seconds, **values)

    return make


@pytest.fixture
def within(app: OpenAPI) -> Callable[..., None]:
    """Runs one of the worker's functions as a worker would."""

    def run(function: Callable[..., None], *words: object) -> None:
        with app.app_context():
            function(app, *words)

    return run


@pytest.fixture
def chunks(app: OpenAPI) -> Callable[[], list[Chunk]]:
    def read() -> list[Chunk]:
        with app.app_context():
            rows = list(db.session.scalars(select(Chunk).order_by(Chunk.number)))
            db.session.expunge_all()
            return rows

    return read


def change(app: OpenAPI, model: type[Chunk] | type[RenderJob], **values: object) -> None:
    with app.app_context():
        db.session.execute(update(model).values(**values))
        db.session.commit()


def expected(app: OpenAPI, name: str, song: Path, folder: Path) -> bytes:
    """The file one worker makes of it."""
    with app.app_context():
        job = db.session.query(RenderJob).filter_by(public_id=name).one()
        spec = RenderSpec.model_validate(job.render_config)
    # The worker knows the song by its key's last part, which is its title where it has no tags.
    named = folder / Path("audio.wav")
    named.write_bytes(song.read_bytes())
    render_video(named, folder / "alone.mp4", spec)
    return (folder / "alone.mp4").read_bytes()


def drawing(app: OpenAPI, name: str, group: int = 0) -> threading.Thread:
    """A worker that draws a group, well under way."""

    def work() -> None:
        with app.app_context():
            run_group(app, name, group)

    def begun() -> bool:
        with app.app_context():
            return (db.session.scalar(select(Chunk.frames_done).where(Chunk.group_number == group)) or 0) > 0

    thread = threading.Thread(target=work)
    thread.start()
    until(begun)
    return thread
