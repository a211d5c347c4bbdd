"""Who may change a payment now: rows are locked in one order, the job before its payment, so that nobody deadlocks."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session, scoped_session

from oriel_fx.server.models import Payment, RenderJob

AnySession = Session | scoped_session[Any]
Row = TypeVar("Row", Payment, RenderJob)


def lock_payment(session: AnySession, payment_id: int) -> tuple[Payment, RenderJob | None]:
    """The payment and the job it was opened for, as they are now, ours until the commit."""
    job_id = session.execute(select(Payment.job_id).where(Payment.id == payment_id)).scalar_one()
    job = None if job_id is None else lock_row(session, RenderJob, job_id)
    return lock_row(session, Payment, payment_id), job


def lock_row(session: AnySession, model: type[Row], row_id: int) -> Row:
    """One row as it is now, ours until the commit."""
    # An update that changes nothing: SQLite has no FOR UPDATE, and takes its lock at the first write.
    session.flush()
    nothing = update(model).where(model.id == row_id).values(updated_at=model.updated_at)
    session.execute(nothing, execution_options={"synchronize_session": False})
    fresh = select(model).where(model.id == row_id).execution_options(populate_existing=True)
    found: Row = session.execute(fresh).scalar_one()
    return found
