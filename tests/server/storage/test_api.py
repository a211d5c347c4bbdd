"""GET /api/files/…: signed links to files in a folder, fetched through the application."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from tests.server.storage.emulator import service_account
from werkzeug.test import TestResponse

from oriel_fx.server.services import Services
from oriel_fx.server.settings import Settings
from oriel_fx.server.storage.base import Storage
from oriel_fx.server.storage.local import LocalStorage

KEY = "videos/3f2a.mp4"
VIDEO = bytes(range(256)) * 40
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def storage(services: Services) -> Storage:
    """The application's storage, with one video in it."""
    services.storage.save(KEY, io.BytesIO(VIDEO), "video/mp4")
    return services.storage


@pytest.fixture
def client(app: OpenAPI) -> FlaskClient:
    """Sends requests, and reads and closes what is served: a file."""

    class Reading(FlaskClient):
        def open(self, *args: Any, **kwargs: Any) -> TestResponse:
            return super().open(*args, **{"buffered": True, **kwargs})

    app.test_client_class = Reading
    return app.test_client()


def changed(url: str, **parameters: str) -> str:
    """The URL with some query parameters replaced; those set to "" are left out."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query)) | parameters
    return urlunsplit(parts._replace(query=urlencode({name: value for name, value in query.items() if value})))


def saved_as(header: str) -> str:
    """What a browser saves the file as: RFC 6266 puts `filename*` first."""
    kind, _, rest = header.partition("; ")
    _, _, extended = rest.rpartition("; filename*=UTF-8''")
    assert kind == "attachment" and header.isascii()
    return unquote(extended, errors="strict")


def test_a_link_serves_the_file_to_anyone(client: FlaskClient, storage: Storage, settings: Settings) -> None:
    url = storage.signed_url(KEY, 900, "Glass Hours.mp4")
    assert url.startswith(f"{settings.public}/api/files/{KEY}?")
    response = client.get(url)
    assert response.status_code == 200
    assert response.data == VIDEO
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Content-Length"] == str(len(VIDEO))
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "private"


def test_head_tells_the_same_without_the_file(client: FlaskClient, storage: Storage) -> None:
    response = client.head(storage.signed_url(KEY, 900, "x.mp4"))
    assert (response.status_code, response.data) == (200, b"")
    assert response.headers["Content-Length"] == str(len(VIDEO))
    assert response.headers["Content-Type"] == "video/mp4"


def test_a_page_dressed_as_a_video_is_saved_and_not_shown(client: FlaskClient, storage: Storage) -> None:
    storage.save("uploads/1/audio.mp3", io.BytesIO(b"<script>alert(1)</script>"), "audio/mpeg")
    response = client.get(storage.signed_url("uploads/1/audio.mp3", 900, "evil.html"))
    assert response.headers["Content-Type"] == "audio/mpeg"
    assert response.headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    ("asked", "expected", "content_range"),
    [
        ("bytes=0-9", VIDEO[:10], "bytes 0-9/10240"),
        ("bytes=10-", VIDEO[10:], "bytes 10-10239/10240"),
        ("bytes=-4", VIDEO[-4:], "bytes 10236-10239/10240"),
        ("bytes=10239-99999", VIDEO[-1:], "bytes 10239-10239/10240"),
        ("bytes=0-0", VIDEO[:1], "bytes 0-0/10240"),
    ],
)
def test_a_range_is_served_alone(
    client: FlaskClient, storage: Storage, asked: str, expected: bytes, content_range: str
) -> None:
    response = client.get(storage.signed_url(KEY, 900, "x.mp4"), headers={"Range": asked})
    assert response.status_code == 206
    assert response.data == expected
    assert response.headers["Content-Range"] == content_range
    assert response.headers["Content-Length"] == str(len(expected))


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-100000"])
def test_a_range_past_the_end_is_a_416_that_names_the_size(client: FlaskClient, storage: Storage, asked: str) -> None:
    response = client.get(storage.signed_url(KEY, 900, "x.mp4"), headers={"Range": asked})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */10240"
    assert response.json["error"]["code"] == "RANGE_NOT_SATISFIABLE"


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "lines=1-2", "nonsense", "bytes=5-1", "bytes=a-b"])
def test_a_range_that_is_none_gives_the_whole_file(client: FlaskClient, storage: Storage, asked: str) -> None:
    response = client.get(storage.signed_url(KEY, 900, "x.mp4"), headers={"Range": asked})
    assert (response.status_code, response.data) == (200, VIDEO)


def test_a_range_of_a_file_that_has_changed_gives_the_whole_new_one(client: FlaskClient, storage: Storage) -> None:
    url = storage.signed_url(KEY, 900, "x.mp4")
    old = client.get(url).headers["ETag"]
    same = client.get(url, headers={"Range": "bytes=0-1", "If-Range": old})
    assert (same.status_code, same.data) == (206, VIDEO[:2])
    storage.save(KEY, io.BytesIO(b"another video"), "video/mp4")
    other = client.get(url, headers={"Range": "bytes=0-1", "If-Range": old})
    assert (other.status_code, other.data) == (200, b"another video")


def test_a_client_that_has_the_file_is_told_so(client: FlaskClient, storage: Storage) -> None:
    url = storage.signed_url(KEY, 900, "x.mp4")
    response = client.get(url, headers={"If-None-Match": client.get(url).headers["ETag"]})
    assert (response.status_code, response.data) == (304, b"")


def test_a_link_ends(client: FlaskClient, storage: Storage) -> None:
    response = client.get(storage.signed_url(KEY, -1, "x.mp4"))
    assert response.status_code == 410
    assert response.json["error"]["code"] == "LINK_EXPIRED"
    assert VIDEO not in response.data


def test_a_link_works_for_as_long_as_it_says(storage: Storage) -> None:
    expires = dict(parse_qsl(urlsplit(storage.signed_url(KEY, 900, "x.mp4")).query))["expires"]
    assert abs(int(expires) - time.time() - 900) < 5


TAMPERINGS: dict[str, Callable[[str], str]] = {
    "another file": lambda url: url.replace("3f2a", "other"),
    "a longer life": lambda url: changed(url, expires=str(int(time.time()) + 9999)),
    "a life of no number": lambda url: changed(url, expires="soon"),
    "another name": lambda url: changed(url, name="virus.exe"),
    "a bit of the signature": lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"),
    "a short signature": lambda url: url[:-1],
    "a signature in another script": lambda url: changed(url, signature="ä" * 64),
    "no signature": lambda url: changed(url, signature=""),
    "no name": lambda url: changed(url, name=""),
    "no life": lambda url: changed(url, expires=""),
    "nothing": lambda url: url.partition("?")[0],
    "a part moved to the next": lambda url: changed(url, name="4.mp4", expires="9999999999\nx"),
    "a path upwards": lambda url: url.replace(KEY, "videos/..%2F..%2Foriel.db"),
    "a folder": lambda url: url.replace(KEY, "videos"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_a_link_that_was_changed_is_refused(
    client: FlaskClient, storage: Storage, tampering: Callable[[str], str]
) -> None:
    storage.save("videos/other.mp4", io.BytesIO(b"of another user"), "video/mp4")
    url = storage.signed_url(KEY, 900, "x.mp4")
    assert tampering(url) != url
    response = client.get(tampering(url))
    assert response.status_code == 403
    assert response.json["error"]["code"] == "LINK_INVALID"


def test_a_link_made_with_another_secret_is_refused(client: FlaskClient, storage: Storage, settings: Settings) -> None:
    stranger = LocalStorage(settings.model_copy(update={"secret_key": None}))
    assert client.get(stranger.signed_url(KEY, 900, "x.mp4")).status_code == 403


def test_a_file_that_is_gone_is_not_found(client: FlaskClient, storage: Storage) -> None:
    url = storage.signed_url(KEY, 900, "x.mp4")
    storage.delete(KEY)
    response = client.get(url)
    assert response.status_code == 404
    assert response.json["error"]["code"] == "FILE_NOT_FOUND"


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("Glass Hours.mp4", "Glass Hours.mp4"),
        ("Über den Wolken — №1.mp4", "Über den Wolken — №1.mp4"),
        ("日本の歌.mp4", "日本の歌.mp4"),
        ("أغنية.mp4", "أغنية.mp4"),
        ("👩‍🎤 live.mp4", "👩‍🎤 live.mp4"),
        ('a "quoted" 100% name;.mp4', 'a "quoted" 100% name;.mp4'),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\song.mp4", "song.mp4"),
        ("two\r\nSet-Cookie: a=b.mp4", "twoSet-Cookie: a=b.mp4"),
        ("song\u202e4pm.exe", "song4pm.exe"),
        ("...", "file"),
        ("", "file"),
        ("x" * 300 + ".mp4", "x" * 146 + ".mp4"),
    ],
)
def test_a_file_is_saved_under_its_name_in_any_script(
    client: FlaskClient, storage: Storage, name: str, saved: str
) -> None:
    response = client.get(storage.signed_url(KEY, 900, name))
    assert response.status_code == 200
    assert saved_as(response.headers["Content-Disposition"]) == saved
    assert "Set-Cookie" not in response.headers


def test_a_link_takes_no_other_method(client: FlaskClient, storage: Storage) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        response = client.open(storage.signed_url(KEY, 900, "x.mp4"), method=method)
        assert response.status_code == 405
    assert storage.exists(KEY)


def test_a_large_file_comes_in_pieces(client: FlaskClient, storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(20_000_000))
    storage.save(KEY, tmp_path / "large", "video/mp4")
    response = client.get(storage.signed_url(KEY, 900, "x.mp4"), buffered=False)
    digest = hashlib.sha256()
    largest = 0
    for piece in response.iter_encoded():
        digest.update(piece)
        largest = max(largest, len(piece))
    response.close()
    assert digest.hexdigest() == hashlib.sha256(bytes(20_000_000)).hexdigest()
    assert largest < 1_000_000


def test_there_are_no_such_links_where_files_are_in_a_bucket(
    settings: Settings, make_app: Callable[[Settings], OpenAPI], storage: Storage
) -> None:
    cloud = {"storage": "gcs", "gcs_bucket": "b", "gcs_credentials_json": service_account()}
    app = make_app(settings.model_copy(update=cloud))
    response = app.test_client().get(storage.signed_url(KEY, 900, "x.mp4"))
    assert response.status_code == 404
    assert response.json["error"]["code"] == "NOT_FOUND"
