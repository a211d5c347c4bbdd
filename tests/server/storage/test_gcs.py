"""What is particular to storage in a bucket: signatures, outages, credentials."""

from __future__ import annotations

import io
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from tests.server.storage.emulator import Emulator, running_emulator, service_account

from oriel_fx.server.breakers import breaker_states
from oriel_fx.server.errors import StorageUnavailableError
from oriel_fx.server.settings import Settings, SettingsError, load_settings
from oriel_fx.server.storage import gcs
from oriel_fx.server.storage.base import Storage
from oriel_fx.server.storage.gcs import GcsStorage

KEY = "videos/3f2a.mp4"
TIMEOUT_S = 1.0


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as server:
        yield server


@pytest.fixture
def make_settings(tmp_path: Path, emulator: Emulator) -> Callable[..., Settings]:
    def make(**changed: object) -> Settings:
        values: dict[str, object] = {
            "storage": "gcs",
            "gcs_bucket": emulator.new_bucket(),
            "gcs_endpoint": emulator.url,
            "gcs_credentials_json": service_account(),
            "request_timeout_s": TIMEOUT_S,
        }
        return load_settings(env="development", data_dir=tmp_path / "data", **(values | changed))

    return make


@pytest.fixture
def storage(make_settings: Callable[..., Settings]) -> GcsStorage:
    return GcsStorage(make_settings())


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def every_call(storage: Storage, tmp_path: Path) -> dict[str, Callable[[], object]]:
    """One of each call that goes over the network."""
    return {
        "save": lambda: storage.save(KEY, io.BytesIO(bytes(3_000_000)), "video/mp4"),
        "open": lambda: storage.open(KEY).__enter__(),
        "download": lambda: storage.download(KEY, tmp_path / "copy"),
        "size": lambda: storage.size(KEY),
        "exists": lambda: storage.exists(KEY),
        "delete": lambda: storage.delete(KEY),
        "list": lambda: list(storage.list("")),
        "ping": lambda: storage.ping(),
    }


CALLS = ("save", "open", "download", "size", "exists", "delete", "list", "ping")


def test_a_signed_url_is_a_v4_one(storage: GcsStorage) -> None:
    url = urlsplit(storage.signed_url(KEY, 900, "Glück.mp4"))
    query = {name: values[0] for name, values in parse_qs(url.query, strict_parsing=True).items()}
    assert query["X-Goog-Algorithm"] == "GOOG4-RSA-SHA256"
    assert query["X-Goog-Credential"].startswith("tests@oriel-tests.iam.gserviceaccount.com/")
    assert query["X-Goog-Expires"] == "900"
    assert query["X-Goog-SignedHeaders"] == "host"
    assert re.fullmatch(r"\d{8}T\d{6}Z", query["X-Goog-Date"])
    assert re.fullmatch(r"[0-9a-f]{512}", query["X-Goog-Signature"])
    expected = "attachment; filename=\"Gluck.mp4\"; filename*=UTF-8''Gl%C3%BCck.mp4"
    assert query["response-content-disposition"] == expected


def test_without_an_emulator_a_signed_url_is_googles(make_settings: Callable[..., Settings]) -> None:
    storage = GcsStorage(make_settings(gcs_endpoint="", gcs_bucket="oriel-videos"))
    url = storage.signed_url(KEY, 900, "x.mp4")
    assert url.startswith(f"https://storage.googleapis.com/oriel-videos/{KEY}?")


def test_a_signed_url_serves_the_file_and_its_ranges(storage: GcsStorage) -> None:
    storage.save(KEY, io.BytesIO(bytes(range(256))), "video/mp4")
    url = storage.signed_url(KEY, 900, "x.mp4")
    whole = requests.get(url, timeout=5)
    assert (whole.status_code, whole.content) == (200, bytes(range(256)))
    assert whole.headers["Content-Type"] == "video/mp4"
    part = requests.get(url, headers={"Range": "bytes=10-19"}, timeout=5)
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))


