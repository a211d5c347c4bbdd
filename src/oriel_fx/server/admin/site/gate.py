"""Who gets in at /admin: operators who logged in here, for as long as they are at it; and no forged forms.

One hook looks at every request under /admin, so that no view can forget to. A session is a signed cookie with a
name of its own and of /admin alone; leaving writes its id down as revoked.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, flash, g, redirect, render_template, request, send_from_directory, session, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from oriel_fx.server.admin.common import audit
from oriel_fx.server.auth.accounts import authenticate
from oriel_fx.server.auth.addresses import lookup_address
from oriel_fx.server.auth.audit import address_hash
from oriel_fx.server.db import db
from oriel_fx.server.error_handlers import as_api_error
from oriel_fx.server.errors import ApiError, BadRequestError, CsrfError, ForbiddenError, InvalidCredentialsError
from oriel_fx.server.json_body import storable_text
from oriel_fx.server.limits import by_address, limiter, rate
from oriel_fx.server.models import RevokedToken, User
from oriel_fx.server.services import current_services
from oriel_fx.server.settings import Settings
from oriel_fx.server.states import Role

PREFIX = "/admin"
IDLE_S = 30 * 60
LONGEST_S = 12 * 3600
_HERE = Path(__file__).parent
_IDENTITY = ("user", "version", "id", "begun", "seen")
_OPEN = ("operators.login", "operators.asset")
_log = structlog.get_logger("oriel_fx.admin")
bp = Blueprint("operators", __name__, url_prefix=PREFIX, template_folder="templates")


def session_config(settings: Settings) -> dict[str, object]:
    """The cookie's keys in `app.config`. Nothing but /admin uses Flask's session."""
    return {
        "SESSION_COOKIE_NAME": "oriel_admin",
        "SESSION_COOKIE_PATH": PREFIX,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SECURE": settings.production or settings.public.startswith("https://"),
        "SESSION_COOKIE_SAMESITE": "Lax",  # a link in an alert's mail is to open
    }


def admin_path() -> bool:
    """Whether this request is about /admin."""
    return request.path == PREFIX or request.path.startswith(f"{PREFIX}/")


def check_request() -> Response | None:
    """The hook. Sends strangers to the login page; refuses forms without this session's token."""
    if not admin_path():
        return None
    if not all(storable_text(text) for text in request.form.values()):
        raise BadRequestError
    if request.method not in ("GET", "HEAD", "OPTIONS") and not _csrf_is_right():
        raise CsrfError("This form is not from a page of yours, or too old. Go back, load the page again, and retry.")
    if request.endpoint in _OPEN:
        return None
    user = _operator()
    if user is None:
        # The form's token stays: a login page may be open beside.
        for key in _IDENTITY:
            session.pop(key, None)
        return redirect(url_for("operators.login", next=request.full_path.rstrip("?")))
    g.user = user
    structlog.contextvars.bind_contextvars(user_id=user.id)
    return None


def actor() -> str:
    """Who the audit log names."""
    return f"user:{cast(User, g.user).id}"


def csrf_token() -> str:
    """This session's token, for a hidden field of each form."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(32)
    return str(session["csrf"])


def _csrf_is_right() -> bool:
    expected, given = str(session.get("csrf", "")), request.form.get("csrf_token", "")
    return bool(expected) and hmac.compare_digest(expected.encode(), given.encode())


def _operator() -> User | None:
    """The session's operator, if it may go on. Ends with idleness, time, logging out, or `token_version`."""
    now = current_services().clock()
    begun, seen = _moment(session.get("begun")), _moment(session.get("seen"))
    if not seen or not begun or now - seen > timedelta(seconds=IDLE_S) or now - begun > timedelta(seconds=LONGEST_S):
        return None
    revoked = select(RevokedToken.id).where(RevokedToken.jti == str(session.get("id"))).exists()
    row = db.session.execute(select(User, revoked).where(User.id == session.get("user"))).first()
    if row is None or row[1]:
        return None
    user = row[0]
    good = user.is_active and user.deleted_at is None and user.role is Role.ADMIN
    if not good or user.token_version != session.get("version"):
        return None
    if now - seen > timedelta(seconds=60):
        session["seen"] = now.timestamp()
    return user


