"""A long video that is canceled, or whose workers have to stop."""

from __future__ import annotations

from collections.abc import Callable

from flask_openapi import OpenAPI
from tests.server.worker.fan_out.conftest import ENDLESS, SLOW, Look, change, drawing, sqlite

from oriel_fx.server.db import db
from oriel_fx.server.jobs.group_rendering import run_group
from oriel_fx.server.jobs.rendering import run_join, run_render
from oriel_fx.server.jobs.stopping import STOPPING
from oriel_fx.server.models import Chunk, Payment, RenderJob, User
from oriel_fx.server.reconcile import reconcile
from oriel_fx.server.services import Services
from oriel_fx.server.states import ChunkStatus, JobStatus, PaymentStatus
from oriel_fx.server.users.deletion import delete_account


def test_cancelling_stops_all_groups_and_leaves_nothing(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    look: Look,
    chunks: Callable[[], list[Chunk]],
    services: Services,
) -> None:
    name = long(**ENDLESS)
    within(run_render, name)
    working = drawing(app, name)
    change(app, RenderJob, cancel_requested=True)
    working.join(90)
    assert not working.is_alive()
    assert look(name).status is JobStatus.CANCELED
    with app.app_context():
        assert db.session.get_one(Payment, look(name).payment_id).status is PaymentStatus.REFUND_PENDING
        reconcile()
    assert (chunks(), list(services.storage.list("chunks/"))) == ([], [])


@sqlite
def test_a_job_nobody_draws_just_now_is_canceled_by_the_reconciler(
    app: OpenAPI, long: Callable[..., str], within: Callable[..., None], look: Look, chunks: Callable[[], list[Chunk]]
) -> None:
    name = long()
    within(run_render, name)
    change(app, RenderJob, cancel_requested=True)
    within(run_group, name, 0)
    with app.app_context():
        reconcile()
    assert look(name).status is JobStatus.CANCELED
    assert chunks() == []


@sqlite
def test_a_worker_told_to_stop_ends_its_chunk_and_gives_the_group_back(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    look: Look,
    chunks: Callable[[], list[Chunk]],
    services: Services,
) -> None:
    name = long(**SLOW)
    within(run_render, name)
    # Both chunks as one group, so that one is left when the first ends.
    change(app, Chunk, group_number=0)
    working = drawing(app, name)
    STOPPING.set()
    working.join(90)
    STOPPING.clear()
    assert [(row.status, row.attempts) for row in chunks()] == [(ChunkStatus.DONE, 0), (ChunkStatus.PENDING, 0)]
    assert services.queue.position(f"chunks-{name}-0-1") == 0
    within(run_group, name, 0)
    within(run_join, name)
    assert (look(name).status, look(name).crashes) == (JobStatus.COMPLETED, 0)


@sqlite
def test_whoever_lost_a_group_stores_nothing(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    chunks: Callable[[], list[Chunk]],
    services: Services,
) -> None:
    name = long(**ENDLESS)
    within(run_render, name)
    working = drawing(app, name)
    change(app, Chunk, lease_owner="another", status=ChunkStatus.RENDERING)
    working.join(90)
    assert not working.is_alive()
    assert {row.lease_owner for row in chunks()} == {"another"}
    assert list(services.storage.list("chunks/")) == []


def test_deleting_the_account_in_mid_job_cancels_refunds_and_removes_the_chunks(
    app: OpenAPI,
    long: Callable[..., str],
    within: Callable[..., None],
    look: Look,
    chunks: Callable[[], list[Chunk]],
    services: Services,
) -> None:
    name = long()
    within(run_render, name)
    within(run_group, name, 1)
    with app.test_request_context():
        delete_account(db.session.get_one(User, look(name).user_id))
    with app.app_context():
        reconcile()
        assert db.session.get_one(Payment, look(name).payment_id).status is not PaymentStatus.COMPLETED
    assert look(name).status is JobStatus.CANCELED
    assert (chunks(), list(services.storage.list("chunks/"))) == ([], [])
    within(run_group, name, 0)
    within(run_join, name)
    assert look(name).status is JobStatus.CANCELED
