"""`oriel scheduler`: keeps the queue in line with the database."""

from __future__ import annotations

import typer

from oriel_fx.cli.extras import needs_server


def add_to(app: typer.Typer) -> None:
    app.command("scheduler")(scheduler)


def scheduler() -> None:
    """Enqueue what is due, free what lost workers held, make refunds, clean up. One is enough; more do no harm."""
    with needs_server():
        from oriel_fx.server import worker_processes
        from oriel_fx.server.settings import load_settings
    worker_processes.schedule(load_settings())
