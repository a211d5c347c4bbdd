"""What some engines offer beyond drawing, asked of any: being closed, being split among processes, warnings."""

from __future__ import annotations

from oriel_fx.render.engines.base import Engine


def close_engine(engine: Engine | None) -> None:
    """Ends what an engine keeps running, such as a browser."""
    close = getattr(engine, "close", None)
    if close:
        close()


def may_split(engine: Engine | None) -> bool:
    """Whether several processes may draw parts of the video: all engines can but pages that must be played through."""
    return bool(getattr(engine, "seekable", True))


def engine_warnings(engine: Engine | None) -> tuple[str, ...]:
    """Sentences about what was not right while drawing."""
    warnings = getattr(engine, "warnings", None)
    return tuple(warnings()) if warnings else ()
