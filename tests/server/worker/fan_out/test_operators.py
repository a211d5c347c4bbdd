"""A long video as operators see it, and what is swept up after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from flask_openapi import OpenAPI
from tests.server.worker.fan_out.conftest import sqlite

from oriel_fx.server.admin.jobs import show_job
from oriel_fx.server.admin.overview import queues
from oriel_fx.server.cleanup import run_sweep
from oriel_fx.server.db import utcnow
from oriel_fx.server.jobs.group_claims import claim_group
from oriel_fx.server.jobs.group_rendering import run_group
from oriel_fx.server.jobs.rendering import run_render
from oriel_fx.server.services import Services


@sqlite
def test_operators_see_the_groups_and_free_those_that_are_stuck(
    app: OpenAPI, long: Callable[..., str], within: Callable[..., None]
) -> None:
    name = long()
    within(run_render, name)
    within(run_group, name, 0)
    with app.app_context():
        assert claim_group(name, 1, "box:17") is not None
        shown = show_job(name)
        assert (shown.groups, shown.groups_done, shown.drawn_by) == (2, 1, "box:17")
        assert next(row for row in queues().rows if row.name == "video_rendering").in_database == 0
        late = utcnow() + timedelta(minutes=10)
        assert run_sweep("stuck_jobs", late, dry_run=True).examples == (name,)
        run_sweep("stuck_jobs", late)
        assert next(row for row in queues().rows if row.name == "video_rendering").in_database == 1
        assert show_job(name).drawn_by == ""


@sqlite
def test_files_of_chunks_without_a_row_are_swept_and_those_with_one_are_not(
    app: OpenAPI, long: Callable[..., str], within: Callable[..., None], services: Services, tmp_path: Path
) -> None:
    name = long()
    within(run_render, name)
    within(run_group, name, 0)
    [kept, sound] = [file.key for file in services.storage.list("chunks/")]
    (tmp_path / "x").write_bytes(b"x")
    services.storage.save(f"chunks/{name}/00001-lost.mp4", tmp_path / "x", "video/mp4")
    with app.app_context():
        swept = run_sweep("orphaned_files", utcnow() + timedelta(hours=25)).examples
    # The sound can be encoded again.
    assert [key for key in swept if key.startswith("chunks/")] == [f"chunks/{name}/00001-lost.mp4", sound]
    assert [file.key for file in services.storage.list("chunks/")] == [kept]
