"""Circuit breakers round other services: after some failures in a row calls fail at once, for a while.

    _breaker = breaker("stripe")
    with _breaker.calling():
        client.v1.checkout.sessions.create(…)

`pybreaker.CircuitBreakerError` means it is open; turn it into the service's own UnavailableError. Once an application
is made, breakers are shared by all its processes, through Redis while that is there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pybreaker

from oriel_fx.server.breaker_board import Board, SharedStorage

_BREAKERS: dict[str, pybreaker.CircuitBreaker] = {}
_STORAGES: dict[str, pybreaker.CircuitMemoryStorage] = {}
# At most one: a process has one deployment's settings.
_BOARDS: list[Board] = []


def share_breakers(redis_url: str) -> None:
    """From now on breakers are what the processes at this Redis know together. Connects to nothing yet."""
    _BOARDS[:] = [Board(redis_url)]


def breaker(
    name: str, *, fail_max: int = 5, reset_s: float = 20, exclude: tuple[Any, ...] = (), shared: bool = True
) -> Any:
    """The breaker of that name. `exclude`: exceptions, or functions of one, that are no outage.

    `shared`: with other processes; not for what is near to each process alone.
    """
    if name not in _BREAKERS:
        local = not shared or not _BOARDS
        _STORAGES[name] = (
            pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED) if local else SharedStorage(name, _BOARDS[0])
        )
        _BREAKERS[name] = pybreaker.CircuitBreaker(
            fail_max=fail_max,
            reset_timeout=reset_s,
            exclude=list(exclude),
            name=name,
            state_storage=_STORAGES[name],
        )
    return _BREAKERS[name]


def breaker_states() -> dict[str, str]:
    """`closed`, `open` or `half-open` for each breaker that was used."""
    others = _BOARDS[0].states() if _BOARDS else {}
    return dict(sorted((others | {name: str(one.current_state) for name, one in _BREAKERS.items()}).items()))


def refuses(name: str) -> bool:
    """Whether that breaker would refuse a call now: before long work whose end it would be."""
    one = _BREAKERS.get(name)
    if one is None or one.current_state != pybreaker.STATE_OPEN:
        return False  # one this process has not used yet is met by the call itself
    opened_at = _STORAGES[name].opened_at
    return opened_at is not None and datetime.now(UTC) < opened_at + timedelta(seconds=one.reset_timeout)


def reset_breakers() -> None:
    """Forget them all; between tests."""
    _BREAKERS.clear()
    _STORAGES.clear()
    _BOARDS.clear()
