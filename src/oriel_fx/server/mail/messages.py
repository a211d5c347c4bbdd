"""The texts of the mails: `compose` fills a kind's templates with values, escaped in HTML, on one line in subjects.

Each kind has `templates/<kind>.txt`, whose first line is the subject, and `templates/<kind>.html`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

_SUBJECT_CHARS = 150
# What would turn the text round it: bidirectional embeddings, overrides and isolates.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_MINOR_UNITS = {"jpy": 0, "krw": 0, "clp": 0, "vnd": 0, "kwd": 3, "bhd": 3, "tnd": 3}
_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


class MailKind(StrEnum):
    """What a mail is about; `VALUES` says what each needs to know."""

    PAID = "paid"
    COMPLETED = "completed"
    FAILED = "failed"
    REFUNDED = "refunded"
    RESET_PASSWORD = "reset_password"
    CONFIRM_ADDRESS = "confirm_address"
    ADDRESS_NOTICE = "address_notice"
    PASSWORD_CHANGED = "password_changed"
    WELCOME = "welcome"
    ADMIN_ALERT = "admin_alert"


# title, reason, cause, detail, address: any text. url: where the reader goes. valid_s: seconds.
# expires_at: aware datetime.
VALUES: dict[MailKind, frozenset[str]] = {
    MailKind.PAID: frozenset({"title", "amount_cents", "currency"}),
    MailKind.COMPLETED: frozenset({"title", "url", "expires_at"}),
    MailKind.FAILED: frozenset({"title", "reason", "amount_cents", "currency"}),
    MailKind.REFUNDED: frozenset({"title", "amount_cents", "currency"}),
    MailKind.RESET_PASSWORD: frozenset({"url", "valid_s"}),
    MailKind.CONFIRM_ADDRESS: frozenset({"url", "valid_s"}),
    MailKind.ADDRESS_NOTICE: frozenset({"address"}),
    MailKind.PASSWORD_CHANGED: frozenset(),
    MailKind.WELCOME: frozenset(),
    MailKind.ADMIN_ALERT: frozenset({"cause", "detail"}),
}
_MANY_LINES = frozenset({"detail"})


@dataclass(frozen=True)
class Composed:
    """A mail's words."""

    subject: str
    text: str
    html: str


def compose(kind: MailKind, public_url: str, values: dict[str, object]) -> Composed:
    """The words of one mail; `public_url` is the service's address. Raises ValueError for missing or extra values."""
    if values.keys() != VALUES[kind]:
        raise ValueError(f"a {kind} mail takes {sorted(VALUES[kind])}, not {sorted(values)}")
    shown = {name: _printable(value, name in _MANY_LINES) for name, value in values.items()}
    shown["public_url"] = public_url
    templates = _templates()
    subject, _, text = templates.get_template(f"{kind}.txt").render(shown).partition("\n")
    subject = one_line(subject)
    if len(subject) > _SUBJECT_CHARS:
        subject = subject[: _SUBJECT_CHARS - 1].rstrip() + "…"
    html = templates.get_template(f"{kind}.html").render(shown | {"subject": subject})
    return Composed(subject, text.strip() + "\n", html)


def one_line(text: str) -> str:
    """The text on one line, without control characters, or marks that reverse what follows."""
    kept = (" " if unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") else char for char in _BIDI.sub("", text))
    return " ".join("".join(kept).split())


def money(cents: int, currency: str) -> str:
    """`149, "usd"` → `$1.49`; the amount is in the currency's smallest unit."""
    digits = _MINOR_UNITS.get(currency, 2)
    amount = f"{cents / 10**digits:,.{digits}f}"
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{amount}" if symbol else f"{amount} {currency.upper()}"


def day(moment: datetime) -> str:
    """`24 December 2026`, in UTC."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y}"


def span(seconds: int) -> str:
    """`3600` → `1 hour`; in the largest unit of which it is a whole number."""
    units = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
    name, length_s = next(unit for unit in units if seconds % unit[1] == 0)
    n = seconds // length_s
    return f"{n} {name}" if n == 1 else f"{n} {name}s"


def _printable(value: object, many_lines: bool) -> object:
    if not isinstance(value, str):
        return value
    return "\n".join(one_line(line) for line in value.splitlines()) if many_lines else one_line(value)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("oriel_fx.server.mail"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"day": day, "span": span}
    templates.globals["money"] = money
    return templates
