"""A job's state as server-sent events: one for each change, until a final state.

No database connection is held between looks. A stream ends with the token that opened it, so that a client whose
session was ended elsewhere, or whose account was disabled, hears nothing more.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from oriel_fx.server.errors import JobNotFoundError, RateLimitedError
from oriel_fx.server.models import User
from oriel_fx.server.renders.schemas import JobState
from oriel_fx.server.renders.status import FINAL, job_state

EVERY_S = 1.0
HEARTBEAT_S = 10.0
RECONNECT_MS = 3000
STREAMS_PER_USER = 4
# Of one process: each takes a thread of it.
STREAMS_SHARE = 0.5
_AWAY_S = 5.0


class Sleeper(Protocol):
    def __call__(self, seconds: float, /) -> None: ...


@dataclass(frozen=True)
class Watcher:
    """Who watches which job, and until when (seconds of `time.time()`)."""

    user_id: int
    token_version: int
    public_id: str
    until: float


class Streams:
    """This process's open streams, counted by user, so that no one takes all its threads."""

    def __init__(self, per_user: int, in_all: int) -> None:
        self._per_user, self._in_all = per_user, in_all
        self._open: Counter[int] = Counter()
        self._lock = threading.Lock()

    def counted(self, user_id: int, stream: Iterator[str]) -> CountedStream:
        """The stream, counted until it is closed. Raises RateLimitedError for one too many."""
        with self._lock:
            if self._open[user_id] >= self._per_user or self._open.total() >= self._in_all:
                error = RateLimitedError("Too many event streams are open; close one or poll the status instead.")
                error.retry_after_s = 5
                raise error
            self._open[user_id] += 1
        return CountedStream(stream, lambda: self._ended(user_id))

    def _ended(self, user_id: int) -> None:
        with self._lock:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]

    def __len__(self) -> int:
        return self._open.total()


class CountedStream:
    """A stream that says when it is over: read to its end, or closed because the client went away.

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
        user = session.execute(select(User.is_active, User.token_version).where(User.id == watcher.user_id)).first()
        if user is None or not user.is_active or user.token_version != watcher.token_version:
            return None
        try:
            return job_state(session, watcher.user_id, watcher.public_id, now)
        except JobNotFoundError:
            return None
