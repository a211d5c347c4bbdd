"""A song's tags and cover, from whatever its container calls them."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MAX_COVER_BYTES = 20_000_000

# For each field: what MP3 and WAV (ID3), MP4, and FLAC/Ogg/APE/ASF call it, best first.
_KEYS = {
    "title": ("TIT2", "\xa9nam", "title", "Title"),
    "artist": ("TPE1", "\xa9ART", "artist", "Author", "Artist"),
    "album": ("TALB", "\xa9alb", "album", "WM/AlbumTitle", "Album"),
    "album_artist": ("TPE2", "aART", "albumartist", "album artist", "WM/AlbumArtist", "Album Artist"),
    "date": ("TDRC", "TYER", "\xa9day", "date", "year", "WM/Year", "Year"),
    "genre": ("TCON", "\xa9gen", "genre", "WM/Genre", "Genre"),
    "track": ("TRCK", "trkn", "tracknumber", "WM/TrackNumber", "Track"),
    "composer": ("TCOM", "\xa9wrt", "composer", "WM/Composer", "Composer"),
    "comment": ("COMM", "TXXX:comment", "\xa9cmt", "comment", "description", "Description", "Comment"),
}
_TRACK_NUMBER = re.compile(r"^(?:\d{1,3}\s*[-._]\s+|\d{1,2}-\d{2}\s+|0\d{1,2}\s+|\d{1,3}\.\s*)(?=\S)")


@dataclass(frozen=True)
class Tags:
    """What the song says of itself; every field a str, empty where it says nothing, `title` never empty."""

    title: str
    artist: str = ""
    album: str = ""
    album_artist: str = ""
    date: str = ""
    genre: str = ""
    track: str = ""
    composer: str = ""
    comment: str = ""


def read_tags(song: Path) -> Tags:
    """The song's tags; the title falls back to the file's name, tidied. Broken tags read as none."""
    tags = _load(song)
    found = {field: _first_text(tags, keys) for field, keys in _KEYS.items()} if tags is not None else {}
    if not found.get("title"):
        found["title"] = title_from_name(song)
    return Tags(**found)


def read_cover(song: Path) -> bytes | None:
    """The front cover's file bytes (JPEG, PNG …), at most 20 MB; else the first picture's; else None."""
    try:
        pictures = _find_pictures(_open(song))
    except Exception:
        return None
    usable = [picture for picture in pictures if 0 < len(picture[1]) <= _MAX_COVER_BYTES]
    front = [data for kind, data in usable if kind == 3]
    return front[0] if front else usable[0][1] if usable else None


def title_from_name(song: Path) -> str:
    """A title from a file's name: `01 - my_song.mp3` → `my song`; a name that is only a number stays."""
    name = song.stem.encode("utf-8", "replace").decode()
    if " " not in name:
        name = name.replace("_", " ")
    name = re.sub(r"\s+", " ", name.replace("_", " ")).strip()
    return _TRACK_NUMBER.sub("", name).strip() or name or "Untitled"


def _open(song: Path) -> Any:
    import mutagen

    return mutagen.File(song)


def _load(song: Path) -> Any:
    # Tags come from anywhere and mutagen raises many kinds of errors on broken ones; a song renders without.
    try:
        file = _open(song)
        return None if file is None else file.tags
    except Exception:
        return None


def _first_text(tags: Any, keys: tuple[str, ...]) -> str:
    for key in keys:
        try:
            text = _text(tags.getall(key) if hasattr(tags, "getall") else tags[key])
        except Exception:
            continue
        if text:
            return text
    return ""


def _text(value: Any) -> str:
    """Several values become one line, `a, b`; control characters, which type cannot set, become spaces."""
    if isinstance(value, tuple):
        parts = [str(value[0])] if value and value[0] else []
    elif isinstance(value, list):
        parts = [part for part in (_text(item) for item in value) if part]
    elif hasattr(value, "text"):
        parts = [str(part) for part in (value.text if isinstance(value.text, list) else [value.text])]
    else:
        parts = [str(value)]
    line = ", ".join(dict.fromkeys(part.strip() for part in parts if part.strip()))
    return re.sub(r"[\x00-\x1f\x7f]+", " ", line).strip()


def _find_pictures(file: Any) -> list[tuple[int, bytes]]:
    """(ID3 picture type, bytes) of each picture; type 3 is the front cover."""
    if file is None:
        return []
    found = [(int(picture.type), bytes(picture.data)) for picture in getattr(file, "pictures", [])]
    tags = file.tags
    if tags is None:
        return found
    if hasattr(tags, "getall"):
        found += [(int(frame.type), bytes(frame.data)) for frame in tags.getall("APIC")]
    elif "covr" in tags:
        found += [(3, bytes(cover)) for cover in tags["covr"]]
    elif "metadata_block_picture" in tags:
        found += [_decode_block(text) for text in tags["metadata_block_picture"]]
    elif "Cover Art (Front)" in tags:
        found += [(3, bytes(tags["Cover Art (Front)"].value).partition(b"\0")[2])]
    elif "WM/Picture" in tags:
        found += [_decode_asf(bytes(picture.value)) for picture in tags["WM/Picture"]]
    return found


def _decode_block(text: str) -> tuple[int, bytes]:
    from mutagen.flac import Picture

    picture: Any = Picture(base64.b64decode(text))  # type: ignore[no-untyped-call]
    return int(picture.type), bytes(picture.data)


def _decode_asf(raw: bytes) -> tuple[int, bytes]:
    """A type byte, the data's length, two UTF-16 strings that end in zero, the data."""
    length = int.from_bytes(raw[1:5], "little")
    return raw[0], raw[-length:] if length else b""
