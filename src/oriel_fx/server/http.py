"""What every domain's endpoints share: the blueprint, the hooks round a request, the limits of its body."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from flask import Flask, current_app, g, request
from flask_openapi import APIBlueprint
from flask_openapi.models import Tag
from werkzeug.wrappers import Response

from oriel_fx.server import errors
from oriel_fx.server.json_body import parse_json, storable_text
from oriel_fx.server.services import current_settings
from oriel_fx.server.settings import Settings

_log = structlog.get_logger("oriel_fx.requests")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")
_ALWAYS = (
    errors.BadRequestError,
    errors.MalformedJsonError,
    errors.BodyTooLargeError,
    errors.ValidationFailedError,
    errors.RateLimitedError,
    errors.InternalError,
    errors.DatabaseUnavailableError,
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob: https:; media-src 'self' blob: https:; "
        "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
}
View = TypeVar("View", bound=Callable[..., Any])


def domain(name: str, prefix: str, about: str) -> APIBlueprint:
    """A domain's blueprint. Its endpoints' documents list the errors that any request can meet."""
    return APIBlueprint(
        name,
        __name__,
        url_prefix=prefix,
        abp_tags=[Tag(name=name, description=about)],
        abp_responses=errors.api_errors(*_ALWAYS),
    )


def body_limit(limit_of: Callable[[Settings], int]) -> Callable[[View], View]:
    """The largest body of a view in bytes, where it is another than `max_body_bytes`."""

    def mark(view: View) -> View:
        view.__oriel_body_limit__ = limit_of  # type: ignore[attr-defined]
        return view

    return mark


def install_hooks(app: Flask) -> None:
    """A request id before all else; headers on every reply, and a line in the log."""
    app.before_request(_begin)
    app.after_request(_log_request)
    app.after_request(_headers)
    app.teardown_request(_end)


def install_body_checks(app: Flask) -> None:
    """Limits of the body, read after it is known who asks and how often."""
    app.before_request(_check_text)


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.started_s = time.perf_counter()
    g.request_id = given if _REQUEST_ID.match(given) else secrets.token_hex(12)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    job_id = (request.view_args or {}).get("job_id")
    if job_id:
        structlog.contextvars.bind_contextvars(job_id=str(job_id)[:36])


def _log_request(response: Response) -> Response:
    # By endpoint, as paths hold ids and tokens. Clients poll: reads that succeed are for DEBUG.
    quiet = request.method in ("GET", "HEAD", "OPTIONS") and response.status_code < 400
    (_log.debug if quiet else _log.info)(
        "request",
        method=request.method,
        endpoint=request.endpoint or "none",
        status=response.status_code,
        took_ms=round((time.perf_counter() - g.started_s) * 1000),
    )
    return response


def _end(_: BaseException | None) -> None:
    structlog.contextvars.clear_contextvars()


def _check_text() -> None:
    """What the database could not hold is refused here, once, for all views."""
    settings = current_settings()
    view = current_app.view_functions.get(request.endpoint or "")
    limit_of = getattr(view, "__oriel_body_limit__", None)
    request.max_content_length = limit_of(settings) if limit_of else settings.max_body_bytes
    texts = [request.path, *request.args.keys(), *(value for _, value in request.args.items(multi=True))]
    if not all(storable_text(text) for text in texts):
        raise errors.BadRequestError
    if request.is_json and (data := request.get_data(cache=True)):
        parse_json(data, settings.max_json_depth)


def _headers(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id", "")
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if current_settings().production:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
