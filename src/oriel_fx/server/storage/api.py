"""GET /api/files/…: what `LocalStorage.signed_url` points to. Only where files are in a folder of this machine."""

from __future__ import annotations

import hmac
import time
from typing import cast

from flask import request
from pydantic import BaseModel, Field
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_range_header
from werkzeug.utils import send_file
from werkzeug.wrappers import Response

from oriel_fx.server.error_handlers import render
from oriel_fx.server.errors import (
    FileGoneError,
    LinkExpiredError,
    LinkInvalidError,
    ObjectNotFoundError,
    RangeNotSatisfiableError,
    StorageUnavailableError,
    api_errors,
)
from oriel_fx.server.http import domain
from oriel_fx.server.services import current_services
from oriel_fx.server.storage.headers import attachment
from oriel_fx.server.storage.local import URL_PREFIX, LocalStorage

bp = domain("files", URL_PREFIX, "Files by signed links, where they are kept on this machine.")
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILE = {"content": {"*/*": _BINARY}}


class FilePath(BaseModel):
    """Which file."""

    key: str


class FileQuery(BaseModel):
    """What a signed link carries. All of it is signed, so a link is used as it was given."""

    expires: str = Field("", description="Until when the link works, in seconds since 1970.")
    name: str = Field("", description="What the file is saved as.")
    signature: str = Field("", description="Proof that we made the link.")


@bp.get(
    "/<path:key>",
    responses={
        200: {"description": "The file.", **_FILE},
        206: {"description": "The asked range of it.", **_FILE},
        304: {"description": "The file is what the client has."},
        **api_errors(
            LinkInvalidError, LinkExpiredError, FileGoneError, RangeNotSatisfiableError, StorageUnavailableError
        ),
    },
)
def serve(path: FilePath, query: FileQuery) -> Response:
    """A file, or a range of it, to whoever has a signed link."""
    storage = cast(LocalStorage, current_services().storage)
    expected = storage.signature(path.key, query.expires, query.name)
    if not hmac.compare_digest(query.signature.encode("utf-8", "replace"), expected.encode()):
        raise LinkInvalidError
    if int(query.expires) < time.time():
        raise LinkExpiredError
    try:
        file, content_type = storage.path_and_type(path.key)
        response = send_file(file, _environ(), mimetype=content_type, conditional=True)
    except (ObjectNotFoundError, FileNotFoundError):
        raise FileGoneError from None
    except RequestedRangeNotSatisfiable:
        return _unsatisfiable(storage.size(path.key))
    response.headers["Content-Type"] = content_type  # as saved: no charset of werkzeug's
    response.headers["Content-Disposition"] = attachment(query.name)
    response.headers["Cache-Control"] = "private"
    return response


def _environ() -> dict[str, object]:
    """The request, without a range that is not one: of several ranges, or in another unit, the whole file is given."""
    environ = dict(request.environ)
    ranges = parse_range_header(request.headers.get("Range"))
    if ranges is None or ranges.units != "bytes" or len(ranges.ranges) != 1:
        environ.pop("HTTP_RANGE", None)
    return environ


def _unsatisfiable(n_bytes: int) -> Response:
    response = render(RangeNotSatisfiableError())
    response.headers["Content-Range"] = f"bytes */{n_bytes}"
    response.headers["Accept-Ranges"] = "bytes"
    return response
