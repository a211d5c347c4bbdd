"""`oriel worker`: the processes that render videos and send mails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from oriel_fx.cli.extras import needs_server
from oriel_fx.errors import UsageError


def add_to(app: typer.Typer) -> None:
    app.command("worker")(worker)


def worker(
    queues: Annotated[str, typer.Option(help="One worker on these queues, in this order, separated by commas.")] = "",
    light: Annotated[bool, typer.Option("--light", help="One worker for mails and clean-up alone.")] = False,
    queue: Annotated[
        str,
        typer.Option(metavar="URL", help="One worker for `oriel render --queue`; needs Redis alone."),
    ] = "",
    shared: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="With --queue: it works inside this folder alone; by default the current."),
    ] = None,
) -> None:
    """Work on the queues: ORIEL_RENDER_WORKERS render workers and one for mails and clean-up, unless told otherwise."""
    if queue:
        if queues or light:
            raise UsageError("--queue goes with neither --queues nor --light.", "Leave out one of them.")
        _work_shared(queue, shared or Path.cwd())
        return
    if shared:
        raise UsageError("--shared needs --queue.", "Give Redis's address with it.")
    with needs_server():
        from oriel_fx.server import worker_processes
        from oriel_fx.server.queue.base import QUEUES
        from oriel_fx.server.settings import load_settings
    wanted = [name.strip() for name in queues.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in QUEUES]
    if unknown:
        raise UsageError(f"There is no queue {unknown[0]!r}.", f"There are {', '.join(QUEUES)}.")
    if light and wanted:
        raise UsageError("--light and --queues do not go together.", "Leave out one of them.")
    settings = load_settings()
    if light or wanted:
        worker_processes.work(settings, wanted or list(worker_processes.LIGHT_QUEUES))
    else:
        worker_processes.work_all(settings)


def _work_shared(url: str, folder: Path) -> None:
    with needs_server():
        from oriel_fx.server.shared.address import check_address
        from oriel_fx.server.worker_processes import work_shared
    check_address(url)
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Give --shared the folder that the machines share.")
    # For the processes that draw.
    os.environ["ORIEL_SHARED_DIR"] = str(folder.absolute())
    work_shared(url)
