"""What all processes know of their breakers, in Redis: a worker's horse lives for one job and would count nothing.

While Redis is away each process counts for itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pybreaker

if TYPE_CHECKING:
    import redis

# An outage of Redis itself is not paid for at every call.
_ASK_AGAIN_S = 5
# Nobody has used it for so long: it is closed.
_KEPT_S = 3600
_NAMES = "oriel:breakers"
T = TypeVar("T")


class Board:
    """The values of all breakers at a Redis URL; None where it cannot be asked."""

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self._away_until = 0.0

    def read(self, name: str) -> dict[str, str] | None:
        """A breaker's values; empty for one that nobody used."""
        found = self._ask(lambda server: cast(dict[bytes, bytes], server.hgetall(_key(name))))
        return None if found is None else {key.decode(): value.decode() for key, value in found.items()}

    def write(self, name: str, **values: str | int) -> None:
        """Set some of them."""

        def do(server: redis.Redis) -> None:
            with server.pipeline() as together:
                together.hset(_key(name), mapping=cast(Any, values))
                together.expire(_key(name), _KEPT_S)
                together.sadd(_NAMES, name)
                together.execute()

        self._ask(do)

    def add(self, name: str) -> None:
        """Count one more failure."""
        self._ask(lambda server: server.hincrby(_key(name), "counter", 1))

    def states(self) -> dict[str, str]:
        """The state of every breaker that any process used; none where Redis cannot be asked."""
        names = self._ask(lambda server: cast(set[bytes], server.smembers(_NAMES))) or set()
        return {name.decode(): (self.read(name.decode()) or {}).get("state", "closed") for name in names}

    def _ask(self, do: Callable[[redis.Redis], T]) -> T | None:
        import redis

        if time.monotonic() < self._away_until:
            return None
        try:
            return do(self._redis)
        except redis.RedisError:
            self._away_until = time.monotonic() + _ASK_AGAIN_S
            return None

    @cached_property
    def _redis(self) -> redis.Redis:
        from oriel_fx.server.queue.redis import connect

        return connect(self._url)


class SharedStorage(pybreaker.CircuitMemoryStorage):
    """One breaker's values on a board, and in this process."""

    def __init__(self, name: str, board: Board) -> None:
        self._breaker_name, self._board = name, board
        super().__init__(pybreaker.STATE_CLOSED)

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        found = self._board.read(self._breaker_name)
        return self._state if found is None else found.get("state", pybreaker.STATE_CLOSED)

    @state.setter
    def state(self, state: str) -> None:
        self._state = state
        self._board.write(self._breaker_name, state=state)

    @property
    def counter(self) -> int:
        """Failures in a row."""
        found = self._board.read(self._breaker_name)
        return self._fail_counter if found is None else int(found.get("counter", 0))

    def increment_counter(self) -> None:
        """One more failure."""
        super().increment_counter()
        self._board.add(self._breaker_name)

    def reset_counter(self) -> None:
        """No failure any more."""
        super().reset_counter()
        self._board.write(self._breaker_name, counter=0)

    @property
    def opened_at(self) -> datetime | None:
        """Since when it is open, in UTC."""
        found = self._board.read(self._breaker_name)
        if found is None:
            return self._opened_at
        return datetime.fromtimestamp(float(found["opened_at"]), UTC) if "opened_at" in found else None

    @opened_at.setter
    def opened_at(self, moment: datetime) -> None:
        self._opened_at = moment
        self._board.write(self._breaker_name, opened_at=str(moment.timestamp()))


def _key(name: str) -> str:
    return f"oriel:breaker:{name}"