def _moment(stamp: Any) -> datetime | None:
    return datetime.fromtimestamp(stamp, UTC) if isinstance(stamp, int | float) else None


def _pair() -> str:
    # As the API's login counts: an address together with where the guess came from.
    return f"{address_hash(lookup_address(request.form.get('email', '')))}:{by_address()}"


@bp.route("/login", methods=["GET", "POST"])
@limiter.limit(rate("rate_login_ip"), methods=["POST"])
@limiter.shared_limit(
    rate("rate_login_pair"),
    scope="password",
    key_func=_pair,
    methods=["POST"],
    deduct_when=lambda _: bool(g.get("bad_password")),
)
def login() -> Any:
    """The login page, and what it sends."""
    if request.method == "GET":
        return _login_page(), 200
    email, password = lookup_address(request.form.get("email", "")[:320]), request.form.get("password", "")[:1024]
    try:
        user = authenticate(email, password)
        if user.role is not Role.ADMIN:
            audit(f"user:{user.id}", "admin.login_refused", ("user", user.id))
            db.session.commit()
            raise ForbiddenError("This account is not an operator's.")
    except (InvalidCredentialsError, ForbiddenError) as error:
        return _login_page(error.message), error.status
    _begin(user)
    audit(actor_of(user), "admin.login", ("user", user.id))
    db.session.commit()
    return redirect(_safe_next())


@bp.post("/logout")
def logout() -> Response:
    """End the session, also for whoever has a copy of its cookie."""
    now = current_services().clock()
    db.session.add(
        RevokedToken(
            jti=str(session["id"]),
            token_type="admin",
            user_id=cast(User, g.user).id,
            revoked_at=now,
            expires_at=now + timedelta(seconds=LONGEST_S),
        )
    )
    audit(actor(), "admin.logout", ("user", cast(User, g.user).id))
    db.session.commit()
    session.clear()
    return redirect(url_for("operators.login"))


@bp.get("/assets/<path:name>")
def asset(name: str) -> Any:
    """The style sheet."""
    return send_from_directory(_HERE / "assets", name, max_age=3600)


@bp.errorhandler(Exception)
def error_page(error: Exception) -> Any:
    """An error as a page: the sentence, the code, the request's id for the log; never a trace."""
    found = as_api_error(error)
    db.session.rollback()
    if found.status >= 500:
        _log.error("admin page failed", code=found.code, exc_info=error)
    response = current_page("oriel_admin/error.html", found)
    if found.status == 429:
        response[2]["Retry-After"] = _retry_after(error)
    return response


def current_page(template: str, error: ApiError) -> tuple[str, int, dict[str, str]]:
    """An error's page, its status, and headers to add to."""
    return render_template(template, error=error, request_id=g.get("request_id", "")), error.status, {}


def actor_of(user: User) -> str:
    """The name of a user who is not yet this request's."""
    return f"user:{user.id}"


def _begin(user: User) -> None:
    now = current_services().clock().timestamp()
    session.clear()
    session.update(user=user.id, version=user.token_version, id=secrets.token_hex(18), begun=now, seen=now)
    csrf_token()


def _login_page(message: str = "") -> str:
    if message:
        flash(message, "error")
    return render_template("oriel_admin/login.html", csrf_token=csrf_token(), next=_safe_next())


def _safe_next() -> str:
    """Where to go after logging in: a page of ours, never another site's."""
    wanted = request.values.get("next", "")
    parts = urlsplit(wanted)
    ours = not parts.scheme and not parts.netloc and (parts.path == PREFIX or parts.path.startswith(f"{PREFIX}/"))
    if not ours or "\\" in wanted or parts.path.startswith(f"{PREFIX}/login"):
        return f"{PREFIX}/"
    return wanted


def _retry_after(error: Exception) -> str:
    headers = dict(error.get_headers()) if hasattr(error, "get_headers") else {}
    return str(headers.get("Retry-After", 60))
