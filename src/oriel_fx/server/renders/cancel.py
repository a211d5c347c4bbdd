"""Canceling: at once while nothing is rendered, by asking the worker while it is.

Whoever cancels before there is a video gets their money back, also while it is being rendered: they get nothing
that they paid for, and the minutes a worker spent cost less than a dispute. A finished video is not taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import structlog
from sqlalchemy import update

from oriel_fx.server.db import utcnow
from oriel_fx.server.errors import JobNotCancelableError, QueueUnavailableError
from oriel_fx.server.models import Payment, RenderJob
from oriel_fx.server.payments.locks import AnySession
from oriel_fx.server.renders.enqueue import render_work_id
from oriel_fx.server.renders.transitions import transition
from oriel_fx.server.services import current_services
from oriel_fx.server.states import JobStatus

_ROUNDS = 5
Refunding = Literal["none", "requested", "when_stopped"]
_log = structlog.get_logger("oriel_fx.renders")


@dataclass(frozen=True)
class Cancellation:
    """What canceling did: the job's status now, whether a worker was asked to stop, whether money goes back."""

    status: JobStatus
    cancel_requested: bool
    refund: Refunding


def cancel_job(session: AnySession, job: RenderJob, reason: str) -> Cancellation:
    """Cancel a job, and commit. Canceling twice does nothing more. `reason` is kept with the refund.

    An open checkout is closed and waiting work taken out of the queue after the commit; where that fails, a late
    payment is refunded and a worker finds the job canceled. Raises JobNotCancelableError.
    """
    for _ in range(_ROUNDS):
        if job.status is JobStatus.CANCELED:
            return Cancellation(job.status, job.cancel_requested, "requested" if _has_refund(session, job) else "none")
        if job.status is JobStatus.PROCESSING:
            if _ask_worker(session, job):
                return Cancellation(job.status, True, "when_stopped" if job.payment_id else "none")
        elif job.status in (JobStatus.AWAITING_PAYMENT, JobStatus.QUEUED):
            if finish_cancel(session, job, reason):
                done = Cancellation(job.status, job.cancel_requested, "requested" if job.payment_id else "none")
                job_id, payment_id = job.id, job.payment_id
                session.commit()
                _take_out_of_queue(job)
                _follow_up(job_id, payment_id)
                return done
        else:
            raise JobNotCancelableError(status=job.status.value)
        session.rollback()
        session.refresh(job)
    raise JobNotCancelableError(status=job.status.value)


def finish_cancel(
    session: AnySession, job: RenderJob, reason: str, *, lease_token: int | None = None, **values: Any
) -> bool:
    """Move the job to `canceled` and ask for its refund, in the caller's transaction; False where another was first.

    A worker that was asked to stop calls it with its lease's token, and commits.
    """
    if not transition(job, JobStatus.CANCELED, lease_token=lease_token, **{"eta_s": None, "stage": ""} | values):
        return False
    if job.payment_id is not None:
        from oriel_fx.server.payments.refunds import request_refund

        request_refund(session, session.get_one(Payment, job.payment_id), reason)
    return True


def _ask_worker(session: AnySession, job: RenderJob) -> bool:
    """Ask the worker that renders the job to stop; False where it has just ended."""
    asked = session.execute(
        update(RenderJob)
        .where(RenderJob.id == job.id, RenderJob.status == JobStatus.PROCESSING)
        .values(cancel_requested=True, version=RenderJob.version + 1, updated_at=utcnow())
        .returning(RenderJob.id),
        execution_options={"synchronize_session": False},
    ).first()
    session.commit()
    session.refresh(job)
    return asked is not None


def _has_refund(session: AnySession, job: RenderJob) -> bool:
    if job.payment_id is None:
        return False
    return session.get_one(Payment, job.payment_id).refund_requested_at is not None


def _follow_up(job_id: int, payment_id: int | None) -> None:
    """What other services have to do: send the money back, and close an open checkout so that nobody pays for nothing.

    Where they are away the reconciler sends the money back, and a payment that still arrives is refunded.
    """
    from oriel_fx.server.payments.sync import follow_up
    from oriel_fx.server.payments.todo import Todo

    follow_up(Todo(refunds=[] if payment_id is None else [payment_id], closings=[job_id]))


def _take_out_of_queue(job: RenderJob) -> None:
    try:
        current_services().queue.cancel(render_work_id(job))
    except QueueUnavailableError:
        _log.info("canceled work stays queued: the queue is away", job_id=job.public_id)
