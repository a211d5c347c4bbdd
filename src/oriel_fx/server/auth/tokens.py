"""Making and reading tokens."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import Any

from flask import Response, request
from flask_jwt_extended import (
    create_access_token,
    create_refresh_token,
    decode_token,
    get_jwt,
    set_refresh_cookies,
    unset_refresh_cookies,
    verify_jwt_in_request,
)

from oriel_fx.server.errors import TokenInvalidError, UnauthorizedError
from oriel_fx.server.models import RefreshFamily, User
from oriel_fx.server.services import current_settings

REFRESH_COOKIE = "refresh_token_cookie"
CSRF_COOKIE = "csrf_refresh_token"
CSRF_HEADER = "X-CSRF-TOKEN"


def access_token(user: User, family_id: str | None = None) -> str:
    """An access token. It ends with its family (one login), or when `user.token_version` is raised."""
    claims = {"ver": user.token_version, "fam": family_id}
    return str(create_access_token(str(user.id), additional_claims=claims))


def refresh_token(user: User, family: RefreshFamily) -> str:
    """The refresh token that is good in this family now. Its claim `csrf` is what a browser has to send as a header."""
    claims = {
        "ver": user.token_version,
        "fam": family.id,
        "jti": family.current_jti,
        "csrf": secrets.token_urlsafe(24),
    }
    return str(create_refresh_token(str(user.id), additional_claims=claims))


def refresh_claims(in_body: str | None) -> dict[str, Any]:
    """The checked claims of the request's refresh token: the body's, else the cookie's with its CSRF header.

    Raises what becomes 401 or 403.
    """
    if in_body is not None:
        claims: dict[str, Any] = decode_token(in_body)
        if claims.get("type") != "refresh":
            raise TokenInvalidError("This is an access token; send the refresh token.")
        return claims
    if REFRESH_COOKIE not in request.cookies:
        raise UnauthorizedError("Send the refresh token, in the body or as the cookie that logging in sets.")
    verify_jwt_in_request(refresh=True, locations=["cookies"])
    return dict(get_jwt())


def set_cookies(response: Response, token: str) -> None:
    """Give the refresh token to a browser: HttpOnly, for /api/auth alone; the CSRF value beside it can be read."""
    set_refresh_cookies(response, token, max_age=current_settings().refresh_token_s)


def clear_cookies(response: Response) -> Response:
    """Take both cookies back."""
    unset_refresh_cookies(response)
    return response


def new_jti() -> str:
    """A token's id."""
    return str(uuid.uuid4())


def new_secret() -> tuple[str, str]:
    """A token for a link in a mail, and the hash to keep of it."""
    token = secrets.token_urlsafe(32)
    return token, secret_hash(token)


def secret_hash(token: str) -> str:
    """SHA-256 in hex. Enough for 256 random bits; looking it up by index tells nothing of the token."""
    return hashlib.sha256(token.encode()).hexdigest()
