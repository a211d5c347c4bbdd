"""Background jobs: what a queue is. `redis.py` (RQ) serves Redis and the embedded server alike.

`embedded.py` starts the embedded server, which `oriel serve` owns. Rows in the database are the truth: losing
everything in the queue loses no work, because the reconciler enqueues again what rows say is due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

HIGH_PRIORITY = "high_priority"
VIDEO_RENDERING = "video_rendering"
CLEANUP = "cleanup"
DEAD_LETTER = "dead_letter"
# Of `oriel render --queue`; the service's own workers do not serve it.
SHARED_RENDERING = "shared_rendering"
QUEUES = (HIGH_PRIORITY, VIDEO_RENDERING, CLEANUP, DEAD_LETTER)

# The name that the scheduler beats by.
SCHEDULER = "scheduler"

RENDER_VIDEO = "oriel_fx.server.worker.render_video"
RENDER_CHUNK = "oriel_fx.server.worker.render_chunk"
JOIN = "oriel_fx.server.worker.join"
DRAW_SHARED = "oriel_fx.server.shared.work.draw"
SEND_EMAIL = "oriel_fx.server.worker.send_email"

JsonValue = str | int | float | bool | None


@dataclass(frozen=True)
class WorkerInfo:
    """One worker process: its name, the queues it serves, what it does, and when it last said so (aware, UTC)."""

    name: str
    queues: tuple[str, ...]
    state: Literal["idle", "busy", "suspended", "unknown"]
    job_id: str | None
    last_heartbeat_at: datetime


class JobQueue(Protocol):
    """Queues of background jobs. Every method may raise QueueUnavailableError within about a second."""

    def enqueue(
        self,
        queue_name: str,
        function_path: str,
        *args: JsonValue,
        job_timeout_s: int,
        unique_id: str,
        first: bool = False,
    ) -> bool:
        """Put a call of `function_path` (dotted) with JSON arguments at the queue's end, or before all that wait.

        `unique_id` names the work, such as `render-<job public id>-<attempt>`: while work of that name is queued or
        running, nothing happens and the answer is False. Callers in a request catch QueueUnavailableError and go
        on: the reconciler enqueues later.
        """

    def position(self, unique_id: str) -> int | None:
        """How many jobs are ahead of it in its queue, 0 for the next; None when it does not wait there."""

    def cancel(self, unique_id: str) -> bool:
        """Take waiting work out of its queue, or ask the worker that runs it to stop; False where there is none."""

    def depths(self) -> dict[str, int]:
        """Waiting jobs of each of QUEUES, zeros included."""

    def oldest_s(self) -> dict[str, float]:
        """How long each queue's first job has waited, in seconds; 0 for an empty one."""

    def workers(self) -> list[WorkerInfo]:
        """The workers that are alive."""

    def beat(self, name: str) -> None:
        """Say that the process of this name, which serves no queue, is alive now."""

    def heard_of(self, name: str) -> datetime | None:
        """When the process of this name last said so; None where it has said nothing for an hour."""

    def ping(self) -> None:
        """Return if the queue answers. Raises QueueUnavailableError."""
