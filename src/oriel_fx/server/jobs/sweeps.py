"""Clean-up tasks, by name; each may run at any time, beside anything, and twice."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import select

from oriel_fx.server.db import db
from oriel_fx.server.jobs.files import remove_work, work_root
from oriel_fx.server.models import RenderJob
from oriel_fx.server.services import current_settings
from oriel_fx.server.states import JobStatus

CLEANUP_JOB = "oriel_fx.server.worker.cleanup"
_STALE_S = 3600
_MAY_GO_ON = (JobStatus.QUEUED, JobStatus.PROCESSING)


def work_folders() -> int:
    """Remove the work folders on this machine of jobs that will not go on; how many went."""
    root = work_root(current_settings())
    folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    old = [path for path in folders if time.time() - path.stat().st_mtime > _STALE_S]
    if not old:
        return 0
    names = [path.name for path in old]
    wanted = select(RenderJob.public_id).where(RenderJob.public_id.in_(names), RenderJob.status.in_(_MAY_GO_ON))
    needed = set(db.session.scalars(wanted))
    db.session.rollback()
    for path in old:
        if path.name not in needed:
            remove_work(path)
    return sum(path.name not in needed for path in old)


SWEEPS: dict[str, Callable[[], int]] = {"work_folders": work_folders}


def run_sweep(name: str) -> int:
    """Run a task; how many things it removed. Raises ValueError for a name nobody knows."""
    if name not in SWEEPS:
        raise ValueError(f"there is no clean-up task {name!r}; there are {', '.join(SWEEPS)}")
    return SWEEPS[name]()
