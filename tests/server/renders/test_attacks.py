"""Uploads that are made to do harm: to read other files, to fill memory or disk, to run for ever."""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient
from tests.server.renders.conftest import PLAIN, error_of, sqlite_only, stored_files
from tests.songs import ffmpeg
from werkzeug.test import TestResponse

from oriel_fx.server.models import RenderJob
from oriel_fx.server.renders import uploads as submitted
from oriel_fx.server.renders.limited import MB, Limits
from oriel_fx.server.settings import Settings

pytestmark = sqlite_only
Send = Callable[..., TestResponse]
Jobs = Callable[[], list[RenderJob]]


@pytest.fixture
def bait(uploads: Path, tmp_path: Path) -> Path:
    """A song on this machine that no upload may make ffmpeg read: a second of it would be a second of sound."""
    path = tmp_path / "bait.wav"
    path.write_bytes((uploads / "song.wav").read_bytes())
    return path


@pytest.mark.parametrize(
    "script",
    [
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:3,\nfile://{bait}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXTINF:3,\n{bait}\n",
        "ffconcat version 1.0\nfile '{bait}'\n",
        "[playlist]\nFile1=file://{bait}\n",
        "<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'>"
        "<image xlink:href='file://{bait}'/></svg>",
        "<MPD><Period><BaseURL>file://{bait}</BaseURL></Period></MPD>",
        "v=0\nm=audio 1 RTP/AVP 0\na=control:file://{bait}\n",
        "subfile,,start,0,end,0,,:{bait}",
    ],
    ids=["hls", "m3u", "concat", "pls", "svg", "dash", "sdp", "subfile"],
)
def test_scripts_dressed_as_songs_read_nothing(send: Send, jobs: Jobs, bait: Path, script: str) -> None:
    text = script.replace("{bait}", str(bait)).encode()
    for dressed in (text, b"ID3\x04\0\0\0\0\0\0" + text, b"RIFF\x24\0\0\0WAVE" + text, b"\0\0\0\x14ftypM4A " + text):
        status, code, details = error_of(send(audio=dressed))
        assert (status, code) in ((415, "INVALID_AUDIO_FORMAT"), (422, "INVALID_AUDIO"))
        assert str(bait) not in json.dumps(details)
    assert jobs() == []


def test_a_file_that_is_two_formats_is_refused(send: Send, uploads: Path) -> None:
    # An ID3 tag before a FLAC stream: a reader that believes the tag takes it for an MP3.
    status, code, _ = error_of(send(audio=b"ID3\x04\0\0\0\0\0\0" + (uploads / "song.flac").read_bytes()))
    assert (status, code) == (415, "INVALID_AUDIO_FORMAT")


def test_ten_hours_of_silence_in_a_small_file_are_stopped_soon(send: Send, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.m4a"
    minute = tmp_path / "minute.m4a"
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "60", "-c:a", "alac", minute)
    ffmpeg("-stream_loop", "599", "-i", minute, "-c", "copy", bomb)
    assert bomb.stat().st_size < 3_000_000
    started = time.monotonic()
    assert error_of(send(audio=bomb.read_bytes()))[:2] == (422, "AUDIO_TOO_LONG")
    assert time.monotonic() - started < 10


def test_a_header_that_lies_about_its_length_is_not_believed(send: Send, jobs: Jobs, uploads: Path) -> None:
    wav = bytearray((uploads / "song.wav").read_bytes())
    wav[40:44] = struct.pack("<I", 0xFFFFFFF0)
    assert send(audio=bytes(wav)).status_code == 402
    assert jobs()[0].duration_s == pytest.approx(3, abs=0.06)


