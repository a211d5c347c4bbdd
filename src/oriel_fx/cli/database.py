"""`oriel db upgrade`: the database's tables, as this version wants them."""

from __future__ import annotations

import typer

from oriel_fx.cli.extras import needs_server


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(help="The server's database.", no_args_is_help=True)
    group.command("upgrade")(upgrade)
    group.callback()(lambda: None)
    app.add_typer(group, name="db")


def upgrade() -> None:
    """Create or upgrade the tables. A release runs it before the new version starts; twice does no harm."""
    with needs_server():
        from oriel_fx.server.database_app import upgrade_database
        from oriel_fx.server.settings import load_settings
        from oriel_fx.server.settings_report import without_password
    settings = load_settings()
    upgrade_database(settings)
    typer.echo(f"{without_password(settings.database)} is up to date.")
