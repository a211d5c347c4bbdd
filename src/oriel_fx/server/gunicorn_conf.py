"""gunicorn's settings for the API: `gunicorn -c python:oriel_fx.server.gunicorn_conf oriel_fx.server.wsgi:app`.

docs/deploy.md says why each is as it is.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from oriel_fx.server.jobs.stopping import die_with
from oriel_fx.server.settings import read_settings

_settings = read_settings()

_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = f"{_host}:{_settings.port}"
# SQLite has one writer: more processes would only wait for each other.
workers = 1 if _settings.database.startswith("sqlite") else _settings.web_workers
worker_class = "gthread"
threads = _settings.web_threads
# The master is told that a worker lives by its main thread, not by requests: streams and uploads may take longer.
timeout = 60
graceful_timeout = max(1, min(20, _settings.drain_s))
keepalive = 5
max_requests = 0
limit_request_line = 4094
limit_request_fields = 64
# The application trusts as many proxies as its own setting says.
forwarded_allow_ips = ""
control_socket_disable = True
errorlog = "-"
accesslog = None
loglevel = "warning"
proc_name = "oriel-web"
# gunicorn touches a file for every worker; on a slow disk that alone can look like a hang.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None

if workers > 1 and not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    # prometheus-client reads this when it is imported, in the workers.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="oriel-metrics-")


def post_fork(server: Any, worker: Any) -> None:
    """A worker does not outlive the master."""
    die_with(worker.ppid)


def child_exit(server: Any, worker: Any) -> None:
    """A dead worker's gauges go with it."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """The counters' files live as long as the master."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    if "oriel-metrics-" in folder:
        shutil.rmtree(folder, ignore_errors=True)
