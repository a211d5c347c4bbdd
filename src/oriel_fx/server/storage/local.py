"""Storage in a folder: `<data_dir>/files`, with signed addresses that `api.py` serves.

Beside a file `name` lies `.name.type`, its content type; keys never begin a part with a dot. Files are written in
`.unfinished` and renamed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import urlencode

import structlog

from oriel_fx.server.errors import ObjectNotFoundError, StorageUnavailableError
from oriel_fx.server.settings import Settings
from oriel_fx.server.storage.atomic import atomic_file, sync_dir
from oriel_fx.server.storage.base import Storage, StoredObject, check_key, check_prefix
from oriel_fx.server.storage.headers import safe_filename
from oriel_fx.server.storage.source import BLOCK, reading

URL_PREFIX = "/api/files"
DEFAULT_TYPE = "application/octet-stream"
_UNFINISHED = ".unfinished"
_STALE_S = 24 * 3600
_Found = TypeVar("_Found")
_log = structlog.get_logger("oriel_fx.storage")


class LocalStorage(Storage):
    """Files in a folder of this machine."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.data_dir / "files"
        self._public = settings.public
        self._secret = settings.derived_key("storage").encode()
        self.remove_unfinished(_STALE_S)

    def save(self, key: str, source: BinaryIO | Path, content_type: str) -> int:
        """See Storage. Raises ValueError for a key that is another file's folder."""
        path, temp = self._path(key), self.folder / _UNFINISHED
        with reading(source) as blocks, _reporting(), _separate(key), atomic_file(path, temp) as file:
            for block in iter(lambda: blocks.read(BLOCK), b""):
                file.write(block)
            n_bytes = file.tell()
            # The type first: who reads between the two renames finds the old file under its new type.
            with atomic_file(_type_path(path), temp) as type_file:
                type_file.write(content_type.encode())
        return n_bytes

    def open(self, key: str) -> AbstractContextManager[BinaryIO]:
        """See Storage."""
        return self._read(key)

    @contextmanager
    def _read(self, key: str) -> Iterator[BinaryIO]:
        with self._found(key, lambda path: path.open("rb")) as file:
            yield file

    def download(self, key: str, path: Path) -> int:
        """See Storage."""
        with self._read(key) as stored, atomic_file(path, path.parent, lasting=False) as file:
            for block in iter(lambda: stored.read(BLOCK), b""):
                file.write(block)
            return file.tell()

    def size(self, key: str) -> int:
        """See Storage."""
        return self._found(key, _stat).st_size

    def exists(self, key: str) -> bool:
        """See Storage."""
        with _reporting():
            return self._path(key).is_file()

    def delete(self, key: str) -> None:
        """See Storage. Folders that become empty go too."""
        path = self._path(key)
        with _reporting():
            for gone in (path, _type_path(path)):
                with suppress(FileNotFoundError, NotADirectoryError):
                    gone.unlink()
            sync_dir(path.parent)
            self._prune(path.parent)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """See Storage."""
        check_prefix(prefix)
        with _reporting():
            for key, entry in _walk(self.folder, "", prefix):
                try:
                    found = entry.stat()
                except FileNotFoundError:
                    continue  # deleted meanwhile
                yield StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def signed_url(self, key: str, expires_s: int, filename: str) -> str:
        """See Storage."""
        expires, name = str(int(time.time()) + expires_s), safe_filename(filename)
        signature = self.signature(check_key(key), expires, name)
        query = urlencode({"expires": expires, "name": name, "signature": signature})
        return f"{self._public}{URL_PREFIX}/{key}?{query}"

    def signature(self, key: str, expires: str, name: str) -> str:
        """What proves that an address was made here: an HMAC of all its parts, as hex digits."""
        parts = "\n".join((key, expires, name)).encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, parts, hashlib.sha256).hexdigest()

    def path_and_type(self, key: str) -> tuple[Path, str]:
        """Where a file is, and the content type it was saved with. Raises ObjectNotFoundError."""
        self._found(key, _stat)
        path = self._path(key)
        try:
            return path, _type_path(path).read_text()
        except FileNotFoundError:
            return path, DEFAULT_TYPE

    def ping(self) -> None:
        """See Storage."""
        with _reporting():
            self.folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError(f"{self.folder} cannot be written")

    def remove_unfinished(self, older_than_s: float) -> int:
        """Remove what killed processes left half written; how many files."""
        n_removed = 0
        with suppress(OSError):
            for path in (self.folder / _UNFINISHED).iterdir():
                with suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > older_than_s:
                        path.unlink()
                        n_removed += 1
        return n_removed

    def _path(self, key: str) -> Path:
        return self.folder / check_key(key)

    def _found(self, key: str, look: Callable[[Path], _Found]) -> _Found:
        path = self._path(key)
        with _reporting():
            try:
                return look(path)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise ObjectNotFoundError(f"Storage has no file {key}.") from None

    def _prune(self, folder: Path) -> None:
        while folder != self.folder and folder.is_relative_to(self.folder):
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


@contextmanager
def _reporting() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _log.error("storage failed", errno=error.errno, what=error.strerror)
        raise StorageUnavailableError from error


@contextmanager
def _separate(key: str) -> Iterator[None]:
    """A bucket could hold `a` and `a/b`; a folder cannot, and no key of ours is like that."""
    try:
        yield
    except (NotADirectoryError, IsADirectoryError, FileExistsError):
        raise ValueError(f"{key!r} is the folder of another file, or has a file for a folder") from None


def _type_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.type")


def _stat(path: Path) -> os.stat_result:
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError
    return found


def _walk(folder: Path, above: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """The files below a folder in the order of their keys, which is not that of their names: `a-b` is before `a/b`."""
    try:
        with os.scandir(folder) as entries:
            # No links: one that leads upwards would have no end.
            named = [
                (above + entry.name + ("/" if entry.is_dir(follow_symlinks=False) else ""), entry)
                for entry in entries
                if not entry.name.startswith(".") and not entry.is_symlink()
            ]
    except (FileNotFoundError, NotADirectoryError):
        return
    for key, entry in sorted(named, key=lambda pair: pair[0]):
        if key.endswith("/"):
            if key.startswith(prefix) or prefix.startswith(key):
                yield from _walk(folder / entry.name, key, prefix)
        elif key.startswith(prefix):
            yield key, entry
