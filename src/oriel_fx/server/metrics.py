"""Prometheus metrics. Counters live in the process; what the database knows is asked for at each scrape."""

from __future__ import annotations

import os
import time
from typing import cast

import structlog
from flask import Flask, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from oriel_fx.server.breakers import breaker_states
from oriel_fx.server.db import db
from oriel_fx.server.models import RenderJob
from oriel_fx.server.services import current_services
from oriel_fx.server.states import JobStatus

_log = structlog.get_logger("oriel_fx.metrics")
_BREAKER_STATES = ("closed", "half-open", "open")


class Metrics:
    """One application's metrics, in a registry of their own so that two applications fit in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["method", "endpoint", "status"]
        self.requests = Counter("oriel_requests", "Requests.", labels, registry=self.registry)
        self.request_s = Histogram("oriel_request_seconds", "Time of a request.", ["endpoint"], registry=self.registry)
        self.render_speed = Histogram(
            "oriel_render_realtime_ratio",
            "Seconds of video made in a second.",
            buckets=(0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8),
            registry=self.registry,
        )


def current_metrics() -> Metrics:
    """The application's metrics, in a request or an application context."""
    return cast(Metrics, current_app.extensions["oriel_metrics"])


def install_metrics(app: Flask) -> None:
    """Count and time every request by endpoint, never by path: paths hold ids."""
    app.extensions["oriel_metrics"] = Metrics()

    @app.before_request
    def start() -> None:
        g.started_s = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        metrics, endpoint = current_metrics(), request.endpoint or "none"
        metrics.requests.labels(request.method, endpoint, response.status_code).inc()
        if "started_s" in g:
            metrics.request_s.labels(endpoint).observe(time.perf_counter() - g.started_s)
        return response


def scrape() -> bytes:
    """Everything as Prometheus reads it. What cannot be asked is left out, and `oriel_scrape_failed` is 1 for it."""
    fresh = CollectorRegistry()
    failed = Gauge("oriel_scrape_failed", "1 for a source that could not be asked.", ["source"], registry=fresh)
    for name, ask in (("database", _jobs), ("queue", _queues)):
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


def _jobs(registry: CollectorRegistry) -> None:
    jobs = Gauge("oriel_jobs", "Render jobs by status.", ["status"], registry=registry)
    for status in JobStatus:
        jobs.labels(status.value).set(0)
    for status, number in db.session.execute(select(RenderJob.status, func.count()).group_by(RenderJob.status)):
        jobs.labels(status.value).set(number)


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
