"""The one place where a job's status changes, by compare-and-set in SQL: of two processes only one wins."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import object_session

from oriel_fx.server.db import utcnow
from oriel_fx.server.models import RenderJob
from oriel_fx.server.states import JobStatus as S

EDGES: dict[S, frozenset[S]] = {
    S.AWAITING_PAYMENT: frozenset({S.QUEUED, S.CANCELED, S.EXPIRED}),
    # queued → failed: what is found wrong before a worker claims it, such as an upload that is gone.
    S.QUEUED: frozenset({S.PROCESSING, S.FAILED, S.CANCELED}),
    # processing → queued: handed back on a deploy, retried, or taken from a worker that is gone.
    S.PROCESSING: frozenset({S.COMPLETED, S.FAILED, S.QUEUED, S.CANCELED}),
    S.FAILED: frozenset({S.QUEUED}),  # an operator's retry
    S.COMPLETED: frozenset({S.EXPIRED}),
    S.CANCELED: frozenset(),
    S.EXPIRED: frozenset(),
}
_STAMPS = {S.COMPLETED: "completed_at", S.FAILED: "failed_at"}


class TransitionError(ValueError):
    """There is no such edge; a mistake in the code, not a race."""


def transition(job: RenderJob, new_status: S, *, lease_token: int | None = None, **values: Any) -> bool:
    """Move `job` on from the status it was read with, setting `values` too; False where someone else was first.

    With `lease_token` it also has to be the job's current lease; going on to `processing` raises that. Does not
    commit. On False the job is refreshed from the database. Raises TransitionError for an edge that does not exist.
    """
    old = job.status
    if new_status not in EDGES[old]:
        raise TransitionError(f"a job cannot go from {old} to {new_status}")
    session = object_session(job)
    if session is None:
        raise TransitionError("the job belongs to no session")
    session.flush()
    now = utcnow()
    stamp: dict[str, Any] = {_STAMPS[new_status]: now} if new_status in _STAMPS else {}
    if new_status is S.PROCESSING:
        stamp["lease_token"] = RenderJob.lease_token + 1
    changed = update(RenderJob).where(RenderJob.id == job.id, RenderJob.status == old)
    if lease_token is not None:
        changed = changed.where(RenderJob.lease_token == lease_token)
    result = session.execute(
        changed.values(status=new_status, version=RenderJob.version + 1, updated_at=now, **(stamp | values)).returning(
            RenderJob.id
        ),
        execution_options={"synchronize_session": False},
    )
    won = result.first() is not None
    session.refresh(job)
    return won
