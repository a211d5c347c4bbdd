"""Storage in a bucket of Google Cloud Storage.

Calls are bounded so that a request answers within `request_timeout_s` when Google is away: each try waits a part of
it, tries begin only in another part. After five failures in a row a breaker refuses at once, for a while.
"""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

import google.auth
import pybreaker
import requests
import structlog
import urllib3
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud.exceptions import NotFound
from google.cloud.storage import Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY
from google.oauth2 import service_account

from oriel_fx.server.breakers import breaker
from oriel_fx.server.errors import ObjectNotFoundError, StorageUnavailableError
from oriel_fx.server.settings import Settings, SettingsError, reveal
from oriel_fx.server.storage.atomic import atomic_file
from oriel_fx.server.storage.base import Storage, StoredObject, check_key, check_prefix
from oriel_fx.server.storage.headers import attachment
from oriel_fx.server.storage.source import reading

_SCOPES = ["https://www.googleapis.com/auth/devstorage.read_write"]
# Sent by one call whose time is bounded, so not too large for a slow line: 2 MiB need 4 Mbit/s.
_UPLOAD_CHUNK = 2 << 20
_READ_BLOCK = 1 << 20
_PAGE = 1000
_AWAY = (
    exceptions.GoogleAPIError,
    GoogleAuthError,
    InvalidResponse,
    DataCorruption,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TimeoutError,
)
_log = structlog.get_logger("oriel_fx.storage")


class GcsStorage(Storage):
    """Files in a bucket."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._credentials = _credentials(settings)
        self._local = threading.local()
        each_s, tries_s = settings.request_timeout_s * 0.5, settings.request_timeout_s * 0.2
        retry = DEFAULT_RETRY.with_timeout(tries_s).with_delay(initial=0.2, maximum=1.0)
        self._call: dict[str, Any] = {"timeout": each_s, "retry": retry}

    def save(self, key: str, source: BinaryIO | Path, content_type: str) -> int:
        """See Storage. An upload that ends early was never there: the object appears with its last chunk."""
        blob = self._blob(key)
        blob.chunk_size = _UPLOAD_CHUNK
        with reading(source) as blocks, _reporting():
            blob.upload_from_file(cast(Any, blocks), content_type=content_type, checksum="crc32c", **self._call)
            return blocks.tell()

    def open(self, key: str) -> AbstractContextManager[BinaryIO]:
        """See Storage. Reads the version that is there now, to its end."""
        return self._read(key)

    @contextmanager
    def _read(self, key: str) -> Iterator[BinaryIO]:
        with io.BufferedReader(_Reader(self._current(key), key, self._call), _READ_BLOCK) as reader:
            yield cast(BinaryIO, reader)

    def download(self, key: str, path: Path) -> int:
        """See Storage."""
        blob = self._blob(key)
        with atomic_file(path, path.parent, lasting=False) as file, _reporting(key):
            blob.download_to_file(file, raw_download=True, checksum="crc32c", **self._call)
            return file.tell()

    def size(self, key: str) -> int:
        """See Storage."""
        return int(self._current(key).size)

    def exists(self, key: str) -> bool:
        """See Storage."""
        with _reporting(key):
            return bool(self._blob(key).exists(**self._call))

    def delete(self, key: str) -> None:
        """See Storage."""
        with _reporting(key):
            try:
                self._blob(key).delete(**self._call)
            except NotFound:
                return

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """See Storage."""
        check_prefix(prefix)
        fields = "items(name,size,updated),nextPageToken"
        listed = self._bucket().list_blobs(prefix=prefix, page_size=_PAGE, fields=fields, **self._call)
        pages = iter(listed.pages)
        while True:
            with _reporting():
                page = next(pages, None)
            if page is None:
                return
            for blob in page:
                yield StoredObject(blob.name, int(blob.size), blob.updated)

    def signed_url(self, key: str, expires_s: int, filename: str) -> str:
        """See Storage. Google allows seven days at most."""
        endpoint = self._settings.gcs_endpoint
        more = {"api_access_endpoint": endpoint} if endpoint else {}
        url: str = self._blob(key).generate_signed_url(
            version="v4",
            expiration=timedelta(seconds=expires_s),
            method="GET",
            credentials=self._credentials,
            response_disposition=attachment(filename),
            **more,
        )
        return url

    def ping(self) -> None:
        """See Storage. Looks for a file, which needs no more rights than reading."""
        with _reporting():
            next(iter(self._bucket().list_blobs(max_results=1, fields="items(name)", **self._call)), None)

    def _current(self, key: str) -> Any:
        """The object as it is now, with its size and generation. Raises ObjectNotFoundError."""
        with _reporting(key):
            found = self._bucket().get_blob(check_key(key), **self._call)
        if found is None:
            raise ObjectNotFoundError(f"Storage has no file {key}.")
        return found

    def _blob(self, key: str) -> Any:
        return self._bucket().blob(check_key(key))

    def _bucket(self) -> Any:
        """The bucket, on a client of this thread and this process: connections cannot be shared across a fork."""
        if getattr(self._local, "pid", None) != os.getpid():
            self._local.bucket = self._client().bucket(self._settings.gcs_bucket)
            self._local.pid = os.getpid()
        return self._local.bucket

    def _client(self) -> Any:
        if self._settings.gcs_endpoint:
            # An emulator: it asks for no token, and Google's token server must not be asked for one.
            options = {"api_endpoint": self._settings.gcs_endpoint}
            nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
            return Client(project="emulator", credentials=nobody, client_options=options)
        return Client(project=getattr(self._credentials, "project_id", None), credentials=self._credentials)


class _Reader(io.RawIOBase):
    """Reads one version of an object by ranges."""

    def __init__(self, blob: Any, key: str, call: dict[str, Any]) -> None:
        self._blob, self._key, self._call = blob, key, call
        self._size, self._generation = int(blob.size), blob.generation
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As files do; asks Google nothing."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("a position cannot be negative")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """The next bytes, as many as fit and are left."""
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        with _reporting(self._key):
            data = self._blob.download_as_bytes(
                start=self._at,
                end=end - 1,
                raw_download=True,
                checksum=None,
                if_generation_match=self._generation,
                **self._call,
            )
        if self._blob.generation != self._generation:  # as the reply says; emulators do not mind the condition
            raise _replaced(self._key)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        """The rest, in large reads."""
        whole = bytearray()
        block = bytearray(_READ_BLOCK)
        while n_bytes := self.readinto(block):
            whole += block[:n_bytes]
        return bytes(whole)


@contextmanager
def _reporting(key: str | None = None) -> Iterator[None]:
    """Google's errors as ours; without a key, what is not found is the bucket. An outage counts for the breaker."""
    try:
        with breaker("gcs", exclude=(_no_outage,)).calling():
            yield
    except NotFound as error:
        if key is None:
            _log.error("there is no such bucket")
            raise StorageUnavailableError from error
        raise ObjectNotFoundError(f"Storage has no file {key}.") from None
    except (exceptions.PreconditionFailed, exceptions.RequestRangeNotSatisfiable):
        raise _replaced(key) from None
    except pybreaker.CircuitBreakerError as error:
        _log.warning("storage not asked, or away", why=str(error))
        raise StorageUnavailableError from error
    except _AWAY as error:
        _log.error("storage failed", error=type(error).__name__, status=_status(error))
        raise StorageUnavailableError from error


