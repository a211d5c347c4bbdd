"""Where operators' commands run: with the server's settings, its database and its services, as somebody."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from oriel_fx.cli.extras import needs_server
from oriel_fx.errors import OrielError


class DatabaseError(OrielError):
    """The database cannot be asked."""

    code = "DATABASE"


@contextmanager
def operating() -> Iterator[str]:
    """The server's parts for as long as the block runs; gives the name that the audit log will show."""
    with needs_server():
        from sqlalchemy.exc import DBAPIError, ProgrammingError

        from oriel_fx.server.app import database_context, upgrade_database
        from oriel_fx.server.db import db
        from oriel_fx.server.logs import configure_logging
        from oriel_fx.server.settings import load_settings
    settings = load_settings()
    # What goes wrong is told as a sentence; what waits, the tables show.
    configure_logging("CRITICAL")
    try:
        if settings.database.startswith("sqlite:///") and not os.path.exists(settings.database[10:]):  # noqa: PTH110
            # Nothing ran here yet: there is nothing to see, but an operator's account can be made.
            upgrade_database(settings)
        with database_context(settings):
            try:
                yield f"cli:{_who()}"
            finally:
                db.session.rollback()
    except DBAPIError as error:
        if isinstance(error, ProgrammingError) or "no such table" in str(error.orig):
            raise DatabaseError("The database has not this version's tables.", "Run `oriel db upgrade`.") from None
        raise DatabaseError("The database cannot be reached.", "See `oriel config check`.") from None


def confirm(question: str, yes: bool) -> None:
    """Go on only if the operator says so. Exit code 1 if not."""
    if yes:
        return
    try:
        sure = typer.confirm(question, err=True)
    except typer.Abort:
        typer.echo("\nNobody answered. Add --yes where nobody can.", err=True)
        sure = False
    if not sure:
        typer.echo("Nothing was done.", err=True)
        raise typer.Exit(1)


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