def test_a_list_goes_on_over_its_pages(storage: GcsStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcs, "_PAGE", 3)
    for number in range(10):
        storage.save(f"t/{number}", io.BytesIO(b"x"), "text/plain")
    assert [found.key for found in storage.list("t/")] == [f"t/{number}" for number in range(10)]


@pytest.mark.parametrize("call", CALLS)
def test_without_a_server_each_call_says_so_in_time(
    make_settings: Callable[..., Settings], tmp_path: Path, call: str
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        storage = GcsStorage(make_settings(gcs_endpoint=endpoint))
        started = time.monotonic()
        with pytest.raises(StorageUnavailableError):
            every_call(storage, tmp_path)[call]()
        assert time.monotonic() - started < TIMEOUT_S + 0.5


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_is_silent_is_not_waited_for(
    make_settings: Callable[..., Settings], tmp_path: Path, silent_endpoint: str, call: str
) -> None:
    storage = GcsStorage(make_settings(gcs_endpoint=silent_endpoint))
    started = time.monotonic()
    with pytest.raises(StorageUnavailableError):
        every_call(storage, tmp_path)[call]()
    assert time.monotonic() - started < TIMEOUT_S + 0.5


def test_after_five_outages_calls_fail_at_once_until_the_server_is_back(
    make_settings: Callable[..., Settings], tmp_path: Path, emulator: Emulator
) -> None:
    storage = GcsStorage(make_settings(request_timeout_s=0.2))
    storage.ping()
    assert breaker_states() == {"gcs": "closed"}
    emulator.stop()
    try:
        for _ in range(5):
            with pytest.raises(StorageUnavailableError):
                storage.ping()
        assert breaker_states() == {"gcs": "open"}
        started = time.monotonic()
        for call in every_call(storage, tmp_path).values():
            with pytest.raises(StorageUnavailableError):
                call()
        assert time.monotonic() - started < 0.1
    finally:
        emulator.start()
    gcs.breaker("gcs").half_open()  # what it does by itself after 20 s
    storage.ping()
    assert breaker_states() == {"gcs": "closed"}


def test_a_source_that_fails_is_no_outage(storage: GcsStorage) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            raise TimeoutError("the user's line was cut")

    for _ in range(8):
        with pytest.raises(TimeoutError, match="the user's line was cut"):
            storage.save(KEY, io.BufferedReader(Broken()), "video/mp4")
    assert breaker_states() == {"gcs": "closed"}


def test_what_is_not_there_is_no_outage(storage: GcsStorage) -> None:
    for _ in range(8):
        storage.delete(KEY)
        assert not storage.exists(KEY)
    assert breaker_states() == {"gcs": "closed"}


def test_a_bucket_that_is_not_there_makes_the_storage_unavailable(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    storage = GcsStorage(make_settings(gcs_bucket="nobody-made-this-one"))
    for call in (
        storage.ping,
        lambda: storage.save(KEY, io.BytesIO(b"x"), "text/plain"),
        lambda: list(storage.list("")),
    ):
        with pytest.raises(StorageUnavailableError):
            call()


def test_a_forked_child_has_connections_of_its_own(storage: GcsStorage) -> None:
    storage.save(KEY, io.BytesIO(b"before"), "text/plain")
    child = os.fork()
    if child == 0:
        try:
            ok = storage.size(KEY) == 6 and storage._bucket() is not None
        finally:
            os._exit(0 if ok else 1)
    assert storage.size(KEY) == 6
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("given", ["no json", "{}", '["a"]', '{"type": "authorized_user"}'])
def test_credentials_that_are_none_are_named_without_being_shown(
    make_settings: Callable[..., Settings], given: str
) -> None:
    with pytest.raises(SettingsError, match="GCS_CREDENTIALS_JSON") as caught:
        GcsStorage(make_settings(gcs_credentials_json=given))
    assert given not in caught.value.message
