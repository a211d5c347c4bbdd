"""Lists: one view for all of them. A page of rows with filters, a page for each row, and what can be done to rows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from flask import flash, redirect, request, url_for
from flask_admin import expose

from oriel_fx.errors import OrielError
from oriel_fx.server.admin.common import Listing, NotThereError, Paging, RefusedError
from oriel_fx.server.admin.job_log import JobEvent
from oriel_fx.server.admin.site.gate import actor
from oriel_fx.server.admin.site.page import Page, ago, dated
from oriel_fx.server.db import db
from oriel_fx.server.errors import ApiError, NotFoundError
from oriel_fx.server.mail.messages import money

PAGE_ROWS = 50
MOST_AT_ONCE = 100
# What an operator looks for comes first, in this order.
_FIRST = (
    *("status", "state", "error code", "error message", "error detail", "error", "note"),
    *("attempts", "crashes", "stage", "payment status", "refund due at", "next attempt at"),
)
_LABELS = {"duration s": "length", "n frames": "frames", "n jobs": "jobs", "created at": "made", "id": "id"}
Kind = Literal["text", "id", "status", "time", "number", "long"]


@dataclass(frozen=True)
class Column:
    """A column: its heading, what it shows of a row, and how."""

    heading: str
    value: Callable[[Any], object]
    kind: Kind = "text"


@dataclass(frozen=True)
class Action:
    """What can be done to a row: its words, what does it (actor, id), and for which rows. `question`: asked first."""

    label: str
    run: Callable[[str, str], object]
    allowed: Callable[[Any], bool]
    question: str = ""
    done: str = "Done."


class ListView(Page):
    """A list of rows."""

    columns: Sequence[Column] = ()
    statuses: Sequence[str] = ()
    first_status = ""
    by_email = True
    actions: Mapping[str, Action] = {}
    about = ""
    noun = ""
    batch = True

    def fetch(self, status: str, email: str, paging: Paging) -> Listing[Any]:
        """The rows of a page."""
        raise NotImplementedError

    def key(self, row: Any) -> str:
        """A row's id."""
        return str(row.id)

    def fetch_one(self, key: str) -> Any:
        """All about one row, as a dataclass. Raises NotThereError."""
        raise NotImplementedError

    def row_of(self, details: Any) -> Any:
        """The row within the details."""
        return details

    def links(self, details: Any) -> list[tuple[str, str]]:
        """Where else to look: words and addresses."""
        return []

    def events(self, details: Any) -> list[JobEvent]:
        """What happened to it, oldest first."""
        return []

    @expose("/")  # type: ignore[untyped-decorator]
    def index(self) -> Any:
        """The list; for an id in the place of an address, what it names."""
        status = request.args.get("status", self.first_status)
        status = status if status in self.statuses else ""
        email, page = request.args.get("email", "").strip()[:254], _number(request.args.get("page", "1"))
        if email and self.by_email and (key := self._key_of(email)):
            return redirect(url_for(".details", key=key))
        found = self.fetch(status, email if self.by_email else "", Paging(PAGE_ROWS, page))
        pages = max(1, -(-found.total // PAGE_ROWS))
        return self.show(
            "list.html", found=found, status=status, email=email, page=page, pages=pages, cell=self._cell, ago=ago
        )

    @expose("/<key>")  # type: ignore[untyped-decorator]
    def details(self, key: str) -> str:
        """All about one row."""
        try:
            found = self.fetch_one(key)
        except NotThereError as error:
            raise NotFoundError(error.message) from None
        row = self.row_of(found)
        allowed = {name: action for name, action in self.actions.items() if action.allowed(row)}
        return self.show(
            "details.html",
            key=self.key(row),
            first=[fact for fact in _facts(found) if fact[0] in _FIRST],
            facts=[fact for fact in _facts(found) if fact[0] not in _FIRST],
            allowed=allowed,
            links=self.links(found),
            events=self.events(found),
        )

    @expose("/act", methods=("POST",))  # type: ignore[untyped-decorator]
    def act(self) -> Any:
        """Do something to the rows that were marked, one by one; each failure is told, and stops no other."""
        action = self.actions.get(request.form.get("action", ""))
        keys = list(dict.fromkeys(request.form.getlist("shown" if request.form.get("all") else "key")))[:MOST_AT_ONCE]
        if action is None:
            raise NotFoundError("There is no such action.")
        n_done = 0
        for key in keys:
            try:
                action.run(actor(), key)
                n_done += 1
            except (NotThereError, RefusedError, ApiError) as error:
                db.session.rollback()
                flash(f"{key}: {_sentence(error)}", "error")
        if n_done:
            flash(f"{action.done} ({n_done})" if len(keys) > 1 else action.done, "success")
        elif not keys:
            flash("No row was marked.", "error")
        if request.form.get("back") == "details" and keys:
            return redirect(url_for(".details", key=keys[0]))
        return redirect(url_for(".index", status=request.form.get("status", ""), email=request.form.get("email", "")))

    def _key_of(self, text: str) -> str:
        """The key of the row with exactly this id; "" where there is none."""
        try:
            return self.key(self.row_of(self.fetch_one(text)))
        except NotThereError:
            return ""

    def _cell(self, column: Column, row: Any) -> object:
        value = column.value(row)
        return dated(value) if isinstance(value, datetime) else "–" if value in (None, "") else value


def number_of(key: str) -> int:
    """A key that is a number. Raises NotThereError."""
    if not (key.isascii() and key.isdigit() and len(key) < 10):
        raise NotThereError(f"There is no {key!r}.", "")
    return int(key)


def _sentence(error: OrielError) -> str:
    return f"{error.message} {error.hint}".strip()


def _number(text: str) -> int:
    return min(max(1, int(text)), 1_000_000) if text.isascii() and text.isdigit() and len(text) < 8 else 1


def _facts(details: Any) -> list[tuple[str, object, str]]:
    """Every field that says something: its name, its value, and how to show it; what went wrong comes first."""
    order = {name: number for number, name in enumerate(_FIRST)}
    found = sorted(_all_facts(details), key=lambda fact: order.get(fact[0], len(order)))
    return [(_LABELS.get(name, name), value, kind) for name, value, kind in found]


def _all_facts(details: Any) -> list[tuple[str, object, str]]:
    found: list[tuple[str, object, str]] = []
    for field in dataclasses.fields(details):
        value, name = getattr(details, field.name), field.name.replace("_", " ")
        if dataclasses.is_dataclass(value):
            found += _all_facts(value)
        elif value in (None, "", False, {}) or field.name.endswith(("_link", "currency")):
            continue
        elif field.name.endswith("_cents") and isinstance(value, int):
            found.append((name.removesuffix(" cents"), money(value, details.currency), "text"))
        elif isinstance(value, dict) and all(isinstance(part, int) for part in value.values()):
            found += [(f"{name}: {key}", part, "text") for key, part in value.items() if part]
        else:
            found.append((name, *_shown(field.name, value)))
    return found


def _shown(name: str, value: object) -> tuple[object, str]:
    if isinstance(value, datetime):
        return dated(value), "time"
    if isinstance(value, dict):
        return json.dumps(value, indent=1, ensure_ascii=False), "folded"
    if isinstance(value, float):
        unit = " s" if name.endswith("_s") else ""
        return f"{value:.0%}" if name == "progress" else f"{value:.1f}{unit}", "text"
    if name.endswith("_bytes") and isinstance(value, int):
        return f"{value / 1e6:.1f} MB" if value >= 1e6 else f"{value / 1e3:.0f} kB", "text"
    if name in ("status", "state", "payment_status"):
        return value, "status"
    long = isinstance(value, str) and (len(value) > 80 or "\n" in value or name == "error_detail")
    return ("yes" if value is True else value), "long" if long else "text"
