"""`oriel admin cleanup`, `backup` and `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oriel_fx.cli.admin.session import confirm, operating
from oriel_fx.cli.admin.tables import Json, Yes, print_details, print_json, print_table, size
from oriel_fx.cli.console import say
from oriel_fx.cli.extras import needs_server


def add_to(app: typer.Typer) -> None:
    app.command()(cleanup)
    app.command()(backup)
    app.command()(restore)


def cleanup(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove what is old: expired videos, unpaid uploads, orphaned files, old tokens, temporary folders."""
    confirm("Remove what is old now? (--dry-run shows it.)", yes or dry_run)
    with operating() as actor:
        from oriel_fx.server.admin.common import audit
        from oriel_fx.server.cleanup import sweep
        from oriel_fx.server.db import db

        done = sweep(dry_run=dry_run)
        if not dry_run:
            audit(actor, "cleanup", ("server", "-"), **{one.name: one.n_items for one in done})
            db.session.commit()
    if as_json:
        print_json({"dry_run": dry_run, "sweeps": done})
    else:
        print_table(
            done,
            [
                ("what", lambda one: one.name.replace("_", " ")),
                ("would go" if dry_run else "gone", lambda one: one.n_items),
                ("size", lambda one: size(one.n_bytes)),
                ("such as", lambda one: (one.error and f"stopped: {one.error}") or ", ".join(one.examples[:3])),
            ],
        )
    if any(one.error for one in done):
        raise typer.Exit(1)


def backup(
    file: Annotated[
        Path | None, typer.Argument(help="The file to write.", show_default="backups/… in the data folder")
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy the embedded database to a file while it is in use. Files in storage are not part of it."""
    with operating() as actor:
        from oriel_fx.server.admin.common import audit
        from oriel_fx.server.backup import back_up, default_backup_path
        from oriel_fx.server.db import db
        from oriel_fx.server.services import current_services

        settings, now = current_services().settings, current_services().clock()
        done = back_up(settings, (file or default_backup_path(settings, now)).absolute())
        audit(actor, "backup", ("server", "-"), n_bytes=done.n_bytes)
        db.session.commit()
    print_details(done, as_json)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `oriel admin backup` wrote.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Also while the server runs.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the place of the embedded database, which is backed up itself first."""
    with needs_server():
        from oriel_fx.server.backup import check_backup, database_file
        from oriel_fx.server.backup import restore as put_back
        from oriel_fx.server.db import utcnow
        from oriel_fx.server.settings import load_settings
    settings = load_settings()
    database_file(settings)
    check_backup(file)
    confirm(f"Replace the database in {settings.data_dir} by {file}?", yes)
    done = put_back(settings, file, utcnow(), forced=force)
    with operating() as actor:
        from oriel_fx.server.admin.common import audit
        from oriel_fx.server.db import db

        audit(actor, "restore", ("server", "-"), revision=done.revision, forced=force)
        db.session.commit()
    if as_json:
        print_json({"restored": str(file), "before": done.path, "revision": done.revision})
    else:
        say(f"{file} is the database now." + (f" What was there is in {done.path}." if done.path else ""))