def _replaced(key: str | None) -> ObjectNotFoundError:
    return ObjectNotFoundError(f"Storage has another version of {key} now.")


def _no_outage(error: BaseException) -> bool:
    status = _status(error)
    if status is not None:
        return status < 500 and status not in (408, 429)
    return not isinstance(error, _AWAY)


def _status(error: BaseException) -> int | None:
    if isinstance(error, InvalidResponse):
        return int(error.response.status_code)
    code = getattr(error, "code", None)
    return int(code) if isinstance(error, exceptions.GoogleAPICallError) and code is not None else None


def _credentials(settings: Settings) -> Any:
    """Those that sign: the service account's in the settings, or where Google's own libraries look."""
    given = reveal(settings.gcs_credentials_json)
    if given:
        try:
            info = dict(json.loads(given))
            return service_account.Credentials.from_service_account_info(info, scopes=_SCOPES)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, GoogleAuthError):
            raise SettingsError(
                "GCS_CREDENTIALS_JSON is not a service account's key.",
                "Paste the whole JSON file that Google Cloud gave for the key.",
            ) from None
    try:
        found, _ = google.auth.default(scopes=_SCOPES)
    except DefaultCredentialsError:
        found = None
    if not hasattr(found, "sign_bytes"):
        raise SettingsError(
            "Google Cloud Storage needs a service account's key, which signs download links.",
            "Set GCS_CREDENTIALS_JSON to the key's JSON.",
        )
    return found
