"""The header that tells a browser what to save a file as, in any script."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

_MAX_CHARS = 150


def safe_filename(name: str) -> str:
    """The last part of a name, without what could leave a folder, break a header or turn the text round it."""
    name = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(char for char in name if not _harmful(char)).strip(" .") or "file"
    if len(kept) <= _MAX_CHARS:
        return kept
    stem, dot, suffix = kept.rpartition(".")
    if not dot or len(suffix) > 10:
        return kept[:_MAX_CHARS]
    return f"{stem[: _MAX_CHARS - len(suffix) - 1].rstrip()}.{suffix}"


def attachment(filename: str) -> str:
    """`attachment; filename="Gluck.mp4"; filename*=UTF-8''Gl%C3%BCck.mp4`: plain for old clients, exact for others."""
    name = safe_filename(filename)
    decomposed = unicodedata.normalize("NFKD", name)
    plain = "".join(_ascii(char) for char in decomposed if not unicodedata.combining(char))
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _ascii(char: str) -> str:
    return char if " " <= char <= "~" and char not in '"\\%' else "_"


def _harmful(char: str) -> bool:
    turns = "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069"
    return turns or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
