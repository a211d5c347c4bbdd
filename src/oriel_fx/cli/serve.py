"""`oriel serve`: the whole product on this machine; `oriel start`: one process of it, by its role."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from oriel_fx.cli.console import say
from oriel_fx.cli.extras import needs_server
from oriel_fx.errors import UsageError

ROLES = ("web", "worker", "scheduler", "release")


def add_to(app: typer.Typer) -> None:
    app.command("serve")(serve)
    app.command("start")(start)


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; others than this machine's mean production.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = None,
    workers: Annotated[int | None, typer.Option(help="Renders at once.", min=0, max=64)] = None,
) -> None:
    """Run the web service: API, workers, queue, database, storage, mail and payments, in test mode by default."""
    with needs_server():
        from oriel_fx.server import serve as server
        from oriel_fx.server.settings import load_settings
    given: dict[str, Any] = {"host": host, "port": port, "render_workers": workers}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    server.serve(settings, say)


def start(
    role: Annotated[
        str, typer.Option(envvar="ORIEL_ROLE", help=f"One of {', '.join(ROLES)}.", show_envvar=True)
    ] = "web",
) -> None:
    """Run one process of a deployment: the web server, the workers, the scheduler, or the release step."""
    with needs_server():
        from oriel_fx.server import worker_processes
        from oriel_fx.server.database_app import upgrade_database
        from oriel_fx.server.serve import web_command
        from oriel_fx.server.settings import load_settings
    if role not in ROLES:
        raise UsageError(f"{role!r} is not a role.", f"Set ORIEL_ROLE to one of {', '.join(ROLES)}.")
    settings = load_settings()
    if settings.production and "host" not in settings.model_fields_set:
        # A platform's router comes from outside this container.
        os.environ["ORIEL_HOST"] = "0.0.0.0"
        settings = load_settings()
    if role == "web":
        command = web_command()
        os.execv(command[0], command)
    elif role == "release":
        upgrade_database(settings)
    else:
        with worker_processes.answering_health(settings.host, settings.port):
            run = worker_processes.work_all if role == "worker" else worker_processes.schedule
            run(settings)
