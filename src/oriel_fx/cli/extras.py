"""Commands that need the extra `server` say so where it is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from oriel_fx.errors import DependencyError


@contextmanager
def needs_server() -> Iterator[None]:
    """Round the imports of `oriel_fx.server`. Raises DependencyError where one of its packages is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("oriel_fx"):
            raise
        raise DependencyError(
            f"The server's packages are not installed ({error.name} is missing).", "pip install 'oriel-fx[server]'"
        ) from None
