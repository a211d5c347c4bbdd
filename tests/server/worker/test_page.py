"""A job for the bundled page: filmed by the worker, with every frame and the sound."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from flask_openapi import OpenAPI

from oriel_fx.render.encode.probe import verify
from oriel_fx.render.spec import RenderSpec
from oriel_fx.server.jobs.rendering import run_render
from oriel_fx.server.models import RenderJob
from oriel_fx.server.services import Services
from oriel_fx.server.states import JobStatus


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def test_a_job_for_the_bundled_page_is_filmed(
    app: OpenAPI,
    services: Services,
    queued: Callable[..., str],
    look: Callable[[str], RenderJob],
    tmp_path: Path,
) -> None:
    config = {"page": "classic", "output": {"size": "320x180", "fps": 10, "quality": "draft"}}
    name = queued(render_config=RenderSpec.from_config(config).model_dump(mode="json"))
    with app.app_context():
        run_render(app, name)
    job = look(name)
    assert (job.status, job.error_detail) == (JobStatus.COMPLETED, None)
    assert job.video_key is not None
    services.storage.download(job.video_key, tmp_path / "video.mp4")
    verify(tmp_path / "video.mp4", 30, Fraction(10), 3.0)
