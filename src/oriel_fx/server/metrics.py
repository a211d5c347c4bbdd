"""Prometheus metrics. Counters live in the process; what the database knows is asked for at each scrape."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import cast

import structlog
from flask import Flask, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
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
    found: list[GaugeMetricFamily] = []
    failed = _gauge("oriel_scrape_failed", "1 for a source that could not be asked.", "source")
    for name, ask in (("database", _database), ("queue", _queues)):
        try:
            found += ask()
        except Exception as error:
            _log.warning("metrics are incomplete", source=name, error=type(error).__name__)
            failed.add_metric([name], 1)
        else:
            failed.add_metric([name], 0)
    states = _gauge("oriel_breaker_state", "1 for the state a circuit breaker is in.", "name", "state")
    for name, state in breaker_states().items():
        for possible in _BREAKER_STATES:
            states.add_metric([name, possible], possible == state)
    fresh = CollectorRegistry()
    fresh.register(_Found([*found, failed, states]))
    return _process_metrics() + generate_latest(fresh)


class _Found(Collector):
    """What was asked for just now. A Gauge would be kept in the files that gunicorn's workers share, and told again."""

    def __init__(self, found: list[GaugeMetricFamily]) -> None:
        self._found = found

    def collect(self) -> list[GaugeMetricFamily]:
        """Them."""
        return self._found


def _gauge(name: str, about: str, *labels: str, values: Mapping[str, float] | None = None) -> GaugeMetricFamily:
    """A gauge, filled where it has one label."""
    gauge = GaugeMetricFamily(name, about, labels=labels)
    for label, value in (values or {}).items():
        gauge.add_metric([label], value)
    return gauge


def _process_metrics() -> bytes:
    # With several gunicorn workers prometheus-client keeps counters in files of this folder; its own rule.
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
    return generate_latest(current_metrics().registry)


def _database() -> list[GaugeMetricFamily]:
    jobs = dict.fromkeys((status.value for status in JobStatus), 0)
    counted = db.session.execute(select(RenderJob.status, func.count()).group_by(RenderJob.status))
    jobs |= {status.value: number for status, number in counted}
    letters = _number(select(func.count()).where(DeadLetter.status == DeadLetterStatus.OPEN))
    mails = {
        status.value: _number(select(func.count()).where(EmailMessage.status == status))
        for status in (EmailStatus.PENDING, EmailStatus.FAILED)
    }
    # Renders are made in processes that live for one job, so their speed is asked of the rows they leave.
    speeds = render_speeds(current_services().clock() - timedelta(days=1))
    reached = {str(share): at_least(speeds, share) or math.nan for share in (0.5, 0.95)}
    ratio = "Seconds of video made in a second: what this share of the last day's renders reached."
    return [
        _gauge("oriel_jobs", "Render jobs by status.", "status", values=jobs),
        GaugeMetricFamily("oriel_dead_letters", "Dead letters that wait for an operator.", letters),
        _gauge("oriel_mails", "Mails in the outbox that wait, or were given up.", "status", values=mails),
        _gauge("oriel_render_realtime_ratio", ratio, "share", values=reached),
        GaugeMetricFamily("oriel_renders_last_day", "The renders that ratio speaks of.", len(speeds)),
    ]


def _queues() -> list[GaugeMetricFamily]:
    queue = current_services().queue
    heard = queue.heard_of(SCHEDULER)
    silent_s = (current_services().clock() - heard).total_seconds() if heard else math.inf
    oldest = "How long the first job has waited."
    return [
        _gauge("oriel_queue_depth", "Jobs waiting.", "queue", values=queue.depths()),
        _gauge("oriel_queue_oldest_seconds", oldest, "queue", values=queue.oldest_s()),
        GaugeMetricFamily("oriel_workers", "Workers alive.", len(queue.workers())),
        GaugeMetricFamily("oriel_scheduler_silent_seconds", "How long the scheduler said nothing.", silent_s),
    ]


def _number(query: Select[int]) -> int:
    return db.session.scalar(query) or 0
