"""How the service does: queues, workers, and numbers. All of it answers, with zeros, when nothing runs."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Subquery, case, func, select

from oriel_fx.server.db import db
from oriel_fx.server.errors import QueueUnavailableError
from oriel_fx.server.models import Chunk, DeadLetter, EmailMessage, JobAsset, Payment, RenderJob
from oriel_fx.server.queue.base import DEAD_LETTER, HIGH_PRIORITY, QUEUES, SCHEDULER, VIDEO_RENDERING
from oriel_fx.server.services import current_services
from oriel_fx.server.states import ChunkStatus, DeadLetterStatus, EmailStatus, JobStatus, PaymentStatus

_SPEEDS = 1000
_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EARNED = (PaymentStatus.COMPLETED, PaymentStatus.PARKED)
_RETURNED = (PaymentStatus.REFUNDED, PaymentStatus.REFUND_PENDING)


@dataclass(frozen=True)
class QueueRow:
    """A queue: what waits in Redis, how long its first has waited, and what the database says is due."""

    name: str
    waiting: int
    oldest_s: float
    in_database: int


@dataclass(frozen=True)
class Queues:
    """All queues; `reachable` is False, and the first two numbers zero, where Redis is away."""

    reachable: bool
    rows: list[QueueRow]


@dataclass(frozen=True)
class WorkerRow:
    """A worker that is alive; `work` is what it is at, and `job_id` the render job that this is about."""

    name: str
    queues: str
    state: str
    work: str | None
    job_id: str | None
    last_heartbeat_at: datetime


@dataclass(frozen=True)
class Workers:
    """All workers that are alive, and when the scheduler was; none where Redis is away."""

    reachable: bool
    rows: list[WorkerRow]
    scheduler_heard_of_at: datetime | None


@dataclass(frozen=True)
class DayRow:
    """One UTC day: jobs that ended well and badly, and cents paid in."""

    day: str
    completed: int
    failed: int
    paid_cents: int


@dataclass(frozen=True)
class Stats:
    """Numbers of the last `days` days; jobs by state and storage are of now.

    `error_rate` is failed / (failed + completed), 0 where nothing ended. Revenue is by currency, refunds taken off.
    Render speed is seconds of video for each second: half of the renders were at least as fast as `p50`, 95 of 100
    as `p95`; None where nothing was rendered.
    """

    days: int
    jobs: dict[str, int]
    completed: int
    failed: int
    error_rate: float
    revenue_cents: dict[str, int]
    refunded_cents: dict[str, int]
    storage_bytes: int
    open_dead_letters: int
    pending_mails: int
    realtime_p50: float | None
    realtime_p95: float | None
    by_day: list[DayRow]


def _waiting_groups() -> Subquery:
    """The groups of split jobs that nobody draws yet."""
    waiting = select(Chunk.job_id, Chunk.group_number).join(RenderJob, RenderJob.id == Chunk.job_id)
    return (
        waiting.where(RenderJob.status == JobStatus.PROCESSING, Chunk.status == ChunkStatus.PENDING)
        .distinct()
        .subquery()
    )


def queues() -> Queues:
    """The queues' lengths."""
    due = {
        VIDEO_RENDERING: select(
            select(func.count()).where(RenderJob.status == JobStatus.QUEUED).scalar_subquery()
            + select(func.count()).select_from(_waiting_groups()).scalar_subquery()
        ),
        HIGH_PRIORITY: select(func.count()).where(EmailMessage.status == EmailStatus.PENDING),
        DEAD_LETTER: select(func.count()).where(DeadLetter.status == DeadLetterStatus.OPEN),
    }
    in_database = {name: db.session.scalar(query) or 0 for name, query in due.items()}
    waiting, oldest_s, reachable = dict.fromkeys(QUEUES, 0), dict.fromkeys(QUEUES, 0.0), True
    try:
        waiting, oldest_s = current_services().queue.depths(), current_services().queue.oldest_s()
    except QueueUnavailableError:
        reachable = False
    rows = [QueueRow(name, waiting[name], round(oldest_s[name], 1), in_database.get(name, 0)) for name in QUEUES]
    return Queues(reachable, rows)


def workers() -> Workers:
    """The workers."""
    try:
        found, scheduler = current_services().queue.workers(), current_services().queue.heard_of(SCHEDULER)
    except QueueUnavailableError:
        return Workers(False, [], None)
    rows = [
        WorkerRow(one.name, ", ".join(one.queues), one.state, one.job_id, _job_in(one.job_id), one.last_heartbeat_at)
        for one in found
    ]
    return Workers(True, rows, scheduler)


