"""`oriel admin …`: what operators see and do, on the same functions as the pages at /admin."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup


class AdminGroup(TyperGroup):
    """Makes its commands when it is first asked for one: `oriel render` does not wait for them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in order."""
        self._fill()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of them."""
        self._fill()
        return super().get_command(ctx, cmd_name)

    def _fill(self) -> None:
        if not self.commands:
            group = typer.main.get_command(make_commands())
            assert isinstance(group, TyperGroup)
            self.commands.update(group.commands)


def add_to(app: typer.Typer) -> None:
    about = "Look after the server: users, jobs, payments, mails, clean-up."
    group = typer.Typer(cls=AdminGroup, help=about, no_args_is_help=True)
    group.callback()(lambda: None)
    app.add_typer(group, name="admin")


def make_commands() -> typer.Typer:
    """All commands, in the order in which --help lists them."""
    from oriel_fx.cli.admin import dead_letters, jobs, mails, overview, payments, upkeep, users

    group = typer.Typer(rich_markup_mode=None)
    for module in (users, jobs, dead_letters, payments, mails, overview, upkeep):
        module.add_to(group)
    return group
