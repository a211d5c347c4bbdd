"""What workers say of a group while they draw it: its frames so far, or why they could not. In Redis, for show."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import redis

from oriel_fx.errors import OrielError
from oriel_fx.server.errors import QueueUnavailableError

_TTL_S = 3600


@dataclass(frozen=True)
class Report:
    """Frames drawn of what was asked for, and the error as `type`, `message`, `hint`, where there is one."""

    frames: int
    error: dict[str, str] | None


def report_frames(connection: redis.Redis, work_id: str, frames: int) -> None:
    """So many frames are drawn. Where Redis is away nobody hears it."""
    _write(connection, work_id, {"frames": str(frames)})


def report_error(connection: redis.Redis, work_id: str, error: OrielError) -> None:
    """It could not be done."""
    told = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
    _write(connection, work_id, {"frames": "0", "error": json.dumps(told)})


def read_report(connection: redis.Redis, work_id: str) -> Report | None:
    """What was said last; None where nothing was. Raises QueueUnavailableError."""
    with _reachable():
        found = cast(dict[bytes, bytes], connection.hgetall(_key(work_id)))
    if not found:
        return None
    error = json.loads(found[b"error"]) if b"error" in found else None
    return Report(int(found.get(b"frames", b"0")), error)


def forget_report(connection: redis.Redis, work_id: str) -> None:
    """Remove it. Raises QueueUnavailableError."""
    with _reachable():
        connection.delete(_key(work_id))


def _write(connection: redis.Redis, work_id: str, values: Mapping[Any, Any]) -> None:
    with contextlib.suppress(redis.RedisError):
        connection.hset(_key(work_id), mapping=values)
        connection.expire(_key(work_id), _TTL_S)


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise QueueUnavailableError from error


def _key(work_id: str) -> str:
    return f"oriel:report:{work_id}"
