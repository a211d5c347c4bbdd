"""`oriel admin dead-letter …`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from oriel_fx.cli.admin.session import confirm, operating
from oriel_fx.cli.admin.tables import Email, Json, Limit, Page, Yes, print_details, print_rows

LetterId = Annotated[int, typer.Argument(metavar="NUMBER", help="Its number in the list.", min=1)]
_COLUMNS: list[tuple[str, Any]] = [
    ("id", lambda row: row.id),
    ("status", lambda row: row.status),
    ("job", lambda row: row.job_id),
    ("email", lambda row: row.email),
    ("error", lambda row: row.error_code),
    ("tries", lambda row: row.attempts),
    ("made", lambda row: row.created_at),
    ("refund due", lambda row: row.refund_due_at),
]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(help="Jobs that gave up.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("retry")(retry)
    group.command("drop")(drop)
    app.add_typer(group, name="dead-letter")


def list_(
    status: Annotated[str, typer.Option("--status", help="open, retried, dropped or all.")] = "open",
    email: Email = "",
    limit: Limit = 50,
    page: Page = 1,
    as_json: Json = False,
) -> None:
    """List jobs that gave up and wait for you, newest first."""
    with operating():
        from oriel_fx.server.admin.common import Paging, state_of
        from oriel_fx.server.admin.dead_letters import list_letters
        from oriel_fx.server.states import DeadLetterStatus

        found = list_letters(status=state_of(DeadLetterStatus, status), email=email, paging=Paging(limit, page))
        print_rows(found, _COLUMNS, as_json, "There are no such dead letters.")


def retry(letter: LetterId, as_json: Json = False) -> None:
    """Render its job again."""
    with operating() as actor:
        from oriel_fx.server.admin.dead_letters import retry_letter

        print_details(retry_letter(actor, letter), as_json)


def drop(letter: LetterId, yes: Yes = False, as_json: Json = False) -> None:
    """Give its job up for good; its money goes back at once."""
    with operating() as actor:
        from oriel_fx.server.admin.dead_letters import drop_letter, show_letter

        row = show_letter(letter)
        confirm(f"Drop dead letter {row.id} (job {row.job_id}, {row.email}) and refund what was paid?", yes)
        print_details(drop_letter(actor, letter), as_json)
