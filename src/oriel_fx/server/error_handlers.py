"""Turns every exception that reaches Flask into the one error shape, and nothing else into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from flask import Flask, Response, jsonify
from gunicorn.http.errors import NoMoreData, ParseException
from pydantic import ValidationError
from sqlalchemy import exc
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from oriel_fx import errors as library
from oriel_fx.errors import OrielError
from oriel_fx.server import errors as api
from oriel_fx.server.db import db
from oriel_fx.server.errors import ApiError

_log = structlog.get_logger("oriel_fx.errors")

_OF_STATUS: dict[int, type[ApiError]] = {
    400: api.BadRequestError,
    401: api.UnauthorizedError,
    403: api.ForbiddenError,
    404: api.NotFoundError,
    405: api.MethodNotAllowedError,
    409: api.ConflictError,
    413: api.BodyTooLargeError,
    415: api.UnsupportedMediaTypeError,
    422: api.ValidationFailedError,
    429: api.RateLimitedError,
    503: api.UnavailableError,
}
# What gunicorn raises where somebody reads a body that is no HTTP, or ends early.
BROKEN_BODY = (ParseException, NoMoreData)
_DATABASE_AWAY = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)


def install_error_handlers(app: Flask) -> None:
    """Answer every exception in the one shape."""
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> WerkzeugResponse:
    """The response for an exception; logs what is our fault."""
    if isinstance(error, HTTPException) and (error.response is not None or (error.code or 500) < 400):
        return error.get_response()  # a redirect, or abort(response)
    found = as_api_error(error)
    if isinstance(error, exc.SQLAlchemyError):
        db.session.rollback()
    if found.status >= 500:
        # An outage repeats itself with every request; where it happened tells nothing.
        trace = error if found.status == 500 else None
        _log.error("request failed", code=found.code, error=type(error).__name__, exc_info=trace)
    response = render(found)
    if isinstance(error, HTTPException):
        for name, value in error.get_headers():
            if name not in ("Content-Type", "Content-Length"):
                response.headers[name] = value
    return response


def as_api_error(error: Exception) -> ApiError:
    """What an exception means to a client. Never carries a trace, an SQL message or a file name of ours."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, BROKEN_BODY):
        return api.BadRequestError("The body is broken or cut short.")
    if isinstance(error, OrielError):
        return _of_library(error)
    if isinstance(error, ValidationError):
        return validation_error(error)
    if isinstance(error, exc.IntegrityError):
        return api.ConflictError()
    if isinstance(error, _DATABASE_AWAY):
        return api.DatabaseUnavailableError()
    if isinstance(error, exc.DataError):
        return api.ValidationFailedError("A value does not fit.", faults=[])
    return api.InternalError()


def render(error: ApiError) -> Response:
    """The one shape."""
    response = jsonify({"error": {"code": error.code, "message": error.message, "details": error.details}})
    response.status_code = error.status
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def validation_error(error: ValidationError) -> ApiError:
    """Pydantic's faults, each with its path and without the value, which may be a password."""
    faults = [{"path": dotted(fault["loc"]), "message": fault["msg"]} for fault in error.errors(include_url=False)]
    return api.ValidationFailedError(faults=faults)


def dotted(path: Sequence[Any]) -> str:
    """`("layers", 0, "color")` → `layers.0.color`."""
    return ".".join(str(part) for part in path)


def _of_http(error: HTTPException) -> ApiError:
    status = error.code or 500
    if status in _OF_STATUS:
        return _OF_STATUS[status]()
    # Statuses nobody here raises: a 4xx stays the client's fault, anything else is ours.
    return api.BadRequestError() if 400 <= status < 500 else api.InternalError()


def _of_library(error: OrielError) -> ApiError:
    if isinstance(error, library.SpecError):
        return api.InvalidConfigError(error.message, faults=[{"path": error.path, "message": error.message}])
    if isinstance(error, library.SongError):
        return api.InvalidAudioError()
    if isinstance(error, library.AssetError):
        return api.InvalidImageError()
    if isinstance(error, library.EncodeError | library.VerifyError | library.DependencyError | library.OutputError):
        return api.RenderPipelineError()
    return api.InternalError()
