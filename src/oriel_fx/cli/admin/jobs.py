"""`oriel admin jobs …`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from oriel_fx.cli.admin.session import confirm, operating
from oriel_fx.cli.admin.tables import (
    Email,
    Json,
    Limit,
    Page,
    Yes,
    money,
    print_details,
    print_json,
    print_rows,
    print_table,
)
from oriel_fx.errors import UsageError

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Its id, or six or more of its first characters.")]
_COLUMNS: list[tuple[str, Any]] = [
    ("id", lambda row: row.id),
    ("status", lambda row: row.status),
    ("done", lambda row: f"{row.progress:.0%}"),
    ("email", lambda row: row.email),
    ("title", lambda row: row.title),
    ("seconds", lambda row: row.duration_s),
    ("price", lambda row: money(row.price_cents, row.currency)),
    ("made", lambda row: row.created_at),
    ("error", lambda row: row.error_code),
]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(help="Render jobs.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("retry")(retry)
    group.command("cancel")(cancel)
    group.command("logs")(logs)
    app.add_typer(group, name="jobs")


def list_(
    status: Annotated[str, typer.Option("--status", help="queued, processing, failed …")] = "",
    email: Email = "",
    limit: Limit = 50,
    page: Page = 1,
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""
    with operating():
        from oriel_fx.server.admin.common import Paging, state_of
        from oriel_fx.server.admin.jobs import list_jobs
        from oriel_fx.server.states import JobStatus

        found = list_jobs(status=state_of(JobStatus, status), email=email, paging=Paging(limit, page))
        print_rows(found, _COLUMNS, as_json, "There are no such jobs.")


def show(job: JobId, as_json: Json = False) -> None:
    """Show all that is known of a job: its error in full, its payment, where it is, a link to the video."""
    with operating():
        from oriel_fx.server.admin.jobs import show_job

        print_details(show_job(job), as_json)


def retry(job: JobId, as_json: Json = False) -> None:
    """Render a failed job again, or one that waits for its next try now."""
    with operating() as actor:
        from oriel_fx.server.admin.jobs import retry_job

        print_details(retry_job(actor, job), as_json)


def cancel(job: JobId, yes: Yes = False, as_json: Json = False) -> None:
    """Stop a job, and give its money back."""
    with operating() as actor:
        from oriel_fx.server.admin.jobs import cancel_job, show_job

        row = show_job(job).job
        confirm(f"Cancel {row.id} ({row.status}, {row.title}) and refund what was paid?", yes)
        print_details(cancel_job(actor, job), as_json)


def logs(
    job: JobId,
    log: Annotated[
        Path | None,
        typer.Option("--log", help="A log file of the server or a worker (- for standard input), to search too."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what happened to a job, in order."""
    with operating():
        from oriel_fx.server.admin.job_log import job_events, logged_events
        from oriel_fx.server.admin.jobs import find_job

        found = job_events(job)
        public_id = find_job(job).public_id
    if log is not None:
        try:
            lines = nullcontext(sys.stdin) if str(log) == "-" else log.open(encoding="utf-8", errors="replace")
            with lines as file:
                found = sorted([*found, *logged_events(file, public_id)], key=lambda event: event.at)
        except OSError as error:
            raise UsageError(f"{log} cannot be read: {error.strerror}.", "Name a file of JSON lines.") from None
    if as_json:
        print_json(found)
    else:
        print_table(found, [("at (UTC)", lambda e: e.at), ("what", lambda e: e.what), ("", lambda e: e.detail)])
