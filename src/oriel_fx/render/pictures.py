"""Picture files: read, and measured before they are."""

from __future__ import annotations

import struct

import cv2
import numpy as np

from oriel_fx.errors import AssetError
from oriel_fx.render.lazy import quiet_stderr
from oriel_fx.render.scene import Pixels

LARGEST_BYTES = 60_000_000
LARGEST_PIXELS = 40_000_000


def decode_image(data: bytes, name: str) -> Pixels:
    """A picture file's bytes → RGBA uint8, premultiplied, turned as its camera says.

    Raises AssetError for what is not JPEG, PNG, WebP, GIF or BMP, and for what is too large.
    """
    if len(data) > LARGEST_BYTES:
        raise AssetError(f"{name} is larger than {LARGEST_BYTES // 1_000_000} MB.", "Use a smaller picture.")
    size = picture_size(data)
    # Asked of the header: decoding a small file may fill the memory.
    if size and size[0] * size[1] > LARGEST_PIXELS:
        limit = LARGEST_PIXELS // 1_000_000
        raise AssetError(f"{name} has more than {limit} megapixels.", "Use a smaller picture.")
    try:
        # Only without alpha does OpenCV turn a picture upright, and only JPEGs are stored turned.
        kept = cv2.IMREAD_COLOR if data.startswith(_JPEG) else cv2.IMREAD_UNCHANGED
        # Its decoders complain of broken files aloud, past Python.
        with quiet_stderr():
            decoded = cv2.imdecode(np.frombuffer(data, np.uint8), kept) if size else None
    except cv2.error:
        decoded = None
    if decoded is None:
        raise AssetError(f"{name} is not a picture that can be read.", "Use JPEG, PNG or WebP.")
    deep = decoded.dtype == np.uint16
    pixels = (decoded // 257 if deep else decoded).astype(np.uint8)
    if pixels.ndim == 2:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGBA), np.uint8)
    if pixels.shape[2] == 3:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGBA), np.uint8)
    rgba = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA), np.uint8)
    alpha = rgba[..., 3:].astype(np.uint16)
    rgba[..., :3] = ((rgba[..., :3] * alpha + 127) // 255).astype(np.uint8)
    return rgba


_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG, PNG, WebP, GIF or BMP says it has; None for anything else."""
    try:
        if data.startswith(_JPEG):
            return _jpeg_size(data)
        if data.startswith(_PNG):
            return struct.unpack_from(">II", data, 16)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return struct.unpack_from("<HH", data, 6)
        if data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
            return abs(width), abs(height)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_size(data)
    except (struct.error, IndexError):
        pass
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """From the first start-of-frame segment (ITU-T T.81, B.2.2)."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        # Fill bytes, and markers that stand alone, have no length.
        alone = marker == 0x01 or 0xD0 <= marker <= 0xD8
        at += 1 if marker == 0xFF else 2 if alone else 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """From the first chunk (RFC 9649, section 2)."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None
