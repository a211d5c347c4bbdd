"""Prometheus metrics. Counters live in the process; what the database knows is asked for at each scrape."""

from __future__ import annotations

import math
import os
import time
from datetime import timedelta
from typing import cast

import structlog
from flask import Flask, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import Select, func, select
from werkzeug.wrappers import Response

from oriel_fx.server.admin.overview import at_least, render_speeds
from oriel_fx.server.breakers import breaker_states
from oriel_fx.server.db import db
from oriel_fx.server.models import DeadLetter, EmailMessage, RenderJob
from oriel_fx.server.queue.base import SCHEDULER
from oriel_fx.server.services import current_services
from oriel_fx.server.states import DeadLetterStatus, EmailStatus, JobStatus

_log = structlog.get_logger("oriel_fx.metrics")
_BREAKER_STATES = ("closed", "half-open", "open")


class Metrics:
    """One application's metrics, in a registry of their own so that two applications fit in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["method", "endpoint", "status"]
        self.requests = Counter("oriel_requests", "Requests.", labels, registry=self.registry)
        self.request_s = Histogram("oriel_request_seconds", "Time of a request.", ["endpoint"], registry=self.registry)


def current_metrics() -> Metrics:
    """The application's metrics, in a request or an application context."""
    return cast(Metrics, current_app.extensions["oriel_metrics"])


def install_metrics(app: Flask) -> None:
    """Count and time every request by endpoint, never by path: paths hold ids. After `install_hooks`."""
    app.extensions["oriel_metrics"] = Metrics()

    @app.after_request
    def count(response: Response) -> Response:
        metrics, endpoint = current_metrics(), request.endpoint or "none"
        metrics.requests.labels(request.method, endpoint, response.status_code).inc()
        metrics.request_s.labels(endpoint).observe(time.perf_counter() - g.started_s)
        return response


def scrape() -> bytes:
    """Everything as Prometheus reads it. What cannot be asked is left out, and `oriel_scrape_failed` is 1 for it."""
    fresh = CollectorRegistry()
    failed = Gauge("oriel_scrape_failed", "1 for a source that could not be asked.", ["source"], registry=fresh)
    for name, ask in (("database", _database), ("queue", _queues)):
        part = CollectorRegistry()
        try:
            ask(part)
        except Exception as error:
            _log.warning("metrics are incomplete", source=name, error=type(error).__name__)
            failed.labels(name).set(1)
        else:
            fresh.register(part)
            failed.labels(name).set(0)
    states = Gauge("oriel_breaker_state", "1 for the state a circuit breaker is in.", ["name", "state"], registry=fresh)
    for name, state in breaker_states().items():
        for possible in _BREAKER_STATES:
            states.labels(name, possible).set(possible == state)
    return _process_metrics() + generate_latest(fresh)


def _process_metrics() -> bytes:
    # With several gunicorn workers prometheus-client keeps counters in files of this folder; its own rule.
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
    return generate_latest(current_metrics().registry)


def _database(registry: CollectorRegistry) -> None:
    jobs = Gauge("oriel_jobs", "Render jobs by status.", ["status"], registry=registry)
    for status in JobStatus:
        jobs.labels(status.value).set(0)
    for status, number in db.session.execute(select(RenderJob.status, func.count()).group_by(RenderJob.status)):
        jobs.labels(status.value).set(number)
    letters = Gauge("oriel_dead_letters", "Dead letters that wait for an operator.", registry=registry)
    letters.set(_number(select(func.count()).where(DeadLetter.status == DeadLetterStatus.OPEN)))
    mails = Gauge("oriel_mails", "Mails in the outbox, by status.", ["status"], registry=registry)
    for waits in (EmailStatus.PENDING, EmailStatus.FAILED):
        mails.labels(waits.value).set(_number(select(func.count()).where(EmailMessage.status == waits)))
    # Renders are made in processes that live for one job, so their speed is asked of the rows they leave.
    speeds = render_speeds(current_services().clock() - timedelta(days=1))
    speed = Gauge(
        "oriel_render_realtime_ratio",
        "Seconds of video made in a second: what this share of the last day's renders reached.",
        ["share"],
        registry=registry,
    )
    for share in (0.5, 0.95):
        speed.labels(str(share)).set(at_least(speeds, share) or math.nan)
    renders = Gauge("oriel_renders_last_day", "Renders that oriel_render_realtime_ratio speaks of.", registry=registry)
    renders.set(len(speeds))


def _queues(registry: CollectorRegistry) -> None:
    depth = Gauge("oriel_queue_depth", "Jobs waiting.", ["queue"], registry=registry)
    age = Gauge("oriel_queue_oldest_seconds", "How long the first job has waited.", ["queue"], registry=registry)
    workers = Gauge("oriel_workers", "Workers alive.", registry=registry)
    queue = current_services().queue
    for name, number in queue.depths().items():
        depth.labels(name).set(number)
    for name, seconds in queue.oldest_s().items():
        age.labels(name).set(seconds)
    workers.set(len(queue.workers()))
    silent = Gauge("oriel_scheduler_silent_seconds", "How long the scheduler said nothing.", registry=registry)
    heard = queue.heard_of(SCHEDULER)
    silent.set((current_services().clock() - heard).total_seconds() if heard else math.inf)


def _number(query: Select[int]) -> int:
    return db.session.scalar(query) or 0
