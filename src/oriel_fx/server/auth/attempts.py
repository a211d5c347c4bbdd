"""Guessing passwords slows down: counted on failures, for an address together with where the guess came from.

Whoever guesses is held up; the account's owner, who is somewhere else, is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import g, request

from oriel_fx.server.auth.addresses import lookup_address
from oriel_fx.server.auth.audit import address_hash
from oriel_fx.server.limits import by_address, limiter, rate

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


def _address_in_body() -> str:
    body = request.get_json(silent=True)
    given = body.get("email") if isinstance(body, dict) else None
    return lookup_address(given) if isinstance(given, str) else ""
