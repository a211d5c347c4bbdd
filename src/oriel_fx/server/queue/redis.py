"""The queue on RQ, for Redis and for the embedded server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.command import send_stop_job_command
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from oriel_fx.server.db import utcnow
from oriel_fx.server.errors import QueueUnavailableError
from oriel_fx.server.queue.base import QUEUES, SHARED_RENDERING, JobQueue, JsonValue, WorkerInfo
from oriel_fx.server.settings import Settings

CONNECT_S, ANSWER_S, BEGIN_S = 0.5, 1.0, 0.5
# A worker says that it lives every 5 seconds, whether it has work or not.
WORKER_ALIVE_S = 20
# So long it can be told since when a process is silent.
BEAT_TTL_S = 3600
# RQ's own default is a year. What matters of a failure is in the database.
FAILURE_TTL_S = 3600
_WORKERS = "rq:workers"
_STATES = ("idle", "busy", "suspended")


def connect(url: str, *, patient: bool = False) -> redis.Redis:
    """A connection to Redis that answers or fails within about a second; a patient one may wait for work."""
    waits: dict[str, Any] = {} if patient else {"socket_timeout": ANSWER_S}
    # One immediate second try, for a pooled connection that a restarted server has closed.
    retry = Retry(NoBackoff(), 1)
    return redis.Redis.from_url(url, socket_connect_timeout=CONNECT_S, retry=retry, **waits)


class RedisQueue(JobQueue):
    """RQ's queues at `settings.redis`. Arguments are JSON: nothing in Redis is ever unpickled."""

    def __init__(self, settings: Settings) -> None:
        self._redis = connect(settings.redis)

    def enqueue(
        self,
        queue_name: str,
        function_path: str,
        *args: JsonValue,
        job_timeout_s: int,
        unique_id: str,
        first: bool = False,
    ) -> bool:
        if queue_name not in (*QUEUES, SHARED_RENDERING):
            raise ValueError(f"there is no queue {queue_name!r}")
        with _reachable():
            # Of two that look at the same moment only one may put it there.
            with self._alone(unique_id) as alone:
                if not alone or self._is_under_way(unique_id):
                    return False
                self._redis.delete(f"rq:job:{unique_id}")
                job = Job.create(
                    function_path,
                    args=args,
                    id=unique_id,
                    connection=self._redis,
                    serializer=JSONSerializer,
                    timeout=job_timeout_s,
                    result_ttl=0,
                    failure_ttl=FAILURE_TTL_S,
                    origin=queue_name,
                )
                self._queue(queue_name).enqueue_job(job, at_front=first)
            return True

    def position(self, unique_id: str) -> int | None:
        with _reachable():
            origin = self._field(unique_id, "origin")
            return None if origin is None else self._index(origin, unique_id)

    def cancel(self, unique_id: str) -> bool:
        with _reachable():
            origin = self._field(unique_id, "origin")
            if origin is None:
                return False
            if self._redis.lrem(_list(origin), 0, unique_id):
                self._redis.delete(f"rq:job:{unique_id}")
                return True
            return self._is_running(origin, unique_id) and self._stop(unique_id)

    def depths(self) -> dict[str, int]:
        with _reachable():
            return {name: int(self._redis.llen(_list(name))) for name in QUEUES}

    def oldest_s(self) -> dict[str, float]:
        with _reachable():
            return {name: self._oldest_s(name) for name in QUEUES}

    def workers(self) -> list[WorkerInfo]:
        with _reachable():
            keys = sorted(_text(key) for key in cast(set[bytes], self._redis.smembers(_WORKERS)))
            found = [self._worker(key) for key in keys]
        now = utcnow()
        return [one for one in found if one and (now - one.last_heartbeat_at).total_seconds() < WORKER_ALIVE_S]

    def beat(self, name: str) -> None:
        with _reachable():
            self._redis.set(f"oriel:alive:{name}", utcnow().isoformat(), ex=BEAT_TTL_S)

    def heard_of(self, name: str) -> datetime | None:
        with _reachable():
            said = cast(bytes | None, self._redis.get(f"oriel:alive:{name}"))
        return None if said is None else _time(_text(said))

    def ping(self) -> None:
        with _reachable():
            self._redis.ping()

    def _queue(self, name: str) -> Queue:
        return Queue(name, connection=self._redis, serializer=JSONSerializer)

    @contextlib.contextmanager
    def _alone(self, unique_id: str) -> Iterator[bool]:
        key = f"oriel:enqueue:{unique_id}"
        mine = bool(self._redis.set(key, 1, nx=True, px=3000))
        try:
            yield mine
        finally:
            if mine:
                self._redis.delete(key)

    def _is_under_way(self, unique_id: str) -> bool:
        # Its status alone says little: a worker may have died just after taking it from the list.
        origin = self._field(unique_id, "origin")
        return origin is not None and (
            self._index(origin, unique_id) is not None or self._is_running(origin, unique_id)
        )

    def _is_running(self, queue_name: str, unique_id: str) -> bool:
        # `<job>:<execution>` of what runs, until when it must be heard of again.
        running = cast(list[bytes], self._redis.zrangebyscore(f"rq:wip:{queue_name}", time.time(), "+inf"))
        return any(_text(one).partition(":")[0] == unique_id for one in running)

    def _stop(self, unique_id: str) -> bool:
        until = time.monotonic() + BEGIN_S
        while time.monotonic() < until:
            if self._field(unique_id, "status") == "started":
                with contextlib.suppress(InvalidJobOperation, NoSuchJobError):
                    send_stop_job_command(self._redis, unique_id, serializer=JSONSerializer)
                    return True
            # Taken from the list, and not begun yet.
            time.sleep(0.05)
        return False

    def _field(self, unique_id: str, name: str) -> str | None:
        value = cast(bytes | None, self._redis.hget(f"rq:job:{unique_id}", name))
        return None if value is None else _text(value)

    def _index(self, queue_name: str, unique_id: str) -> int | None:
        index = self._redis.lpos(_list(queue_name), unique_id)
        return None if index is None else cast(int, index)

    def _oldest_s(self, queue_name: str) -> float:
        first = cast(bytes | None, self._redis.lindex(_list(queue_name), 0))
        since = self._field(_text(first), "enqueued_at") if first else None
        return max(0.0, (utcnow() - _time(since)).total_seconds()) if since else 0.0

    def _worker(self, key: str) -> WorkerInfo | None:
        data = {_text(k): _text(v) for k, v in cast(dict[bytes, bytes], self._redis.hgetall(key)).items()}
        if "last_heartbeat" not in data:
            return None
        state = data.get("state", "")
        return WorkerInfo(
            name=key.removeprefix("rq:worker:"),
            queues=tuple(data.get("queues", "").split(",")),
            state=cast(Literal["idle", "busy", "suspended"], state) if state in _STATES else "unknown",
            job_id=data.get("current_job") or self._executing(key),
            last_heartbeat_at=_time(data["last_heartbeat"]),
        )

    def _executing(self, worker_key: str) -> str | None:
        # RQ 3 keeps `<job>:<execution>` of what a worker runs in a set of its own.
        running = cast(set[bytes], self._redis.smembers(f"{worker_key}:executions"))
        return next((_text(one).partition(":")[0] for one in running), None)


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise QueueUnavailableError from error


def _list(queue_name: str) -> str:
    return f"rq:queue:{queue_name}"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
