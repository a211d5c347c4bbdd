"""What every queue does, asked of Redis over TCP and of the embedded server on its socket."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.server.processes import running_redis

from oriel_fx.server.db import utcnow
from oriel_fx.server.errors import QueueUnavailableError
from oriel_fx.server.queue.base import CLEANUP, HIGH_PRIORITY, QUEUES, SCHEDULER, VIDEO_RENDERING, JobQueue
from oriel_fx.server.queue.embedded import EmbeddedQueue
from oriel_fx.server.queue.redis import RedisQueue
from oriel_fx.server.settings import Settings, load_settings

SLEEP = "time.sleep"


@pytest.fixture(params=["redis", "embedded"])
def queue_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    if request.param == "redis":
        with running_redis() as real:
            yield load_settings(env="development", data_dir=tmp_path / "data", redis_url=real.connection_url)
        return
    settings = load_settings(env="development", data_dir=tmp_path / "data")
    server = EmbeddedQueue(settings)
    server.start()
    yield settings
    server.stop()


@pytest.fixture
def queue(queue_settings: Settings) -> JobQueue:
    return RedisQueue(queue_settings)


def put(queue: JobQueue, name: str, seconds: float = 0, to: str = VIDEO_RENDERING) -> bool:
    return queue.enqueue(to, SLEEP, seconds, job_timeout_s=60, unique_id=name)


@pytest.fixture
def start_worker(queue_settings: Settings) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*queues: str, burst: bool = False) -> subprocess.Popen[bytes]:
        program = (
            "from oriel_fx.server.jobs.rq_worker import make_worker\n"
            f"make_worker({queue_settings.redis!r}, {list(queues)!r}).work(burst={burst}, logging_level='WARNING')"
        )
        started.append(subprocess.Popen([sys.executable, "-c", program]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def until(true: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_a_process_without_a_queue_says_that_it_lives(queue: JobQueue) -> None:
    assert queue.heard_of(SCHEDULER) is None
    before = utcnow()
    queue.beat(SCHEDULER)
    heard = queue.heard_of(SCHEDULER)
    assert heard is not None and before <= heard <= utcnow()


def test_an_empty_queue_answers_with_zeros(queue: JobQueue) -> None:
    queue.ping()
    assert queue.depths() == dict.fromkeys(QUEUES, 0)
    assert queue.oldest_s() == dict.fromkeys(QUEUES, 0)
    assert queue.workers() == []
    assert queue.position("nothing") is None
    assert not queue.cancel("nothing")


def test_work_waits_in_the_order_it_came(queue: JobQueue) -> None:
    assert put(queue, "first")
    assert put(queue, "second")
    assert put(queue, "mail", to=HIGH_PRIORITY)
    assert [queue.position(name) for name in ("first", "second", "mail")] == [0, 1, 0]
    assert queue.depths() == dict.fromkeys(QUEUES, 0) | {VIDEO_RENDERING: 2, HIGH_PRIORITY: 1}
    assert 0 < queue.oldest_s()[VIDEO_RENDERING] < 5


def test_work_of_one_name_waits_once(queue: JobQueue) -> None:
    assert put(queue, "same")
    assert not put(queue, "same")
    assert queue.depths()[VIDEO_RENDERING] == 1


def test_waiting_work_can_be_taken_out_and_put_back(queue: JobQueue) -> None:
    put(queue, "gone")
    put(queue, "stays")
    assert queue.cancel("gone")
    assert queue.position("gone") is None
    assert queue.position("stays") == 0
    assert put(queue, "gone")


def test_a_queue_nobody_knows_is_a_mistake(queue: JobQueue) -> None:
    with pytest.raises(ValueError, match="no queue"):
        put(queue, "x", to="other")


def test_running_work_is_not_put_there_again_and_finished_work_is(
    queue: JobQueue, start_worker: Callable[..., subprocess.Popen[bytes]]
) -> None:
    put(queue, "long", 1.5)
    start_worker(VIDEO_RENDERING)
    until(lambda: any(worker.job_id == "long" for worker in queue.workers()))
    assert not put(queue, "long")
    assert queue.position("long") is None
    [worker] = queue.workers()
    assert (worker.state, worker.queues) == ("busy", (VIDEO_RENDERING,))
    until(lambda: queue.workers()[0].state == "idle")
    assert put(queue, "long", 0)


def test_failed_work_can_be_put_there_again(
    queue: JobQueue, start_worker: Callable[..., subprocess.Popen[bytes]]
) -> None:
    put(queue, "wrong", -1)
    assert start_worker(VIDEO_RENDERING, burst=True).wait(90) == 0
    assert put(queue, "wrong", 0)
    assert start_worker(VIDEO_RENDERING, burst=True).wait(90) == 0
    assert queue.depths()[VIDEO_RENDERING] == 0


def test_running_work_can_be_stopped(queue: JobQueue, start_worker: Callable[..., subprocess.Popen[bytes]]) -> None:
    put(queue, "endless", 60)
    start_worker(VIDEO_RENDERING)
    until(lambda: any(worker.job_id == "endless" for worker in queue.workers()))
    assert queue.cancel("endless")
    until(lambda: queue.workers()[0].state == "idle")


def test_a_worker_serves_its_queues_in_their_order(
    queue: JobQueue, start_worker: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    for number, name in enumerate((CLEANUP, HIGH_PRIORITY)):
        queue.enqueue(name, "os.mkdir", str(tmp_path / name), job_timeout_s=60, unique_id=f"job-{number}")
    assert start_worker(HIGH_PRIORITY, CLEANUP, burst=True).wait(90) == 0
    made = [(tmp_path / name).stat().st_ctime_ns for name in (HIGH_PRIORITY, CLEANUP)]
    assert made == sorted(made)


@pytest.mark.parametrize("call", ["ping", "depths", "workers"])
def test_without_a_server_it_says_so_at_once(tmp_path: Path, call: str) -> None:
    for url in ("redis://127.0.0.1:1", ""):
        queue = RedisQueue(load_settings(env="development", data_dir=tmp_path, redis_url=url))
        start = time.monotonic()
        with pytest.raises(QueueUnavailableError):
            getattr(queue, call)()
        assert time.monotonic() - start < 1.5
