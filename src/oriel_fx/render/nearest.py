"""The name a misspelt one was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The one of `names` most like `word`, whatever its case; None where none is alike."""
    by_lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), by_lower, 1, 0.5)
    return by_lower[close[0]] if close else None


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """` (did you mean 'white'?)` to put behind a wrong name, or nothing."""
    close = nearest(word, names)
    return f" (did you mean {close!r}?)" if close else ""
