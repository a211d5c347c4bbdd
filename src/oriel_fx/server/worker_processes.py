"""`oriel worker` and `oriel scheduler`: the processes that do the work."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis
import structlog

from oriel_fx.server.jobs.stopping import STOPPING, stop_on
from oriel_fx.server.logs import configure_logging
from oriel_fx.server.queue.base import CLEANUP, HIGH_PRIORITY, VIDEO_RENDERING
from oriel_fx.server.queue.redis import connect
from oriel_fx.server.settings import Settings
from oriel_fx.server.supervisor import Supervisor, oriel

LIGHT_QUEUES = (HIGH_PRIORITY, CLEANUP)
# After its drain a worker hands its job back, says goodbye to Redis, and ends.
AFTER_DRAIN_S = 15
_NICE = 10
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_log = structlog.get_logger("oriel_fx.worker")


def work(settings: Settings, queues: list[str]) -> None:
    """One worker on these queues, in this process, until it is told to stop; waits for Redis as long as it takes."""
    from oriel_fx.server.jobs.rq_worker import make_worker
    from oriel_fx.server.worker import worker_app

    configure_logging(settings.log_level)
    # Made before the horses, which then begin at once. It connects to nothing before its first use.
    worker_app()
    if VIDEO_RENDERING in queues:
        # Where the API shares the machine it answers first; alone, a worker is no slower for it.
        os.nice(_NICE)
    stop_on(*_STOP_SIGNALS)
    if not _wait_for_redis(settings.redis):
        return
    make_worker(settings.redis, queues).work(logging_level="WARNING")


def work_shared(redis_url: str) -> None:
    """One worker for `oriel render --queue`, without a database, until it is told to stop."""
    from oriel_fx.server.jobs.rq_worker import make_worker
    from oriel_fx.server.queue.base import SHARED_RENDERING

    configure_logging("INFO")
    stop_on(*_STOP_SIGNALS)
    if _wait_for_redis(redis_url):
        _log.info("serving", queue=SHARED_RENDERING)
        make_worker(redis_url, [SHARED_RENDERING]).work(logging_level="WARNING")


def work_all(settings: Settings) -> None:
    """As many render workers as the settings say, and one light worker, in processes of their own."""
    configure_logging(settings.log_level)
    stop_on(*_STOP_SIGNALS)
    supervisor = Supervisor()
    try:
        add_workers(supervisor, settings.render_workers)
        supervisor.run()
    finally:
        supervisor.stop(settings.drain_s + AFTER_DRAIN_S)


def add_workers(supervisor: Supervisor, n_render: int) -> None:
    """Start `n_render` render workers, and one light worker, so that no mail waits behind a render."""
    for number in range(n_render):
        supervisor.add(f"render-{number + 1}", oriel("worker", "--queues", VIDEO_RENDERING))
    supervisor.add("light", oriel("worker", "--light"))


def schedule(settings: Settings) -> None:
    """Reconcile until told to stop."""
    from oriel_fx.server.reconcile import run_scheduler
    from oriel_fx.server.worker import worker_app

    configure_logging(settings.log_level)
    stop_on(*_STOP_SIGNALS)
    run_scheduler(worker_app())


@contextmanager
def answering_health(host: str, port: int) -> Iterator[None]:
    """Answer GET /health meanwhile, for platforms that ask every service whether it lives."""
    server = ThreadingHTTPServer((host, port), _Health)
    thread = threading.Thread(target=server.serve_forever, name="oriel-health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/health"
        body = b'{"status":"ok"}' if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it is asked every few seconds."""


def _wait_for_redis(url: str) -> bool:
    """Return once Redis answers; False where the process was told to stop before."""
    said = False
    while not STOPPING.is_set():
        try:
            with connect(url) as connection:
                connection.ping()
            return True
        except redis.RedisError:
            if not said:
                _log.warning("waiting for Redis")
                said = True
            STOPPING.wait(1)
    return False
