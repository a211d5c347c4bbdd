"""POST /api/auth/…."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from flask import Response, after_this_request, current_app, jsonify, request
from flask_jwt_extended import get_jwt, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import PyJWTError

from oriel_fx.server import errors
from oriel_fx.server.auth.accounts import authenticate, register
from oriel_fx.server.auth.addresses import lookup_address
from oriel_fx.server.auth.attempts import by_address_asked_for, slow_after_failures
from oriel_fx.server.auth.guard import AUTH_ERRORS, BEARER
from oriel_fx.server.auth.resets import confirm_reset, request_reset
from oriel_fx.server.auth.schemas import (
    Credentials,
    Done,
    RefreshToken,
    Registered,
    Registration,
    ResetConfirmation,
    ResetRequest,
    Tokens,
    optional_body,
    read_optional,
)
from oriel_fx.server.auth.sessions import TokenPair, end_sessions, rotate, start_session
from oriel_fx.server.auth.tokens import clear_cookies, refresh_claims, set_cookies
from oriel_fx.server.db import db
from oriel_fx.server.errors import api_errors
from oriel_fx.server.http import domain
from oriel_fx.server.limits import limiter, rate
from oriel_fx.server.mail.outbox import announce

bp = domain("auth", "/api/auth", "Registering, logging in, tokens, passwords.")

_INVALID = errors.ValidationFailedError
_REFRESH_ERRORS = (*AUTH_ERRORS, errors.CsrfError)


@bp.post(
    "/register",
    responses={
        201: Registered,
        **api_errors(errors.EmailTakenError, errors.ConflictError, errors.WeakPasswordError, _INVALID),
    },
)
@limiter.limit(rate("rate_register"))
def register_account(body: Registration) -> tuple[dict[str, Any], int]:
    """Make an account."""
    user = register(body.email, body.password)
    made = {"email": user.email, "created_at": user.created_at.isoformat()}
    return {"message": "Your account is there; log in.", "user": made}, 201


@bp.post(
    "/login",
    responses={200: Tokens, **api_errors(errors.InvalidCredentialsError, errors.AccountDisabledError, _INVALID)},
)
@limiter.limit(rate("rate_login_ip"))
@slow_after_failures
def login(body: Credentials) -> Response:
    """Exchange an address and a password for tokens."""
    pair = start_session(authenticate(lookup_address(body.email), body.password))
    db.session.commit()
    return with_tokens(pair)


@bp.post(
    "/refresh",
    request_body=optional_body(RefreshToken),
    responses={200: Tokens, **api_errors(*_REFRESH_ERRORS, errors.ConflictError, _INVALID)},
)
def refresh() -> Response:
    """Exchange the refresh token, from the body or the cookie, for new tokens. Each works once."""
    return with_tokens(rotate(refresh_claims(read_optional(RefreshToken).refresh_token)))


@bp.post(
    "/logout",
    security=[*BEARER, {}],
    request_body=optional_body(RefreshToken),
    responses={200: Done, **api_errors(*_REFRESH_ERRORS, _INVALID)},
)
def logout() -> Response:
    """End the session of the refresh token in the body, of the access token, or of the cookie; whichever is there."""
    end_sessions(_claims_to_end(read_optional(RefreshToken).refresh_token))
    return clear_cookies(jsonify(message="You are logged out."))


@bp.post("/reset-password", responses={202: Done, **api_errors(_INVALID)})
@limiter.limit(rate("rate_reset"))
@limiter.limit(rate("rate_reset"), key_func=by_address_asked_for)
def reset_password(body: ResetRequest) -> tuple[dict[str, str], int]:
    """Ask for a mail with a link to choose a new password. The answer is the same for every address."""
    message_id = request_reset(body.email)
    if message_id is not None:
        _announce_after_answering(message_id)
    return {"message": "If there is an account with this address, a mail is on its way to it."}, 202


@bp.post(
    "/reset-password/confirm",
    responses={200: Done, **api_errors(errors.InvalidResetTokenError, errors.WeakPasswordError, _INVALID)},
)
@limiter.limit(rate("rate_login_ip"))
def confirm_reset_password(body: ResetConfirmation) -> Response:
    """Choose a new password with the token of the mail's link. Every session of the account ends."""
    confirm_reset(body.token, body.password)
    return clear_cookies(jsonify(message="Your password is changed; log in with it."))


def with_tokens(pair: TokenPair) -> Response:
    """The answer that logs a client in, whether it keeps tokens itself or is a browser with cookies."""
    response = jsonify(Tokens(**asdict(pair)).model_dump())
    set_cookies(response, pair.refresh_token)
    return response


def _claims_to_end(in_body: str | None) -> list[dict[str, Any]]:
    bearer = "Authorization" in request.headers
    if in_body is None and bearer:
        verify_jwt_in_request(locations=["headers"])
        return [dict(get_jwt())]
    found = [refresh_claims(in_body)]
    if bearer:
        # The refresh token is enough; an access token that came along and has ended needs no more ending.
        with suppress(JWTExtendedException, PyJWTError):
            verify_jwt_in_request(locations=["headers"])
            found.append(dict(get_jwt()))
    return found


def _announce_after_answering(message_id: int) -> None:
    """So that the answer takes no longer for an address with an account."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]

    def announced() -> None:
        with app.app_context():
            announce(message_id)

    @after_this_request
    def later(response: Response) -> Response:
        response.call_on_close(announced)
        return response
