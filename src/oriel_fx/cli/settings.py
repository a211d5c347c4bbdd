"""`oriel config check`: the server's settings as they are, and what they come to."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from oriel_fx.cli.extras import needs_server


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(help="The server's settings.", no_args_is_help=True)
    group.command("check")(check)
    group.callback()(lambda: None)
    app.add_typer(group, name="config")


def check(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Print what is set, secrets masked, and what each service resolves to. Exit code 1 if something is missing."""
    with needs_server():
        from oriel_fx.server.settings import read_settings
        from oriel_fx.server.settings_report import describe, services
    settings = read_settings()
    missing = settings.missing()
    if as_json:
        report = {"settings": describe(settings), "services": services(settings), "missing": missing}
        typer.echo(json.dumps(report, indent=2))
    else:
        _table("Set:", describe(settings) or {"(nothing)": "the defaults"})
        _table("Services:", services(settings))
        if missing:
            typer.echo("Missing, and production does not start without:\n  " + "\n  ".join(missing))
    if missing:
        raise typer.Exit(1)


def _table(heading: str, rows: dict[str, str]) -> None:
    typer.echo(heading)
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        typer.echo(f"  {name:<{width}}  {value}")
