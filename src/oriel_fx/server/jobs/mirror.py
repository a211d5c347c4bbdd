"""Queue `dead_letter`: what the open dead letters' rows say, for tools that look at Redis. The rows are the truth."""

from __future__ import annotations

import contextlib

from sqlalchemy import func, select

from oriel_fx.server.db import db
from oriel_fx.server.errors import QueueUnavailableError
from oriel_fx.server.models import DeadLetter
from oriel_fx.server.queue.base import DEAD_LETTER, RENDER_VIDEO
from oriel_fx.server.services import current_services
from oriel_fx.server.states import DeadLetterStatus

_TIMEOUT_S = 60
_BATCH = 200


def mirror(letter: DeadLetter) -> None:
    """Show an open letter in the queue. While that is away nothing happens: the reconciler looks again."""
    with contextlib.suppress(QueueUnavailableError):
        _show(letter)


def unmirror(*letter_ids: int) -> None:
    """Take letters that were dealt with out of the queue, as far as it can be reached."""
    with contextlib.suppress(QueueUnavailableError):
        for letter_id in letter_ids:
            current_services().queue.cancel(_name(letter_id))


def mirror_letters() -> int:
    """Make the queue show the open letters and no others; how many it lacked. Raises QueueUnavailableError."""
    is_open = DeadLetter.status == DeadLetterStatus.OPEN
    n_open = db.session.scalar(select(func.count()).select_from(DeadLetter).where(is_open)) or 0
    if current_services().queue.depths()[DEAD_LETTER] == n_open:
        return 0
    closed = select(DeadLetter.id).where(~is_open).order_by(DeadLetter.resolved_at.desc()).limit(_BATCH)
    for letter_id in db.session.scalars(closed):
        current_services().queue.cancel(_name(letter_id))
    letters = db.session.scalars(select(DeadLetter).where(is_open).order_by(DeadLetter.id).limit(_BATCH)).all()
    return sum(_show(letter) for letter in letters)


def _show(letter: DeadLetter) -> bool:
    queue, job = current_services().queue, str(letter.args.get("job", ""))
    return queue.enqueue(DEAD_LETTER, RENDER_VIDEO, job, job_timeout_s=_TIMEOUT_S, unique_id=_name(letter.id))


def _name(letter_id: int) -> str:
    return f"dead-{letter_id}"
