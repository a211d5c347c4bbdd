"""Looks at a file's own bytes for what ffmpeg does not tell: not audio at all, or cut short."""

from __future__ import annotations

import struct
from pathlib import Path

_HEAD_BYTES = 1 << 20
_OGG_TAIL_BYTES = 1 << 17
_CHAIN_FRAMES = 3

_BITRATES_KBPS = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def has_mpeg_frames(song: Path) -> bool:
    """Whether MPEG audio frames that agree follow each other in the first MB after the file's tag.

    Random bytes hold many single frame headers; three in a row of one kind, each where the one before says,
    they do not. Source: ISO 11172-3, 2.4.1.3.
    """
    with song.open("rb") as file:
        file.seek(_id3_bytes(file.read(10)))
        data = file.read(_HEAD_BYTES)
    start = data.find(b"\xff")
    while start >= 0:
        if _is_chain(data, start):
            return True
        start = data.find(b"\xff", start + 1)
    return False


def is_cut_short(song: Path) -> bool:
    """Whether a RIFF, AIFF or Ogg file is shorter than it says it is; False for any other kind."""
    size = song.stat().st_size
    with song.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:] == b"WAVE":
            return _is_short_chunk(struct.unpack("<I", head[4:8])[0], size)
        if head[:4] == b"FORM":
            return _is_short_chunk(struct.unpack(">I", head[4:8])[0], size)
        if head[:4] == b"OggS":
            file.seek(max(0, size - _OGG_TAIL_BYTES))
            return not _ends_ogg(file.read())
    return False


def _id3_bytes(head: bytes) -> int:
    """Length of an ID3v2 tag whose first ten bytes these are; zero where there is none."""
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    a, b, c, d = (byte & 0x7F for byte in head[6:10])
    return 10 + (a << 21 | b << 14 | c << 7 | d)


def _is_chain(data: bytes, first: int) -> bool:
    """Three frames of one kind in a row; fewer only where they are all the file has."""
    kind, start = None, first
    for _ in range(_CHAIN_FRAMES):
        if start >= len(data) - 3:
            return first == 0
        frame = _mpeg_frame(data[start : start + 4])
        if frame is None or (kind is not None and frame[0] != kind):
            return False
        kind = frame[0]
        start += frame[1]
    return True


def _mpeg_frame(header: bytes) -> tuple[tuple[int, int, int], int] | None:
    """((version, layer, rate), length in bytes) of an MPEG audio frame header; None where it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3 or header[3] & 3 == 2:
        return None
    bits = 1000 * _BITRATES_KBPS[(1 if version == 3 else 2, layer)][bitrate]
    rate_hz, padding = _RATES_HZ[version][rate], header[2] >> 1 & 1
    if layer == 1:
        return (version, layer, rate), (12 * bits // rate_hz + padding) * 4
    samples_per_8 = 72 if layer == 3 and version != 3 else 144
    return (version, layer, rate), samples_per_8 * bits // rate_hz + padding


def _is_short_chunk(claimed: int, size: int) -> bool:
    streamed = claimed in (0, 0xFFFFFFFF, 0x7FFFFFFF)
    return not streamed and claimed + 8 > size + 1


def _ends_ogg(tail: bytes) -> bool:
    """Whether the last Ogg page is whole and says it is the last. Source: RFC 3533, 6."""
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + 27:
        return False
    lacing = tail[at + 27 : at + 27 + tail[at + 26]]
    return bool(tail[at + 5] & 4) and at + 27 + len(lacing) + sum(lacing) <= len(tail)
