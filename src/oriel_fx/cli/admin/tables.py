"""Printing rows: as a table for people, as JSON for scripts."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oriel_fx.cli.console import megabytes, say

if TYPE_CHECKING:
    from rich.console import Console

    from oriel_fx.server.admin.common import Listing

Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="Rows to show.")]
Page = Annotated[int, typer.Option("--page", min=1, help="Which page of them.")]
Email = Annotated[str, typer.Option("--email", help="Only of accounts with this in their address.")]

Column = tuple[str, Callable[[Any], object]]
_UNREAD_WIDTH = 180


def print_rows(found: Listing[Any], columns: Sequence[Column], as_json: bool, nothing: str) -> None:
    """A list, with how many there are in all. `nothing` is said where there are none."""
    if as_json:
        print_json({"total": found.total, "rows": found.rows})
    elif not found.rows:
        say(nothing)
    else:
        print_table(found.rows, columns)
        if len(found.rows) < found.total:
            say(f"{len(found.rows)} of {found.total}; see --page and --limit.")


def print_table(rows: Sequence[Any], columns: Sequence[Column]) -> None:
    """Rows under headings."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    cells = [[cell(value(row)) for _, value in columns] for row in rows]
    for number, (heading, _) in enumerate(columns):
        numeric = all(line[number].replace(".", "").isdigit() for line in cells)
        # An id that is cut short is of no use.
        whole = heading in ("id", "job", "email", "status")
        table.add_column(heading, justify="right" if numeric else "left", no_wrap=whole, overflow="fold")
    for line in cells:
        table.add_row(*line)
    _console().print(table)


def print_details(details: Any, as_json: bool) -> None:
    """Everything about one thing, a line each; what is empty is left out."""
    if as_json:
        print_json(details)
        return
    lines = [(name.replace("_", " "), cell(value)) for name, value in _flat(details) if value not in (None, "", {}, [])]
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        say(f"{name:<{width}}  {value}")


def print_json(value: Any) -> None:
    """A value as JSON, dataclasses as objects, times in ISO 8601."""
    say(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def cell(value: Any) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def money(cents: int, currency: str) -> str:
    """149, "usd" → $1.49."""
    from oriel_fx.server.mail.messages import money as in_words

    return in_words(cents, currency)


def size(n_bytes: int) -> str:
    """Bytes as megabytes, or gigabytes where there are many."""
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e9 else megabytes(n_bytes)


def _flat(details: Any) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for field in dataclasses.fields(details):
        value = getattr(details, field.name)
        found += _flat(value) if dataclasses.is_dataclass(value) else [(field.name, value)]
    return found


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _UNREAD_WIDTH
    return console
