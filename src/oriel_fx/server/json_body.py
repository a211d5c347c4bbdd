"""Reading JSON that strangers send: bounded in depth, and only with what both databases can hold."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from oriel_fx.server.errors import MalformedJsonError

_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def parse_json(data: bytes, max_depth: int) -> Any:
    """The value. Raises MalformedJsonError for no JSON, NaN, too much depth, NUL or half a surrogate pair."""
    _check_depth(data, max_depth)
    try:
        value = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise MalformedJsonError from None
    if not _storable(value):
        raise MalformedJsonError("A text in the body has characters that no text may have.")
    return value


def _check_depth(data: bytes, max_depth: int) -> None:
    depth = 0
    for match in _BRACKETS.finditer(data):
        if match[0] in (b"[", b"{"):
            depth += 1
            if depth > max_depth:
                raise MalformedJsonError(f"The body is nested more than {max_depth} deep.", max_depth=max_depth)
        elif match[0] in (b"]", b"}"):
            depth -= 1


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _storable(value: Any) -> bool:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return all(storable_text(key) and _storable(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_storable(item) for item in value)
    return True


def storable_text(text: str) -> bool:
    """Whether PostgreSQL can hold the text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
