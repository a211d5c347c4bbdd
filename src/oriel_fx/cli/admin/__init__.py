"""`oriel admin …`: what operators see and do, on the same functions as the pages at /admin."""

from __future__ import annotations

import typer

from oriel_fx.cli.admin import dead_letters, jobs, mails, overview, payments, upkeep, users


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(help="Look after the server: users, jobs, payments, mails, clean-up.", no_args_is_help=True)
    for module in (users, jobs, dead_letters, payments, mails, overview, upkeep):
        module.add_to(group)
    group.callback()(lambda: None)
    app.add_typer(group, name="admin")
