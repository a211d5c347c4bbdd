"""A job's state as server-sent events: one for each change, until a final state.

No database connection is held between looks. A stream ends with the token that opened it, so that a client whose
session was ended elsewhere, or whose account was disabled, hears nothing more.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from oriel_fx.server.errors import JobNotFoundError
from oriel_fx.server.models import RefreshFamily, User
from oriel_fx.server.renders.schemas import JobState
from oriel_fx.server.renders.status import FINAL, job_state

EVERY_S = 1.0
HEARTBEAT_S = 10.0
RECONNECT_MS = 3000
_AWAY_S = 5.0


class Sleeper(Protocol):
    def __call__(self, seconds: float, /) -> None: ...


@dataclass(frozen=True)
class Watcher:
    """Who watches which job, in which login, and until when (seconds of `time.time()`)."""

    user_id: int
    token_version: int
    family_id: str | None
    public_id: str
    until: float


class CountedStream:
    """A stream that says when it is over, to free its place: read to its end, or closed because the client went away.

    A generator alone could not: closing one that was never begun runs none of its code.
    """

    def __init__(self, stream: Iterator[str], ended: Callable[[], None]) -> None:
        self._stream, self._ended = stream, ended
        self._closed = False

    def __iter__(self) -> Iterator[str]:
        try:
            yield from self._stream
        finally:
            self.close()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._ended()


def event_id(state: JobState) -> str:
    """A state's name: the same state has the same one, on any server and after a restart."""
    return hashlib.sha256(state.model_dump_json().encode()).hexdigest()[:16]


def as_event(state: JobState) -> str:
    """One event, as the stream has it."""
    return f"id: {event_id(state)}\nevent: status\ndata: {state.model_dump_json()}\n\n"


def follow(
    engine: Engine,
    clock: Callable[[], datetime],
    watcher: Watcher,
    first: JobState,
    last_event_id: str,
    sleep: Sleeper = time.sleep,
) -> Iterator[str]:
    """The stream's text: `first` unless the client has it, then each change; heartbeats in between."""
    yield f"retry: {RECONNECT_MS}\n\n"
    seen, state = last_event_id, first
    spoke_at = time.monotonic()
    while True:
        if (now_id := event_id(state)) != seen:
            yield as_event(state)
            seen, spoke_at = now_id, time.monotonic()
        if state.status in FINAL or time.time() >= watcher.until:
            return
        sleep(EVERY_S)
        if time.monotonic() - spoke_at >= HEARTBEAT_S:
            # Writing is also how a client that went away is noticed.
            yield ": still here\n\n"
            spoke_at = time.monotonic()
        try:
            looked = _look(engine, watcher, clock())
        except SQLAlchemyError:
            sleep(_AWAY_S)
            continue
        if looked is None:
            return
        state = looked


def _look(engine: Engine, watcher: Watcher, now: datetime) -> JobState | None:
    """The job's state now; None where the user may no longer see it."""
    with Session(engine) as session:
        user = session.execute(
            select(User.is_active, User.token_version, RefreshFamily.revoked_at)
            .outerjoin(RefreshFamily, RefreshFamily.id == watcher.family_id)
            .where(User.id == watcher.user_id)
        ).first()
        if user is None or not user.is_active or user.token_version != watcher.token_version or user.revoked_at:
            return None
        try:
            return job_state(session, watcher.user_id, watcher.public_id, now)
        except JobNotFoundError:
            return None
