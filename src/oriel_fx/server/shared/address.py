"""Redis's address, as users give it and as they are shown it."""

from __future__ import annotations

from urllib.parse import urlsplit

from oriel_fx.errors import UsageError


def check_address(url: str) -> str:
    """The address without a password, for messages. Raises UsageError for one that is none."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise UsageError("The queue's address has no port that can be.", "It looks like redis://host:6379.") from None
    shown = f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
    if parts.scheme not in ("redis", "rediss", "unix") or not (parts.hostname or parts.scheme == "unix"):
        raise UsageError(f"{shown!r} is not a queue's address.", "It looks like redis://host:6379.")
    return shown
