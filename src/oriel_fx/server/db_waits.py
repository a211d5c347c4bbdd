"""Waiting for PostgreSQL, but never for long: also where it takes connections and then says nothing.

`statement_timeout` ends what is slow, but a server that hangs, or a line that is dead, ends nothing. So every wait for
an answer has an end on this side too, and while connecting fails a breaker refuses at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pybreaker

from oriel_fx.server.breakers import breaker

if TYPE_CHECKING:
    from psycopg.abc import PQGen

_FAILURES = 3
# Short, as Retry-After is: a request in five seconds may find the database back.
_RESET_S = 5


@dataclass(frozen=True)
class Waits:
    """How long to wait, in seconds: to connect, for a sign of life of an idle connection, and for any answer."""

    connect_s: int
    ping_s: float
    answer_s: float


class ImpatientConnection(psycopg.Connection[Any]):
    """A connection that is closed when an answer takes too long."""

    waits: Waits
    patience_s: float | None = None

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """What psycopg does for every answer. Raises OperationalError when time is up."""
        try:
            return super().wait(gen, interval, self.patience_s if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:
            # Whatever it says later would be the answer to another question.
            self.pgconn.finish()
            raise psycopg.OperationalError("the database does not answer") from None

    def rest(self) -> None:
        """It is idle now: the next thing it is asked is whether it lives."""
        self.patience_s = self.waits.ping_s

    def work(self) -> None:
        """It lives: statements may take their time."""
        self.patience_s = self.waits.answer_s

    def wait_for_ever(self) -> None:
        """For migrations, until it goes back to the pool."""
        self.patience_s = None


def connect(waits: Waits, *args: Any, **parameters: Any) -> ImpatientConnection:
    """A connection, in time. Raises psycopg.OperationalError, at once while the breaker is open."""
    try:
        with breaker("database", fail_max=_FAILURES, reset_s=_RESET_S, shared=False).calling():
            made = ImpatientConnection.connect(*args, connect_timeout=waits.connect_s, **parameters)
    except pybreaker.CircuitBreakerError as error:
        raise psycopg.OperationalError("the database is away") from error
    assert isinstance(made, ImpatientConnection)
    made.waits = waits
    made.work()
    return made
