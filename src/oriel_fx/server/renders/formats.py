"""What a file is, by its first bytes: never by its name, and never by what its sender says."""

from __future__ import annotations

from pathlib import Path

from oriel_fx.render.audio.sniff import has_mpeg_frames

SUPPORTED = ("mp3", "wav", "m4a")
_HEAD_BYTES = 4096
_AAC_SYNC = (b"\xff\xf1", b"\xff\xf9", b"\xff\xf0", b"\xff\xf8")
# Signature at an offset → the name people know the format by.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"\x1aE\xdf\xa3", "webm"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "wma"),
    (0, b"MThd", "midi"),
    (0, b"#!AMR", "amr"),
    (0, b"MAC ", "ape"),
    (0, b"wvpk", "wavpack"),
    (0, b"caff", "caf"),
    (0, b"%PDF", "pdf"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\x89PNG", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"GIF8", "gif"),
    (0, b"#EXTM3U", "playlist"),
    (0, b"ffconcat", "script"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (8, b"WEBP", "webp"),
    (8, b"AVI ", "avi"),
    (4, b"moov", "quicktime"),
    (4, b"mdat", "quicktime"),
    (4, b"wide", "quicktime"),
)
_MP4_PICTURES = (b"heic", b"heix", b"mif1", b"avif", b"msf1")


def sniff_audio(path: Path) -> str:
    """`mp3`, `wav`, `m4a`, or the name of whatever else the file seems to be; `unknown` where nothing fits."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return _of_brand(head[8:12])
    for offset, signature, name in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return name
    if head[:2] in _AAC_SYNC:
        return "aac"
    if (text := _of_text(head)) is not None:
        return text
    return "mp3" if has_mpeg_frames(path) else "unknown"


def sniff_picture(head: bytes) -> str:
    """`jpeg`, `png`, `webp`, or what else a picture's first bytes say."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return "heic" if head[8:12] in _MP4_PICTURES else "mp4"
    for offset, signature, name in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return name
    return "bmp" if head[:2] == b"BM" else _of_text(head) or "unknown"


def _of_brand(brand: bytes) -> str:
    if brand in _MP4_PICTURES:
        return "heic"
    return {b"qt  ": "quicktime", b"3gp4": "3gp", b"3gp5": "3gp", b"3gp6": "3gp"}.get(brand, "m4a")


def _of_text(head: bytes) -> str | None:
    """What kind of text, or None where it is none."""
    cut = head.decode("utf-8", "ignore")
    # All but a letter that was cut in half must be text.
    if len(head) - len(cut.encode()) > 3 or any(ord(c) < 32 and c not in "\t\n\r\f" for c in cut):
        return None
    start = cut.lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<svg", "<?xml", "<!doctype svg")):
        return "svg" if "<svg" in start else "xml"
    if start.startswith(("<!doctype html", "<html")):
        return "html"
    return "text" if cut else None
