"""What every storage does, local or in the cloud: one suite against both."""

from __future__ import annotations

import io
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.server.storage.emulator import Emulator, running_emulator, service_account

from oriel_fx.server.breakers import reset_breakers
from oriel_fx.server.errors import ObjectNotFoundError
from oriel_fx.server.services import make_storage
from oriel_fx.server.settings import load_settings
from oriel_fx.server.storage.base import Storage

KEY = "videos/3f2a.mp4"
MB = 1_000_000


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as server:
        yield server


@pytest.fixture(params=["local", "gcs"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each storage, empty."""
    reset_breakers()
    common = {"env": "development", "data_dir": tmp_path / "data", "public_url": "http://localhost:8000"}
    if request.param == "local":
        return make_storage(load_settings(**common, storage="local"))
    server: Emulator = request.getfixturevalue("emulator")
    cloud = {"gcs_bucket": server.new_bucket(), "gcs_endpoint": server.url, "gcs_credentials_json": service_account()}
    return make_storage(load_settings(**common, storage="gcs", **cloud))


class Endless(io.RawIOBase):
    """`n_bytes` bytes that are nowhere in memory, a few at a time; fails at the end if told to."""

    def __init__(self, n_bytes: int, fails: bool = False) -> None:
        self._left, self._fails = n_bytes, fails

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._left and self._fails:
            raise OSError("the cable was pulled")
        n_bytes = min(len(buffer), self._left, 70_001)
        buffer[:n_bytes] = bytes(n_bytes)
        self._left -= n_bytes
        return n_bytes


def content(storage: Storage, key: str = KEY) -> bytes:
    with storage.open(key) as file:
        return file.read()


def test_what_was_saved_is_read_back(storage: Storage) -> None:
    assert storage.save(KEY, io.BytesIO(b"a video"), "video/mp4") == 7
    assert content(storage) == b"a video"
    assert storage.size(KEY) == 7
    assert storage.exists(KEY)


def test_a_path_is_saved_like_an_open_file(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "song").write_bytes(b"abc" * 1000)
    assert storage.save(KEY, tmp_path / "song", "audio/mpeg") == 3000
    assert content(storage) == b"abc" * 1000


def test_an_open_file_is_saved_from_where_it_stands_and_left_open(storage: Storage) -> None:
    source = io.BytesIO(b"head and body")
    source.seek(9)
    assert storage.save(KEY, source, "text/plain") == 4
    assert content(storage) == b"body"
    assert not source.closed


def test_an_empty_file_is_a_file(storage: Storage) -> None:
    assert storage.save(KEY, io.BytesIO(), "text/plain") == 0
    assert (storage.exists(KEY), storage.size(KEY), content(storage)) == (True, 0, b"")


def test_a_source_that_gives_little_at_a_time_is_saved_whole(storage: Storage) -> None:
    assert storage.save(KEY, Endless(5 * MB + 1), "video/mp4") == 5 * MB + 1
    assert storage.size(KEY) == 5 * MB + 1


def test_saving_again_replaces(storage: Storage) -> None:
    storage.save(KEY, io.BytesIO(b"a long first version"), "text/plain")
    storage.save(KEY, io.BytesIO(b"second"), "text/plain")
    assert content(storage) == b"second"
    assert [found.key for found in storage.list("")] == [KEY]


@pytest.mark.parametrize("n_bytes", [0, 100, 5 * MB])
def test_a_source_that_fails_leaves_nothing(storage: Storage, n_bytes: int) -> None:
    with pytest.raises(OSError, match="the cable was pulled"):
        storage.save(KEY, Endless(n_bytes, fails=True), "video/mp4")
    assert not storage.exists(KEY)
    assert list(storage.list("")) == []


def test_a_source_that_fails_leaves_what_was_there(storage: Storage) -> None:
    storage.save(KEY, io.BytesIO(b"before"), "text/plain")
    with pytest.raises(OSError, match="the cable was pulled"):
        storage.save(KEY, Endless(3 * MB, fails=True), "video/mp4")
    assert content(storage) == b"before"


def test_a_path_that_is_not_there_is_the_callers_error(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        storage.save(KEY, tmp_path / "nothing", "video/mp4")


def test_a_reader_seeks(storage: Storage) -> None:
    storage.save(KEY, io.BytesIO(bytes(range(256)) * 10_000), "video/mp4")
    with storage.open(KEY) as file:
        assert file.seek(-6, io.SEEK_END) == 2_559_994
        assert file.read() == bytes(range(250, 256))
        file.seek(1_000_003)
        assert file.read(4) == bytes((67, 68, 69, 70))
        assert file.tell() == 1_000_007
        file.seek(-3, io.SEEK_CUR)
        assert file.read(1) == bytes((68,))
        file.seek(9_999_999)
        assert file.read(10) == b""


def test_a_reader_never_sees_two_versions_mixed(storage: Storage) -> None:
    storage.save(KEY, io.BytesIO(b"1" * 3 * MB), "video/mp4")
    with storage.open(KEY) as file:
        seen = file.read(10)
        storage.save(KEY, io.BytesIO(b"2" * 3 * MB), "video/mp4")
        with suppress(ObjectNotFoundError):  # a bucket keeps no old versions
            seen += file.read()
    assert set(seen) == {ord("1")}


def test_a_download_is_the_whole_file(storage: Storage, tmp_path: Path) -> None:
    storage.save(KEY, io.BytesIO(b"xyz" * MB), "video/mp4")
    assert storage.download(KEY, tmp_path / "copy.mp4") == 3 * MB
    assert (tmp_path / "copy.mp4").read_bytes() == b"xyz" * MB


def test_a_download_of_nothing_leaves_what_was_there(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "copy.mp4").write_bytes(b"mine")
    with pytest.raises(ObjectNotFoundError):
        storage.download(KEY, tmp_path / "copy.mp4")
    assert (tmp_path / "copy.mp4").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["copy.mp4"]


def test_what_is_not_there_is_not_found(storage: Storage) -> None:
    storage.save("videos/other.mp4", io.BytesIO(b"x"), "video/mp4")
    for key in (KEY, "videos", "videos/other.mp4/deeper"):
        assert not storage.exists(key)
        with pytest.raises(ObjectNotFoundError):
            storage.size(key)
        with pytest.raises(ObjectNotFoundError), storage.open(key):
            pass


def test_a_deleted_file_is_gone_and_its_neighbours_stay(storage: Storage) -> None:
    storage.save(KEY, io.BytesIO(b"x"), "video/mp4")
    storage.save("videos/other.mp4", io.BytesIO(b"y"), "video/mp4")
    storage.delete(KEY)
    assert not storage.exists(KEY)
    assert content(storage, "videos/other.mp4") == b"y"


def test_deleting_what_is_not_there_does_nothing(storage: Storage) -> None:
    storage.delete(KEY)
    storage.save(KEY, io.BytesIO(b"x"), "video/mp4")
    storage.delete(KEY)
    storage.delete(KEY)
    assert list(storage.list("")) == []


def test_a_list_is_in_key_order_with_sizes_and_times(storage: Storage) -> None:
    keys = ["a/b", "a-b/c", "a.b", "ab", "b/a/z", "b/a.z", "b/A", "_x"]
    started = datetime.now(UTC)
    for n_bytes, key in enumerate(keys):
        storage.save(key, io.BytesIO(bytes(n_bytes)), "text/plain")
    found = list(storage.list(""))
    assert [one.key for one in found] == sorted(keys)
    assert {one.key: one.n_bytes for one in found} == {key: n for n, key in enumerate(keys)}
    around = timedelta(seconds=5)
    assert all(started - around < one.modified_at < datetime.now(UTC) + around for one in found)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("uploads/", ["uploads/1/audio.mp3", "uploads/1/cover.png", "uploads/12/audio.mp3"]),
        ("uploads/1", ["uploads/1/audio.mp3", "uploads/1/cover.png", "uploads/12/audio.mp3"]),
        ("uploads/1/", ["uploads/1/audio.mp3", "uploads/1/cover.png"]),
        ("uploads/1/c", ["uploads/1/cover.png"]),
        ("videos/1.mp4", ["videos/1.mp4"]),
        ("nothing/", []),
    ],
)
def test_a_prefix_is_a_beginning_of_keys(storage: Storage, prefix: str, expected: list[str]) -> None:
    for key in ("uploads/1/audio.mp3", "uploads/1/cover.png", "uploads/12/audio.mp3", "videos/1.mp4"):
        storage.save(key, io.BytesIO(b"x"), "text/plain")
    assert [found.key for found in storage.list(prefix)] == expected


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "a/.b", "a\\b", "a b", "ä", "a\n", "a\0", "x" * 256]
)
def test_an_odd_key_is_refused_everywhere(storage: Storage, key: str, tmp_path: Path) -> None:
    calls = [
        lambda: storage.save(key, io.BytesIO(b"x"), "text/plain"),
        lambda: storage.open(key).__enter__(),
        lambda: storage.download(key, tmp_path / "copy"),
        lambda: storage.size(key),
        lambda: storage.exists(key),
        lambda: storage.delete(key),
        lambda: storage.signed_url(key, 60, "x"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="not a storage key"):
            call()


@pytest.mark.parametrize("prefix", ["/", "../", "a/../", "a/.b"])
def test_an_odd_prefix_is_refused(storage: Storage, prefix: str) -> None:
    with pytest.raises(ValueError, match="not a storage key"):
        list(storage.list(prefix))


def test_memory_stays_flat(storage: Storage, tmp_path: Path) -> None:
    n_bytes = 60 * MB
    tracemalloc.start()
    try:
        storage.save(KEY, Endless(n_bytes), "video/mp4")
        storage.download(KEY, tmp_path / "copy")
        with storage.open(KEY) as file:
            while file.read(MB):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "copy").stat().st_size == n_bytes
    assert peak < n_bytes / 4


def test_threads_share_a_storage(storage: Storage) -> None:
    def work(number: int) -> None:
        for version in range(3):
            storage.save(f"t/{number}/{version}", io.BytesIO(bytes([number]) * 50_000), "text/plain")
        storage.delete(f"t/{number}/0")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found.key for found in storage.list("t/")] == [f"t/{n}/{v}" for n in range(8) for v in (1, 2)]
    assert all(content(storage, f"t/{n}/2") == bytes([n]) * 50_000 for n in range(8))


def test_a_signed_url_is_absolute_and_needs_no_file(storage: Storage) -> None:
    url = urlsplit(storage.signed_url(KEY, 900, "Glück.mp4"))
    assert url.scheme and url.netloc
    assert url.path.endswith(f"/{KEY}")
    assert url.query.isascii()


def test_a_ping_of_what_works_returns(storage: Storage) -> None:
    storage.ping()
