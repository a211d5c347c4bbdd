"""Clean-up tasks as jobs on the queue, by name; `server/cleanup.py` says what each does."""

from __future__ import annotations

from oriel_fx.server import cleanup
from oriel_fx.server.services import current_services

CLEANUP_JOB = "oriel_fx.server.worker.cleanup"
SWEEPS = tuple(cleanup.SWEEPS)


def run_sweep(name: str) -> int:
    """Run a task; how many things it removed. Raises ValueError for a name nobody knows."""
    if name not in SWEEPS:
        raise ValueError(f"there is no clean-up task {name!r}; there are {', '.join(SWEEPS)}")
    return cleanup.run_sweep(name, current_services().clock()).n_items
