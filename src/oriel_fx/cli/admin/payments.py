"""`oriel admin payments …`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from oriel_fx.cli.admin.session import confirm, operating
from oriel_fx.cli.admin.tables import Email, Json, Limit, Page, Yes, money, print_details, print_rows

PaymentId = Annotated[str, typer.Argument(metavar="PAYMENT", help="Its id, or its session's or intent's at Stripe.")]
_COLUMNS: list[tuple[str, Any]] = [
    ("id", lambda row: row.id),
    ("status", lambda row: row.status),
    ("amount", lambda row: money(row.amount_cents, row.currency)),
    ("email", lambda row: row.email),
    ("job", lambda row: row.job_id),
    ("made", lambda row: row.created_at),
    ("refunded", lambda row: row.refunded_at),
]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(help="Payments.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("refund")(refund)
    app.add_typer(group, name="payments")


def list_(
    status: Annotated[str, typer.Option("--status", help="pending, completed, parked, refunded …")] = "",
    email: Email = "",
    limit: Limit = 50,
    page: Page = 1,
    as_json: Json = False,
) -> None:
    """List payments, newest first. Parked ones wait for you."""
    with operating():
        from oriel_fx.server.admin.common import Paging, state_of
        from oriel_fx.server.admin.payments import list_payments
        from oriel_fx.server.states import PaymentStatus

        found = list_payments(status=state_of(PaymentStatus, status), email=email, paging=Paging(limit, page))
        print_rows(found, _COLUMNS, as_json, "There are no such payments.")


def show(payment: PaymentId, as_json: Json = False) -> None:
    """Show a payment, and why it is where it is."""
    with operating():
        from oriel_fx.server.admin.payments import show_payment

        print_details(show_payment(payment), as_json)


def refund(payment: PaymentId, yes: Yes = False, as_json: Json = False) -> None:
    """Give all of a payment back. A job it pays for is stopped."""
    with operating() as actor:
        from oriel_fx.server.admin.payments import refund_payment, show_payment

        row = show_payment(payment).payment
        confirm(f"Give {money(row.amount_cents, row.currency)} back to {row.email}?", yes)
        print_details(refund_payment(actor, payment), as_json)
