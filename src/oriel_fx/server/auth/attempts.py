"""Guessing passwords slows down: counted on failures, for an address together with where the guess came from.

Whoever guesses is held up; the account's owner, who is somewhere else, is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import g, request
from werkzeug.exceptions import HTTPException

from oriel_fx.server.auth.addresses import MAX_EMAIL_CHARS, lookup_address
from oriel_fx.server.auth.audit import address_hash
from oriel_fx.server.error_handlers import BROKEN_BODY
from oriel_fx.server.errors import MalformedJsonError
from oriel_fx.server.json_body import parse_json
from oriel_fx.server.limits import by_address, limiter, rate
from oriel_fx.server.services import current_settings

View = TypeVar("View", bound=Callable[..., Any])


def slow_after_failures(view: View) -> View:
    """Answer 429 once `rate_login_pair` failures were noted. The views marked so share one count."""
    limit = limiter.shared_limit(
        rate("rate_login_pair"), scope="password", key_func=_pair, deduct_when=lambda _: bool(g.get("bad_password"))
    )
    return cast(View, limit(view))


def note_bad_password() -> None:
    """This request guessed wrong."""
    g.bad_password = True


def _pair() -> str:
    user = g.get("user")
    email = user.email if user is not None else _address_in_body()
    return f"{address_hash(email)}:{by_address()}"


def by_address_asked_for() -> str:
    """Whose link is asked for, whether there is such an account or not; who asks, where the body names nobody."""
    asked_for = _address_in_body()
    return address_hash(asked_for) if asked_for else by_address()


def _address_in_body() -> str:
    # Nothing may be raised here, whatever was sent: the limiter would take it for an outage of Redis, and begin to
    # count anew in memory. What is wrong with the body is said later.
    try:
        body = parse_json(request.get_data(cache=True), current_settings().max_json_depth)
    except (MalformedJsonError, HTTPException, *BROKEN_BODY):
        return ""
    given = body.get("email") if isinstance(body, dict) else None
    return lookup_address(given) if isinstance(given, str) and len(given) <= MAX_EMAIL_CHARS else ""
