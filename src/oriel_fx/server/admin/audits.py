"""The audit log, to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from oriel_fx.server.admin.common import FIRST_PAGE, Listing, NotThereError, Paging, listing
from oriel_fx.server.db import db
from oriel_fx.server.models import AuditLog

# Accounts' own doings (logins, above all) are many; what operators do is what one looks for.
WHO = ("operators", "accounts")
_OF_ACCOUNTS = "auth.%"


@dataclass(frozen=True)
class AuditRow:
    """Something that somebody did."""

    id: int
    created_at: datetime
    actor: str
    action: str
    target_type: str
    target_id: str
    details: dict[str, Any]


def list_audits(who: str = "", paging: Paging = FIRST_PAGE) -> Listing[AuditRow]:
    """What was done, newest first: by operators, by accounts, or by all."""
    query = select(AuditLog)
    if who in WHO:
        of_accounts = AuditLog.action.like(_OF_ACCOUNTS)
        query = query.where(of_accounts if who == "accounts" else ~of_accounts)
    return listing(query.order_by(AuditLog.created_at.desc(), AuditLog.id.desc()), paging, _row)


def show_audit(number: int) -> AuditRow:
    """One row. Raises NotThereError."""
    found = db.session.get(AuditLog, number)
    if found is None:
        raise NotThereError(f"There is no row {number}.", "See the list.")
    return _row(found)


def _row(row: AuditLog) -> AuditRow:
    return AuditRow(
        row.id, row.created_at, row.actor, row.action, row.target_type, row.target_id, dict(row.details or {})
    )
