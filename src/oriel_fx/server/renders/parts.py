"""Reading a multipart body part by part, files straight to disk, each within its own limit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from oriel_fx.server.errors import (
    ApiError,
    BadRequestError,
    BodyTooLargeError,
    UnsupportedMediaTypeError,
    ValidationFailedError,
)

_BLOCK_BYTES = 1 << 16
# What the decoder may hold at once: headers of a part, or a block and what may be the beginning of a boundary.
_BUFFER_BYTES = 1 << 20
_MAX_NAME = 255


class PartsTooLargeError(Exception):
    """The body is larger than all its parts may be together; not an answer by itself."""


@dataclass(frozen=True)
class PartLimit:
    """The most bytes of a part, and the error for more."""

    max_bytes: int
    too_large: type[ApiError]


@dataclass(frozen=True)
class Part:
    """A part on disk, and the name its sender gave the file: for display only, never a path."""

    path: Path
    filename: str
    n_bytes: int


def receive_parts(request: Request, folder: Path, limits: Mapping[str, PartLimit]) -> dict[str, Part]:
    """Write each part of the body to a file in `folder`. Memory stays flat whatever is sent.

    Raises UnsupportedMediaTypeError (no multipart), BadRequestError (broken), ValidationFailedError (a part that is
    unknown or comes twice), a limit's own error, PartsTooLargeError.
    """
    try:
        stream = request.stream
    except RequestEntityTooLarge:
        raise PartsTooLargeError from None
    try:
        return _receive(stream, _boundary(request), folder, limits)
    except RequestEntityTooLarge:
        raise BodyTooLargeError from None
    except ValueError:
        raise BadRequestError("The multipart body is broken or cut short.") from None


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.content_type)
    if kind != "multipart/form-data":
        raise UnsupportedMediaTypeError("Send multipart/form-data with the parts audio and config.")
    boundary = options.get("boundary", "")
    if not 1 <= len(boundary) <= 200 or not boundary.isascii():
        raise BadRequestError("The multipart body names no boundary.")
    return boundary.encode("ascii")


def _receive(stream: IO[bytes], boundary: bytes, folder: Path, limits: Mapping[str, PartLimit]) -> dict[str, Part]:
    decoder = MultipartDecoder(boundary, max_form_memory_size=_BUFFER_BYTES, max_parts=len(limits) + 1)
    parts: dict[str, Part] = {}
    events = _events(stream, decoder)
    for event in events:
        if isinstance(event, Field | File):
            name = event.name or ""
            if name not in limits or name in parts:
                known = ", ".join(limits)
                what = "comes twice" if name in parts else f"is not one of: {known}"
                _refuse(name[:64], f"This part {what}.")
            path = folder / name
            n_bytes = _write(events, path, limits[name])
            filename = plain_name(event.filename) if isinstance(event, File) else ""
            parts[name] = Part(path, filename, n_bytes)
    return parts


def _write(events: Iterator[Event], path: Path, limit: PartLimit) -> int:
    """Write a part's data, and return its size in bytes."""
    n_bytes = 0
    with path.open("wb") as file:
        for event in events:
            assert isinstance(event, Data)
            n_bytes += len(event.data)
            if n_bytes > limit.max_bytes:
                raise limit.too_large(max_bytes=limit.max_bytes, part=path.name)
            file.write(event.data)
            if not event.more_data:
                return n_bytes
    raise ValueError("the body ended inside a part")


def _events(stream: IO[bytes], decoder: MultipartDecoder) -> Iterator[Event]:
    while True:
        block = stream.read(_BLOCK_BYTES)
        decoder.receive_data(block or None)
        while not isinstance(event := decoder.next_event(), NeedData):
            if isinstance(event, Epilogue):
                return
            yield event
        if not block:
            raise ValueError("the body ended early")


def plain_name(filename: str) -> str:
    """A name without folders, control characters and halves of letters, cut to what a column holds."""
    base = PurePosixPath(filename.replace("\\", "/")).name
    clean = "".join(letter for letter in base if letter.isprintable()).strip()
    return "" if clean in (".", "..") else clean.encode("utf-8", "ignore").decode()[-_MAX_NAME:]


def _refuse(path: str, message: str) -> NoReturn:
    raise ValidationFailedError(faults=[{"path": path, "message": message}])


def sha256_of(path: Path) -> str:
    """The file's SHA-256 as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
