"""Rate limits: by client address, by account, or by what a view says; on Redis, in memory while Redis is away.

@bp.post("/submit", …)
@limiter.limit(rate("rate_submit"), key_func=by_account)
@login_required
def submit() -> …
"""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Network, ip_address

from flask import Flask, Response, g, request
from flask_limiter import Limiter

from oriel_fx.server.services import current_settings
from oriel_fx.server.settings import Settings


def by_address() -> str:
    """The client's address, as the trusted proxies tell it; of IPv6 its /64, all of which belongs to one line."""
    given = request.remote_addr or "unknown"
    try:
        address = ip_address(given)
    except ValueError:
        return given
    if isinstance(address, IPv4Address):
        return given
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, 64), strict=False))


def by_account() -> str:
    """The account, or the address of who is not logged in."""
    user = g.get("user")
    return f"user:{user.id}" if user is not None else by_address()


def rate(name: str) -> Callable[[], str]:
    """The setting of this name, read at each request."""
    assert name in Settings.model_fields, name
    return lambda: str(getattr(current_settings(), name))


limiter = Limiter(key_func=by_address)


def install_limits(app: Flask) -> None:
    """Count requests. Its place among the hooks matters: after it is known who asks, before the body is read."""
    limiter.init_app(app)
    app.after_request(_say_when)


def _say_when(response: Response) -> Response:
    limit = limiter.current_limit
    if response.status_code == 429 and limit and limit.breached and "Retry-After" not in response.headers:
        try:
            wait_s = limit.reset_at - time.time()
        except Exception:
            # Redis went away at this moment.
            wait_s = limit.limit.get_expiry()
        response.headers["Retry-After"] = str(max(1, int(wait_s)))
    return response


def limiter_config(settings: Settings) -> dict[str, object]:
    """Flask-Limiter's keys in `app.config`."""
    # The limits package has its own scheme for sockets.
    uri = settings.redis.replace("unix://", "redis+unix://", 1)
    return {
        "RATELIMIT_ENABLED": settings.rate_limits,
        "RATELIMIT_STORAGE_URI": uri,
        "RATELIMIT_STORAGE_OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,
        "RATELIMIT_DEFAULT": settings.rate_default,
        # Its Retry-After would be on every answer, and tell who met an outage to wait until an hour's count is over.
        "RATELIMIT_HEADERS_ENABLED": False,
        "RATELIMIT_KEY_PREFIX": "oriel",
    }
