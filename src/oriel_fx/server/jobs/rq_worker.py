"""RQ's worker with what was measured to be missing: lost jobs are noticed in seconds, and a horse never outlives it.

The worker forks a horse for each job. The worker itself draws nothing and opens no database: what it holds
when it forks, the horse would share.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any

from rq import Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from oriel_fx.server.jobs.stopping import die_with, stop_on
from oriel_fx.server.queue.redis import connect

# Seconds; with RQ's own the loss of a worker is noticed after 805.
_WORKER_TTL, _EVERY = 20, 5


class OrielWorker(Worker):
    """A worker whose jobs count as lost 15 seconds after it was last heard of."""

    max_connection_wait_time = 5.0

    def get_heartbeat_ttl(self, job: Job, *_: Any, **__: Any) -> int:
        """Seconds until a running job that says nothing counts as lost."""
        return max(15, 3 * int(self.job_monitoring_interval))

    def main_work_horse(self, job: Job, queue: Any) -> None:
        """In the horse: tied to the worker's life before anything else."""
        assert self.pid is not None
        die_with(self.pid)
        super().main_work_horse(job, queue)

    def setup_work_horse_signals(self) -> None:
        """SIGTERM asks the horse to hand its job back; Ctrl-C is the worker's to handle."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stop_on(signal.SIGTERM)

    def handle_warm_shutdown_request(self) -> None:
        """The worker was asked to stop: so is the horse."""
        if self.horse_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)


def make_worker(redis_url: str, queues: list[str]) -> OrielWorker:
    """A worker of these queues, served in this order."""
    # A name of its own at each start: a fixed one blocks the restart after a kill until its key expires.
    return OrielWorker(
        queues,
        connection=connect(redis_url, patient=True),
        serializer=JSONSerializer,
        worker_ttl=_WORKER_TTL,
        maintenance_interval=_EVERY,
        job_monitoring_interval=_EVERY,
        log_job_description=False,
    )
