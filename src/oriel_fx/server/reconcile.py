"""Making the queue agree with the database: what rows say is due is enqueued, what is abandoned is put back.

`reconcile` may run at any time, in several processes, and twice: each step is a compare-and-set or has a unique name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from flask import Flask
from sqlalchemy import or_, select, update
from sqlalchemy.exc import InterfaceError, OperationalError

from oriel_fx.server.db import db, utcnow
from oriel_fx.server.errors import QueueUnavailableError
from oriel_fx.server.jobs import fan_out
from oriel_fx.server.jobs.claims import CANCEL_REASON, FREED
from oriel_fx.server.jobs.mirror import mirror_letters, unmirror
from oriel_fx.server.jobs.outcomes import workers_lost
from oriel_fx.server.jobs.stopping import STOPPING
from oriel_fx.server.jobs.sweeps import CLEANUP_JOB, SWEEPS
from oriel_fx.server.mail import outbox
from oriel_fx.server.models import DeadLetter, RenderJob
from oriel_fx.server.payments.refunds import refund_what_is_due
from oriel_fx.server.payments.sync import reconcile_payments
from oriel_fx.server.queue.base import CLEANUP, SCHEDULER
from oriel_fx.server.renders.cancel import finish_cancel
from oriel_fx.server.renders.enqueue import enqueue_render
from oriel_fx.server.renders.transitions import transition
from oriel_fx.server.services import current_services, current_settings
from oriel_fx.server.states import DeadLetterStatus, JobStatus

BATCH = 200
# How often a job that waits is looked for in the queue.
LOOK_AGAIN_S = 10
_SWEEP_EVERY_S, _SWEEP_TIMEOUT_S = 3600, 600
_log = structlog.get_logger("oriel_fx.reconcile")


@dataclass(frozen=True)
class Reconciled:
    """How many of each were found and dealt with; a step that could not be done now counts as 0."""

    freed: int
    enqueued: int
    chunks: int
    mails: int
    payments: int
    refunds: int
    letters_closed: int
    letters_shown: int


def reconcile(now: datetime | None = None) -> Reconciled:
    """Do every step once; one that fails keeps no other from being done."""
    now = now or utcnow()
    return Reconciled(
        freed=_step("leases", lambda: free_abandoned(now)),
        enqueued=_step("jobs", lambda: enqueue_due(now)),
        chunks=_step("chunks", lambda: fan_out.drive(now)),
        mails=_step("mails", lambda: announce_mails(now)),
        payments=_step("payments", lambda: reconcile_payments(now)),
        refunds=_step("refunds", lambda: refund_what_is_due(now)),
        letters_closed=_step("dead letters", lambda: close_letters(now)),
        letters_shown=_step("the queue of dead letters", mirror_letters),
    )


def free_abandoned(now: datetime) -> int:
    """Put back the jobs whose lease ran out; one that has lost many workers is given up. Commits."""
    expired = select(RenderJob).where(RenderJob.status == JobStatus.PROCESSING, RenderJob.lease_expires_at < now)
    jobs = db.session.scalars(expired.order_by(RenderJob.lease_expires_at).limit(BATCH)).all()
    return sum(_free(job) for job in jobs)


def _free(job: RenderJob) -> bool:
    crashes, token = job.crashes + 1, job.lease_token
    if job.cancel_requested:
        done = finish_cancel(db.session, job, CANCEL_REASON, lease_token=token, **FREED)
    elif crashes > current_settings().job_crashes:
        return workers_lost(job, crashes, job.lease_owner)
    else:
        done = transition(job, JobStatus.QUEUED, lease_token=token, crashes=crashes, **FREED)
    db.session.commit()
    if done:
        _log.warning("job taken from a lost worker", job_id=job.public_id, crashes=crashes)
    return done


def enqueue_due(now: datetime) -> int:
    """Put jobs into the queue that are due and may not be there; how many were looked at. Commits."""
    seen = now - timedelta(seconds=LOOK_AGAIN_S)
    due = select(RenderJob).where(
        RenderJob.status == JobStatus.QUEUED,
        or_(RenderJob.next_attempt_at.is_(None), RenderJob.next_attempt_at <= now),
        or_(RenderJob.enqueued_at.is_(None), RenderJob.enqueued_at < seen),
    )
    number = 0
    for job in db.session.scalars(due.order_by(RenderJob.created_at, RenderJob.id).limit(BATCH)).all():
        if not enqueue_render(job):
            break
        number += 1
    return number


def announce_mails(now: datetime) -> int:
    """Tell the workers of mails that are due."""
    ids = outbox.due(now, BATCH)
    for message_id in ids:
        outbox.announce(message_id)
    return len(ids)


def close_letters(now: datetime) -> int:
    """Close the dead letters of jobs whose money has gone back because nobody retried them in time. Commits."""
    over = select(RenderJob.id).where(RenderJob.status == JobStatus.FAILED, RenderJob.refund_due_at <= now)
    closed = db.session.execute(
        update(DeadLetter)
        .where(DeadLetter.status == DeadLetterStatus.OPEN, DeadLetter.job_id.in_(over))
        .values(status=DeadLetterStatus.DROPPED, resolved_at=now)
        .returning(DeadLetter.id),
        execution_options={"synchronize_session": False},
    ).all()
    db.session.commit()
    unmirror(*(row[0] for row in closed))
    return len(closed)


def enqueue_sweeps(now: datetime) -> None:
    """Enqueue each clean-up task once an hour. Raises QueueUnavailableError."""
    hour = int(now.timestamp()) // _SWEEP_EVERY_S
    for name in SWEEPS:
        current_services().queue.enqueue(
            CLEANUP, CLEANUP_JOB, name, job_timeout_s=_SWEEP_TIMEOUT_S, unique_id=f"cleanup-{name}-{hour}"
        )


def run_scheduler(app: Flask) -> None:
    """Reconcile every few seconds, and sweep every hour, until this process is asked to stop."""
    every_s = app.extensions["oriel"].settings.reconcile_every_s
    swept = 0
    while not STOPPING.is_set():
        now = utcnow()
        with app.app_context():
            _step("heartbeat", _beat)
            done = reconcile(now)
            hour = int(now.timestamp()) // _SWEEP_EVERY_S
            if hour != swept and _step("sweeps", lambda now=now: _swept(now)):  # type: ignore[misc]
                swept = hour
        if done.freed or done.refunds or done.letters_closed:
            _log.info("reconciled", **vars(done))
        STOPPING.wait(every_s)


def _beat() -> int:
    current_services().queue.beat(SCHEDULER)
    return 1


def _swept(now: datetime) -> int:
    enqueue_sweeps(now)
    return 1


def _step(name: str, do: Callable[[], int]) -> int:
    try:
        return do()
    except QueueUnavailableError:
        _log.warning("the queue is away", step=name)
    except (OperationalError, InterfaceError) as error:
        # Of an outage one line tells as much as a trace in each step, every few seconds.
        _log.warning("the database is away", step=name, error=type(error).__name__)
    except Exception as error:
        # The next turn is seconds away; the others must not wait for this one to be mended.
        _log.exception("a step failed", step=name, error=type(error).__name__)
    finally:
        db.session.remove()
    return 0