def test_a_compressed_tag_that_unpacks_to_more_than_fits_harms_nobody(
    send: Send, uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A smaller limit than the real one, only so that the bomb is made quickly.
    monkeypatch.setattr(submitted, "_LOOKING", Limits(wall_s=30, cpu_s=30, memory_bytes=200 * MB))
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(10_000_000)) for _ in range(40)) + packer.flush()
    data = struct.pack(">I", 0x7FFFFFFF) + packed

    def size(n: int) -> bytes:
        return bytes((n >> shift) & 0x7F for shift in (21, 14, 7, 0))

    with Path("/proc/self/status").open() as status:
        peak_before_kb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    frame = b"TIT2" + size(len(data)) + b"\x00\x09" + data
    song = b"ID3\x04\0\0" + size(len(frame)) + frame + (uploads / "song.mp3").read_bytes()
    response = send(audio=song)
    # The reader gives the tag up, or dies of it; this process never unpacks it.
    assert response.status_code in (402, 422), response.get_json()
    with Path("/proc/self/status").open() as status:
        peak_kb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak_kb - peak_before_kb < 200_000


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of zeros: kilobytes of file, any number of pixels."""
    rows = zlib.compress(bytes(height * (width + 7) // 8 + height), 9) if width * height < 1e9 else b"x"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (10_000, 4_001)])
def test_small_files_of_giant_pictures_are_refused_undecoded(send: Send, size: tuple[int, int]) -> None:
    for part in ("cover", "background"):
        status, code, details = error_of(send(**{part: png_bomb(*size)}))
        assert (status, code, details) == (413, "IMAGE_TOO_LARGE", {"part": part, "max_pixels": 40_000_000})


def test_the_picture_inside_a_song_has_the_same_limits(send: Send, uploads: Path, tmp_path: Path) -> None:
    from mutagen.id3 import APIC, ID3

    path = tmp_path / "art.mp3"
    for art in (png_bomb(60_000, 60_000), b"\x89PNG\r\n\x1a\n" + bytes(10_000_001)):
        path.write_bytes((uploads / "song.mp3").read_bytes())
        tags = ID3(path)
        tags.add(APIC(encoding=3, mime="image/png", type=3, desc="", data=art))
        tags.save()
        status, code, details = error_of(send(audio=path.read_bytes()))
        assert (status, code, details["part"]) == (413, "IMAGE_TOO_LARGE", "audio")


def test_the_largest_picture_allowed_fits_into_its_reader(send: Send) -> None:
    pixels = np.zeros((5000, 8000, 4), np.uint8)
    pixels[::7] = 90
    assert send(cover=bytes(cv2.imencode(".png", pixels)[1].tobytes())).status_code == 402


@pytest.mark.parametrize("name", ["../../../../etc/passwd", "..\\..\\boot.ini", ""])
def test_names_of_files_are_only_names(
    client: FlaskClient, headers: dict[str, str], uploads: Path, jobs: Jobs, settings: Settings, name: str
) -> None:
    quoted = name.replace("\\", "\\\\").replace("\0", "%00").encode()
    head = b'--b\r\nContent-Disposition: form-data; name="config"\r\n\r\n' + json.dumps(PLAIN).encode()
    part = b'\r\n--b\r\nContent-Disposition: form-data; name="audio"; filename="' + quoted + b'"\r\n\r\n'
    body = head + part + (uploads / "song.mp3").read_bytes() + b"\r\n--b--\r\n"
    kind = "multipart/form-data; boundary=b"
    assert client.post("/api/render/submit", data=body, content_type=kind, headers=headers).status_code == 402
    [job] = jobs()
    assert not {"/", "\\", "\0", "\u202e"} & set(job.audio_filename)
    assert len(job.audio_filename) <= 255
    assert job.upload_key == f"uploads/{job.public_id}/audio.mp3"
    assert all(settings.data_dir in path.parents for path in stored_files(settings.data_dir))


@pytest.mark.parametrize("name", ["../audio", "audio/../../x", ".", "", "con"])
def test_names_of_parts_are_no_paths(client: FlaskClient, headers: dict[str, str], name: str, tmp_path: Path) -> None:
    body = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\n\r\nhello\r\n--b--\r\n'
    kind = "multipart/form-data; boundary=b"
    response = client.post("/api/render/submit", data=body.encode(), content_type=kind, headers=headers)
    assert error_of(response)[:2] == (422, "VALIDATION_FAILED")


@pytest.mark.parametrize(
    "config",
    [
        '{"layers": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"a":' * 40_000 + "1" + "}" * 40_000,
        '{"seed": ' + "9" * 100_000 + "}",
    ],
    ids=["lists", "objects", "digits"],
)
def test_bombs_of_json_are_refused(send: Send, config: str) -> None:
    started = time.monotonic()
    assert error_of(send(config=config))[:2] == (400, "MALFORMED_JSON")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "source", ["/etc/passwd", "file:///etc/passwd", "../cover", "audio", "lyrics", "http://x/y.png"]
)
def test_a_spec_names_uploads_and_nothing_else(send: Send, jobs: Jobs, source: str) -> None:
    config: dict[str, Any] = PLAIN | {"layers": [{"type": "image", "source": source}]}
    status, code, details = error_of(send(config=config))
    assert (status, code, details["faults"][0]["path"]) == (422, "INVALID_CONFIG", "layers.0.source")
    assert jobs() == []


def test_headers_of_parts_without_end_are_cut_off(client: FlaskClient, headers: dict[str, str]) -> None:
    body = b"--b\r\nContent-Disposition: form-data; name=" + b"a" * 3_000_000
    response = client.post(
        "/api/render/submit", data=body, content_type="multipart/form-data; boundary=b", headers=headers
    )
    assert error_of(response)[:2] == (413, "BODY_TOO_LARGE")


def test_parts_without_end_are_cut_off(client: FlaskClient, headers: dict[str, str]) -> None:
    body = b"".join(b'--b\r\nContent-Disposition: form-data; name="p%d"\r\n\r\nx\r\n' % n for n in range(5000))
    response = client.post(
        "/api/render/submit", data=body + b"--b--", content_type="multipart/form-data; boundary=b", headers=headers
    )
    assert error_of(response)[:2] == (422, "VALIDATION_FAILED")
