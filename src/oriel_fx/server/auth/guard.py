"""Who may call a view. The check runs before the request's body is looked at, so a stranger learns nothing from it.

@bp.get("/profile", security=BEARER, responses={200: Profile, **api_errors(*AUTH_ERRORS)})
@login_required
def profile() -> …:
    user = current_user()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import structlog
from flask import Flask, current_app, g, request
from flask_jwt_extended import JWTManager, get_jwt, get_jwt_identity, verify_jwt_in_request
from sqlalchemy import select
from werkzeug.wrappers import Response

from oriel_fx.server import errors
from oriel_fx.server.db import db
from oriel_fx.server.error_handlers import render
from oriel_fx.server.models import RefreshFamily, RevokedToken, User
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import Role

BEARER: list[dict[str, list[Any]]] = [{"bearer": []}]
AUTH_ERRORS = (
    errors.UnauthorizedError,
    errors.TokenInvalidError,
    errors.TokenExpiredError,
    errors.TokenRevokedError,
    errors.AccountDisabledError,
)

View = TypeVar("View", bound=Callable[..., Any])


def login_required(view: View) -> View:
    """Only for a bearer of a good access token whose account is active: 401 or 403 for others."""
    view.__oriel_auth__ = Role.USER  # type: ignore[attr-defined]
    return view


def admin_required(view: View) -> View:
    """Only for admins: 403 for other accounts."""
    view.__oriel_auth__ = Role.ADMIN  # type: ignore[attr-defined]
    return view


def current_user() -> User:
    """The user of this request; only in views marked with one of the two above."""
    return cast(User, g.user)


def check_request() -> None:
    """The hook that runs before each request. Raises what the view's mark asks for."""
    view = current_app.view_functions.get(request.endpoint or "")
    needed = getattr(view, "__oriel_auth__", None)
    if needed is None or request.method == "OPTIONS":
        return
    verify_jwt_in_request()
    user = user_of_token(get_jwt_identity(), get_jwt())
    if needed is Role.ADMIN and user.role is not Role.ADMIN:
        raise errors.ForbiddenError
    g.user = user
    structlog.contextvars.bind_contextvars(user_id=user.id)


def user_of_token(identity: str, claims: dict[str, Any]) -> User:
    """The account a checked token speaks for, in one query. Raises TokenRevokedError, AccountDisabledError."""
    revoked = select(RevokedToken.id).where(RevokedToken.jti == str(claims.get("jti"))).exists()
    row = db.session.execute(
        select(User, RefreshFamily.revoked_at, revoked)
        .outerjoin(RefreshFamily, RefreshFamily.id == str(claims.get("fam")))
        .where(User.id == int(identity))
    ).first()
    if row is None or row[0].deleted_at is not None or row[0].token_version != claims.get("ver"):
        raise errors.TokenRevokedError
    user: User = row[0]
    if row[1] is not None or row[2]:
        raise errors.TokenRevokedError
    if not user.is_active:
        raise errors.AccountDisabledError
    return user


def jwt_config(settings: Settings) -> dict[str, object]:
    """Flask-JWT-Extended's keys in `app.config`."""
    return {
        "JWT_SECRET_KEY": settings.derived_key("jwt"),
        "JWT_ALGORITHM": "HS256",
        "JWT_ACCESS_TOKEN_EXPIRES": settings.access_token_s,
        "JWT_REFRESH_TOKEN_EXPIRES": settings.refresh_token_s,
        "JWT_TOKEN_LOCATION": ["headers"],  # the refresh view alone looks at its cookie too
        "JWT_COOKIE_SECURE": settings.production or settings.public.startswith("https://"),
        "JWT_COOKIE_SAMESITE": "Strict",
        "JWT_COOKIE_CSRF_PROTECT": True,
        "JWT_REFRESH_COOKIE_PATH": "/api/auth",
        "JWT_SESSION_COOKIE": False,
        "JWT_ERROR_MESSAGE_KEY": "error",
    }


def install_auth(app: Flask) -> None:
    """Set up tokens, and check each request before anything else does. Its place before the limiter matters."""
    jwt = JWTManager(app)

    def refused(kind: type[errors.ApiError]) -> Callable[..., Response]:
        return lambda *_: render(kind())

    jwt.unauthorized_loader(_no_token)
    jwt.invalid_token_loader(refused(errors.TokenInvalidError))
    jwt.expired_token_loader(refused(errors.TokenExpiredError))
    jwt.revoked_token_loader(refused(errors.TokenRevokedError))
    jwt.token_verification_failed_loader(refused(errors.TokenInvalidError))
    app.before_request(check_request)


def _no_token(reason: str) -> Response:
    # The library calls a missing CSRF token "unauthorized" as well.
    return render(errors.CsrfError() if "CSRF" in reason else errors.UnauthorizedError())
