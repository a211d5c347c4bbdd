"""Stopping work that somebody no longer wants."""

from __future__ import annotations

from collections.abc import Callable

from oriel_fx.errors import RenderCancelledError

# Asked several times a second while work is under way; True stops it.
Cancelled = Callable[[], bool]


def never() -> bool:
    """Nobody cancels."""
    return False


def stop_if(cancelled: Cancelled) -> None:
    """Raises RenderCancelledError once `cancelled` says so."""
    if cancelled():
        raise RenderCancelledError("The render was stopped.", "Run the same command again to go on from here.")
