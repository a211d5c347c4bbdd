"""GET /health, /ready and /metrics."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Literal

from flask import Response, request
from pydantic import BaseModel
from sqlalchemy import text

from oriel_fx.server.breakers import breaker_states
from oriel_fx.server.db import db
from oriel_fx.server.errors import ApiError, UnauthorizedError, api_errors
from oriel_fx.server.http import domain
from oriel_fx.server.limits import limiter
from oriel_fx.server.metrics import scrape
from oriel_fx.server.services import current_services, current_settings
from oriel_fx.server.settings import is_loopback, reveal

bp = domain("health", "", "Whether the service is alive and ready, and its metrics.")


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Ready(BaseModel):
    """What the service depends on, each `ok` or what is wrong with it."""

    status: Literal["ok", "unavailable"]
    dependencies: dict[str, str]
    breakers: dict[str, str]


@bp.get("/health", responses={200: Alive})
@limiter.exempt
def health() -> dict[str, str]:
    """Alive: the process answers. Asks nothing else."""
    return {"status": "ok"}


@bp.get("/ready", responses={200: Ready, 503: Ready})
def ready() -> tuple[dict[str, object], int]:
    """Ready: each dependency by name; 503 when one is missing. Each question costs some at storage: it is limited."""
    services = current_services()
    dependencies = {
        "database": _state(_database),
        "queue": _state(lambda: services.queue.ping()),
        "storage": _state(lambda: services.storage.ping()),
    }
    good = all(state == "ok" for state in dependencies.values())
    body: dict[str, object] = {
        "status": "ok" if good else "unavailable",
        "dependencies": dependencies,
        "breakers": breaker_states(),
    }
    return body, 200 if good else 503


@bp.get("/metrics", responses={200: {"description": "Prometheus's text format."}, **api_errors(UnauthorizedError)})
@limiter.exempt
def metrics() -> Response:
    """Prometheus metrics, for this machine, or with the metrics token as a bearer token."""
    if not _may_scrape():
        raise UnauthorizedError("This needs the metrics token.")
    return Response(scrape(), mimetype="text/plain; version=0.0.4")


def _database() -> None:
    db.session.execute(text("SELECT 1"))


def _state(check: Callable[[], None]) -> str:
    try:
        check()
    except ApiError as error:
        return error.code.lower()
    except Exception as error:
        # A name of a class says enough here, and holds no address.
        return type(error).__name__
    return "ok"


def _may_scrape() -> bool:
    token = reveal(current_settings().metrics_token)
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return True
    # A proxy on this machine makes everyone look local; it also leaves this header.
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return is_loopback(request.remote_addr or "") and not forwarded
