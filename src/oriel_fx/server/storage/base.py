"""Storage: what a place for files is. `local.py` and `gcs.py` are the two; one contract suite runs against both.

Keys are relative paths of `[A-Za-z0-9._-]` parts joined by `/`, such as `uploads/<job public id>/audio.mp3`,
`videos/<job public id>.mp4`. `check_key` refuses all others, so that no key leaves the folder or bucket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}\Z")


@dataclass(frozen=True)
class StoredObject:
    """One stored file: its key, size in bytes, and when it was last written (aware, UTC)."""

    key: str
    n_bytes: int
    modified_at: datetime


class Storage(Protocol):
    """Files by key. Every method but `signed_url` may raise StorageUnavailableError within `request_timeout_s`."""

    def save(self, key: str, source: BinaryIO | Path, content_type: str) -> int:
        """Store `source`, replacing what was there, and return its size in bytes.

        Reads in blocks; memory stays flat. All or nothing: a reader never sees half a file, and a save that
        fails leaves what was there before. A file-like source is read from where it stands and not closed.
        """

    def open(self, key: str) -> AbstractContextManager[BinaryIO]:
        """A reader for the file, streaming and seekable. Raises ObjectNotFoundError."""

    def download(self, key: str, path: Path) -> int:
        """Write the file to `path` (temporary file, then rename) and return its size. Raises ObjectNotFoundError."""

    def size(self, key: str) -> int:
        """Size in bytes. Raises ObjectNotFoundError."""

    def exists(self, key: str) -> bool:
        """Whether there is such a file."""

    def delete(self, key: str) -> None:
        """Delete the file; nothing happens where there is none."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """The files whose key begins with `prefix`, in key order, page by page; for sweeps."""

    def signed_url(self, key: str, expires_s: int, filename: str) -> str:
        """An absolute URL that serves the file to anyone for `expires_s` seconds, with range requests.

        `filename` is what a browser saves it as. Does no network call, and does not look whether the file exists.
        Local: under `settings.public`, signed with `settings.derived_key("storage")`. Cloud: V4 signed.
        """

    def ping(self) -> None:
        """Return if the storage can be used now; for /ready. Raises StorageUnavailableError."""


def check_key(key: str) -> str:
    """The key as it is. Raises ValueError for one that is empty, absolute, or has a part such as `..`."""
    parts = key.split("/")
    if len(key) > 255 or not all(_PART.match(part) for part in parts):
        raise ValueError(f"{key!r} is not a storage key")
    return key


def check_prefix(prefix: str) -> str:
    """A beginning of keys as it is; `""` is that of all. Raises ValueError for one that no key can begin with."""
    folder, slash, rest = prefix.rpartition("/")
    if slash:
        check_key(folder)
    if rest:
        check_key(rest)
    return prefix
