"""`oriel admin mail …`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from oriel_fx.cli.admin.session import operating
from oriel_fx.cli.admin.tables import Email, Json, Limit, Page, print_details, print_rows

_COLUMNS: list[tuple[str, Any]] = [
    ("id", lambda row: row.id),
    ("status", lambda row: row.status),
    ("kind", lambda row: row.kind),
    ("email", lambda row: row.to),
    ("subject", lambda row: row.subject),
    ("tries", lambda row: row.attempts),
    ("written", lambda row: row.created_at),
    ("sent", lambda row: row.sent_at),
    ("error", lambda row: row.error),
]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(help="Mails in the outbox.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("retry")(retry)
    app.add_typer(group, name="mail")


def list_(
    status: Annotated[str, typer.Option("--status", help="pending, sent or failed.")] = "",
    email: Email = "",
    limit: Limit = 50,
    page: Page = 1,
    as_json: Json = False,
) -> None:
    """List mails, newest first."""
    with operating():
        from oriel_fx.server.admin.common import Paging, state_of
        from oriel_fx.server.admin.mails import list_mails
        from oriel_fx.server.states import EmailStatus

        found = list_mails(status=state_of(EmailStatus, status), email=email, paging=Paging(limit, page))
        print_rows(found, _COLUMNS, as_json, "There are no such mails.")


def retry(
    mail: Annotated[int, typer.Argument(metavar="NUMBER", help="Its number in the list.", min=1)],
    as_json: Json = False,
) -> None:
    """Send a mail that failed, or that waits, now."""
    with operating() as actor:
        from oriel_fx.server.admin.mails import retry_mail

        print_details(retry_mail(actor, mail), as_json)
