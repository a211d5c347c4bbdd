"""`oriel admin users …`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from oriel_fx.cli.admin.session import confirm, operating
from oriel_fx.cli.admin.tables import Email, Json, Limit, Page, Yes, print_details, print_rows
from oriel_fx.errors import UsageError

Who = Annotated[str, typer.Argument(metavar="USER", help="Its number or its address.", show_default=False)]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password's line from standard input.")]
_COLUMNS: list[tuple[str, Any]] = [
    ("id", lambda row: row.id),
    ("email", lambda row: row.email),
    ("role", lambda row: row.role),
    ("status", lambda row: row.state),
    ("jobs", lambda row: row.n_jobs),
    ("made", lambda row: row.created_at),
    ("last login", lambda row: row.last_login_at),
]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(help="Accounts.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("create")(create)
    group.command("disable")(disable)
    group.command("enable")(enable)
    group.command("promote")(promote)
    group.command("reset-password")(reset_password)
    app.add_typer(group, name="users")


def list_(
    status: Annotated[str, typer.Option("--status", help="active, disabled, admin or deleted.")] = "",
    email: Email = "",
    limit: Limit = 50,
    page: Page = 1,
    as_json: Json = False,
) -> None:
    """List accounts, newest first."""
    with operating():
        from oriel_fx.server.admin.common import Paging
        from oriel_fx.server.admin.users import USER_STATES, list_users

        wanted = next((state for state in USER_STATES if state == status), None)
        if status and wanted is None:
            raise UsageError(f"There is no status {status!r}.", f"There are {', '.join(USER_STATES)}.")
        found = list_users(status=wanted, email=email, paging=Paging(limit, page))
        print_rows(found, _COLUMNS, as_json, "There are no such accounts.")


def show(who: Who, as_json: Json = False) -> None:
    """Show an account, its jobs by status, and what it has paid."""
    with operating():
        from oriel_fx.server.admin.users import show_user

        print_details(show_user(who), as_json)


def create(
    email: Annotated[str, typer.Argument(help="The address.", show_default=False)],
    admin: Annotated[bool, typer.Option("--admin", help="An operator's account.")] = False,
    password_stdin: Stdin = False,
    as_json: Json = False,
) -> None:
    """Make an account. Without a password it is sent a link to choose one."""
    with operating() as actor:
        from oriel_fx.server.admin.users import create_user

        print_details(create_user(actor, email, password=_password(password_stdin), admin=admin), as_json)


def disable(who: Who, yes: Yes = False, as_json: Json = False) -> None:
    """Shut an account out, at once. Its jobs go on."""
    with operating() as actor:
        from oriel_fx.server.admin.users import disable_user, show_user

        confirm(f"Disable {show_user(who).user.email}?", yes)
        print_details(disable_user(actor, who), as_json)


def enable(who: Who, as_json: Json = False) -> None:
    """Let a disabled account in again."""
    with operating() as actor:
        from oriel_fx.server.admin.users import enable_user

        print_details(enable_user(actor, who), as_json)


def promote(
    who: Who,
    to_user: Annotated[bool, typer.Option("--to-user", help="Take the role away instead.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Make an account an operator's. Its sessions end."""
    with operating() as actor:
        from oriel_fx.server.admin.users import promote_user, show_user
        from oriel_fx.server.states import Role

        role = Role.USER if to_user else Role.ADMIN
        confirm(f"Make {show_user(who).user.email} {'an ordinary user' if to_user else 'an operator'}?", yes)
        print_details(promote_user(actor, who, role), as_json)


def reset_password(who: Who, password_stdin: Stdin = False, yes: Yes = False, as_json: Json = False) -> None:
    """Send an account a link to choose a new password, or set one, which ends its sessions."""
    with operating() as actor:
        from oriel_fx.server.admin.users import reset_password as reset
        from oriel_fx.server.admin.users import show_user

        password = _password(password_stdin)
        # What came in on standard input cannot answer a question too.
        confirm(f"{'Set' if password else 'Reset'} the password of {show_user(who).user.email}?", yes or bool(password))
        print_details(reset(actor, who, password), as_json)


def _password(from_stdin: bool) -> str:
    if not from_stdin:
        return ""
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise UsageError("Standard input brought no password.", "Write it on one line.")
    return password
