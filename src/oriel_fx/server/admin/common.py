"""What all operators' functions share: errors, pages of rows, and the audit log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, select

from oriel_fx.errors import OrielError, UsageError
from oriel_fx.server.db import db
from oriel_fx.server.models import AuditLog
from oriel_fx.server.services import current_services

Row = TypeVar("Row")
State = TypeVar("State", bound=StrEnum)
MAX_LIMIT = 1000


class NotThereError(UsageError):
    """There is nothing with this id."""

    code = "NOT_THERE"


class RefusedError(OrielError):
    """It would do harm, or nothing: what it is asked of is not in a state for it."""

    code = "REFUSED"


@dataclass(frozen=True)
class Paging:
    """Which rows of a list: `limit` of them, on page 1 and up."""

    limit: int = 50
    page: int = 1

    def __post_init__(self) -> None:
        if not (1 <= self.limit <= MAX_LIMIT and 1 <= self.page <= 1_000_000):
            raise UsageError(f"A list shows 1 to {MAX_LIMIT} rows, from page 1 on.", "See --limit and --page.")


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """Rows of a page, and how many there are on all pages."""

    rows: list[Row]
    total: int


FIRST_PAGE = Paging()


def listing(query: Select[Any], paging: Paging, describe: Callable[..., Row]) -> Listing[Row]:
    """Run an ordered query for one page, in two statements; `describe` takes a row's columns."""
    total = db.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    rows = db.session.execute(query.limit(paging.limit).offset((paging.page - 1) * paging.limit)).all()
    return Listing([describe(*row) for row in rows], total)


def audit(actor: str, action: str, target: tuple[str, object], **details: Any) -> None:
    """Write what `actor` does to `target` (its type and id), in the open transaction; does not commit.

    `details` hold no addresses, passwords or tokens.
    """
    kind, number = target
    db.session.add(
        AuditLog(
            created_at=current_services().clock(),
            actor=actor[:128],
            action=action,
            target_type=kind,
            target_id=str(number)[:64],
            details=details,
        )
    )


def containing(text: str) -> str:
    """A LIKE pattern for rows that contain `text`; use it with `escape="\\\\"`."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def state_of(kind: type[State], word: str) -> State | None:
    """The state with this name; None for no word or `all`. Raises UsageError, naming those there are."""
    if word in ("", "all"):
        return None
    try:
        return kind(word)
    except ValueError:
        known = ", ".join(state.value for state in kind)
        raise UsageError(f"There is no status {word!r}.", f"There are {known}, and all.") from None
