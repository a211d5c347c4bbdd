"""What an engine is: it turns frame indices into pixels."""

from __future__ import annotations

from typing import Protocol

from oriel_fx.render.pixels import Planes


class Engine(Protocol):
    """Draws any frame alone: what it draws depends on the index only, never on the frames before."""

    def draw(self, index: int, planes: Planes) -> None:
        """Draw one frame of the song into I420 planes of the output's size."""