def _job_in(work: str | None) -> str | None:
    found = _JOB_ID.search(work or "")
    return found[0] if found else None


def stats(days: int = 7) -> Stats:
    """The numbers, in a constant number of queries."""
    now = current_services().clock()
    since = (now - timedelta(days=days - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    counted = db.session.execute(select(RenderJob.status, func.count()).group_by(RenderJob.status))
    jobs = {status.value: 0 for status in JobStatus} | {status.value: number for status, number in counted}
    by_day, earned, returned = (
        _days(since, days),
        _money(since, _EARNED),
        _money(since, _RETURNED),
    )
    completed, failed = sum(day.completed for day in by_day), sum(day.failed for day in by_day)
    speeds = render_speeds(since)
    return Stats(
        days=days,
        jobs=jobs,
        completed=completed,
        failed=failed,
        error_rate=failed / (failed + completed) if failed + completed else 0.0,
        revenue_cents=earned,
        refunded_cents=returned,
        storage_bytes=storage_bytes(),
        open_dead_letters=_count(select(func.count()).where(DeadLetter.status == DeadLetterStatus.OPEN)),
        pending_mails=_count(select(func.count()).where(EmailMessage.status == EmailStatus.PENDING)),
        realtime_p50=at_least(speeds, 0.50),
        realtime_p95=at_least(speeds, 0.95),
        by_day=by_day,
    )


def storage_bytes() -> int:
    """Bytes of uploads and videos that were not deleted, by what the rows say."""
    there = RenderJob.files_deleted_at.is_(None)
    uploads = select(func.sum(JobAsset.n_bytes)).join(RenderJob, RenderJob.id == JobAsset.job_id).where(there)
    videos = select(func.sum(RenderJob.video_bytes)).where(there)
    return _count(uploads) + _count(videos)


def at_least(values: list[float], share: float) -> float | None:
    """What this share of the values reach or exceed: nearest rank, from above. None for no values."""
    if not values:
        return None
    ordered = sorted(values, reverse=True)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def render_speeds(since: datetime) -> list[float]:
    """Of the renders completed since then, 1000 at most: seconds of video for each second it took."""
    newest = (
        select(RenderJob.duration_s, RenderJob.started_at, RenderJob.completed_at)
        .where(RenderJob.completed_at >= since, RenderJob.started_at.is_not(None))
        .order_by(RenderJob.completed_at.desc())
        .limit(_SPEEDS)
    )
    rows = db.session.execute(newest).all()
    spans = [(length_s, (done - begun).total_seconds()) for length_s, begun, done in rows if done and begun]
    return [length_s / took_s for length_s, took_s in spans if took_s > 0]


def _days(since: datetime, days: int) -> list[DayRow]:
    ended = select(RenderJob.completed_at, RenderJob.failed_at, RenderJob.status).where(
        (RenderJob.completed_at >= since) | ((RenderJob.failed_at >= since) & (RenderJob.status == JobStatus.FAILED))
    )
    found = {(since + timedelta(days=number)).date().isoformat(): [0, 0, 0] for number in range(days)}
    for completed_at, failed_at, status in db.session.execute(ended):
        moment, column = (failed_at, 1) if status is JobStatus.FAILED else (completed_at, 0)
        _add(found, moment, column, 1)
    paid = select(Payment.completed_at, Payment.amount).where(
        Payment.completed_at >= since, Payment.status.in_(_EARNED)
    )
    for moment, cents in db.session.execute(paid):
        _add(found, moment, 2, cents)
    return [DayRow(day, *numbers) for day, numbers in found.items()]


def _add(days: dict[str, list[int]], moment: datetime | None, column: int, number: int) -> None:
    day = moment.date().isoformat() if moment else ""
    if day in days:
        days[day][column] += number


def _money(since: datetime, statuses: tuple[PaymentStatus, ...]) -> dict[str, int]:
    cents = func.sum(case((Payment.status.in_(statuses), Payment.amount), else_=0))
    paid = select(Payment.currency, cents).where(Payment.completed_at >= since).group_by(Payment.currency)
    return {currency: int(total) for currency, total in db.session.execute(paid)}


def _count(query: object) -> int:
    return int(db.session.scalar(query) or 0)  # type: ignore[call-overload]
