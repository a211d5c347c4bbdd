"""/api/user/…."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response, g, jsonify

from oriel_fx.server import errors
from oriel_fx.server.auth.accounts import confirm_password
from oriel_fx.server.auth.attempts import slow_after_failures
from oriel_fx.server.auth.guard import AUTH_ERRORS, BEARER, current_user, login_required
from oriel_fx.server.auth.schemas import Done, Tokens
from oriel_fx.server.auth.tokens import clear_cookies, set_cookies
from oriel_fx.server.db import db
from oriel_fx.server.errors import api_errors
from oriel_fx.server.http import domain
from oriel_fx.server.limits import by_account, limiter, rate
from oriel_fx.server.mail.outbox import announce
from oriel_fx.server.models import User
from oriel_fx.server.users.deletion import delete_account
from oriel_fx.server.users.history import history
from oriel_fx.server.users.profile import ask_for_address, change_password, confirm_address
from oriel_fx.server.users.schemas import (
    AddressConfirmation,
    ChangedProfile,
    Deletion,
    History,
    HistoryQuery,
    Profile,
    ProfileChange,
)

bp = domain("users", "/api/user", "Your profile and your jobs.")

_INVALID = errors.ValidationFailedError


@bp.get("/profile", security=BEARER, responses={200: Profile, **api_errors(*AUTH_ERRORS)})
@login_required
def profile() -> dict[str, Any]:
    """Your account."""
    return shown(current_user())


@bp.put(
    "/profile",
    security=BEARER,
    responses={
        200: ChangedProfile,
        **api_errors(
            *AUTH_ERRORS,
            errors.EmailTakenError,
            errors.ConflictError,
            errors.InvalidCredentialsError,
            errors.WeakPasswordError,
            _INVALID,
        ),
    },
)
@limiter.limit(rate("rate_reset"), key_func=by_account, deduct_when=lambda _: bool(g.get("asked_for_address")))
@slow_after_failures
@login_required
def change_profile(body: ProfileChange) -> Response:
    """Change your address, your password or both.

    The new address takes over once the link mailed to it is opened. A new password ends every session; the answer
    has tokens for a new one.
    """
    user = current_user()
    confirm_password(user, body.current_password)
    pair, mails = None, []
    if body.new_password is not None:
        pair, notice = change_password(user, body.new_password)
        mails.append(notice)
    if body.email is not None:  # after the password, which voids links that were mailed before
        # Counted also where the address is taken: or one could ask for many, and learn which are.
        g.asked_for_address = True
        mails += ask_for_address(user, body.email)
    db.session.commit()
    for message_id in mails:
        announce(message_id)
    response = jsonify(**shown(user), tokens=Tokens(**asdict(pair)).model_dump() if pair else None)
    if pair:
        set_cookies(response, pair.refresh_token)
    return response


@bp.delete(
    "/profile",
    security=BEARER,
    responses={
        200: Done,
        **api_errors(*AUTH_ERRORS, errors.ConflictError, errors.InvalidCredentialsError, _INVALID),
    },
)
@slow_after_failures
@login_required
def delete_profile(body: Deletion) -> Response:
    """Delete your account and your videos. Unfinished jobs are canceled; what was paid and not made is refunded."""
    user = current_user()
    confirm_password(user, body.password)
    delete_account(user)
    return clear_cookies(jsonify(message="Your account is deleted."))


@bp.post(
    "/confirm-address",
    responses={
        200: Profile,
        **api_errors(errors.InvalidConfirmTokenError, errors.EmailTakenError, errors.ConflictError, _INVALID),
    },
)
@limiter.limit(rate("rate_login_ip"))
def confirm_new_address(body: AddressConfirmation) -> dict[str, Any]:
    """Confirm a new address with the token of the link that was mailed to it."""
    return shown(confirm_address(body.token))


@bp.get("/history", security=BEARER, responses={200: History, **api_errors(*AUTH_ERRORS, _INVALID)})
@login_required
def my_history(query: HistoryQuery) -> dict[str, Any]:
    """Your jobs, newest first."""
    return history(current_user(), query.page, query.limit).model_dump(mode="json")


def shown(user: User) -> dict[str, Any]:
    """The account as its owner sees it."""
    return Profile.model_validate(user).model_dump(mode="json")
