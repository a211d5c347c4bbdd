"""Circuit breakers round other services: after some failures in a row calls fail at once, for a while.

    _breaker = breaker("stripe")
    with _breaker.calling():
        client.v1.checkout.sessions.create(…)

`pybreaker.CircuitBreakerError` means it is open; turn it into the service's own UnavailableError.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pybreaker

_BREAKERS: dict[str, pybreaker.CircuitBreaker] = {}
_STORAGES: dict[str, pybreaker.CircuitMemoryStorage] = {}


def breaker(name: str, *, fail_max: int = 5, reset_s: float = 20, exclude: tuple[Any, ...] = ()) -> Any:
    """This process's breaker of that name. `exclude`: exceptions, or functions of one, that are no outage."""
    if name not in _BREAKERS:
        _STORAGES[name] = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
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
    return {name: str(one.current_state) for name, one in sorted(_BREAKERS.items())}


def refuses(name: str) -> bool:
    """Whether that breaker would refuse a call now: before long work whose end it would be."""
    one = _BREAKERS.get(name)
    if one is None or one.current_state != pybreaker.STATE_OPEN:
        return False
    opened_at = _STORAGES[name].opened_at
    return opened_at is not None and datetime.now(UTC) < opened_at + timedelta(seconds=one.reset_timeout)


def reset_breakers() -> None:
    """Forget them all; between tests."""
    _BREAKERS.clear()
    _STORAGES.clear()
