"""`oriel admin problems`, `queues`, `workers` and `stats`."""

from __future__ import annotations

from typing import Annotated

import typer

from oriel_fx.cli.admin.session import operating
from oriel_fx.cli.admin.tables import Json, cell, money, print_json, print_table, size
from oriel_fx.cli.console import say

_AWAY = "The queue cannot be reached. Jobs and mails stay in the database until it can."


def add_to(app: typer.Typer) -> None:
    app.command()(problems)
    app.command()(queues)
    app.command()(workers)
    app.command()(stats)


def problems(as_json: Json = False) -> None:
    """Show what is wrong now, since when, and what to do. Exit code 1 where there is something."""
    with operating():
        from oriel_fx.server.admin.problems import problems as ask

        found = ask()
    if as_json:
        print_json(found)
    elif not found:
        say("All is well.")
    for number, one in enumerate([] if as_json else found):
        since = f", since {cell(one.since)} UTC" if one.since else ""
        say(("\n" if number else "") + f"{one.what}{since}.\n  {one.do}\n  → {one.command}")
    if found:
        raise typer.Exit(1)


def queues(as_json: Json = False) -> None:
    """Show how much waits in each queue, and what the database says is due."""
    with operating():
        from oriel_fx.server.admin.overview import queues as ask

        found = ask()
    if as_json:
        print_json(found)
        return
    if not found.reachable:
        typer.echo(_AWAY, err=True)
    print_table(
        found.rows,
        [
            ("queue", lambda row: row.name),
            ("waiting", lambda row: row.waiting),
            ("oldest (s)", lambda row: row.oldest_s),
            ("due in the database", lambda row: row.in_database),
        ],
    )


def workers(as_json: Json = False) -> None:
    """Show the workers that are alive, what each is at, and when the scheduler was heard of."""
    with operating():
        from oriel_fx.server.admin.overview import workers as ask

        found = ask()
    if as_json:
        print_json(found)
        return
    if not found.reachable:
        typer.echo(_AWAY, err=True)
    if found.rows:
        print_table(
            found.rows,
            [
                ("worker", lambda row: row.name),
                ("queues", lambda row: row.queues),
                ("state", lambda row: row.state),
                ("at", lambda row: row.work),
                ("last heard of (UTC)", lambda row: row.last_heartbeat_at),
            ],
        )
    else:
        say("0 workers.")
    heard = found.scheduler_heard_of_at
    say(f"The scheduler was heard of at {cell(heard)} UTC." if heard else "0 schedulers.")


def stats(
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="Of the last days, today included.")] = 7,
    as_json: Json = False,
) -> None:
    """Show jobs by state, the error rate, revenue, storage, and how fast videos are rendered."""
    with operating():
        from oriel_fx.server.admin.overview import stats as ask

        found = ask(days)
        if as_json:
            print_json(found)
            return
        speed = "no renders"
        if found.realtime_p50 is not None and found.realtime_p95 is not None:
            speed = f"{found.realtime_p50:.2f}× real time or faster for half, {found.realtime_p95:.2f}× for 95 of 100"
        lines = {
            "jobs now": ", ".join(f"{number} {state}" for state, number in found.jobs.items()),
            "storage now": size(found.storage_bytes),
            "dead letters open": str(found.open_dead_letters),
            "mails to send": str(found.pending_mails),
            f"last {days} days": f"{found.completed} completed, {found.failed} failed",
            "error rate": f"{found.error_rate:.1%}",
            "revenue": _sum(found.revenue_cents),
            "refunded": _sum(found.refunded_cents),
            "render speed": speed,
        }
    width = max(map(len, lines))
    for name, value in lines.items():
        say(f"{name:<{width}}  {value}")


def _sum(cents: dict[str, int]) -> str:
    return ", ".join(money(amount, currency) for currency, amount in cents.items()) or "0"
