"""Backing up the embedded database, and putting a backup back. SQLite's own online copy: safe beside writers.

PostgreSQL has pg_dump and pg_restore for this. The files in storage are not part of it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from oriel_fx.errors import OrielError, OutputError, UsageError
from oriel_fx.server.settings import Settings

_BUSY_S = 30
_PAGES_AT_A_TIME = 1000


class NotEmbeddedError(UsageError):
    """The database is PostgreSQL, which has tools of its own."""

    code = "NOT_EMBEDDED"


class BackupError(OrielError):
    """The file is no sound backup of this program's database."""

    code = "BACKUP"


@dataclass(frozen=True)
class Backup:
    """A backup: where it is, its size in bytes, and the migration its tables are at."""

    path: str
    n_bytes: int
    revision: str


def database_file(settings: Settings) -> Path:
    """The embedded database's file. Raises NotEmbeddedError."""
    url = make_url(settings.database)
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        raise NotEmbeddedError("This is for the embedded database only.", "PostgreSQL has pg_dump and pg_restore.")
    return Path(url.database)


def default_backup_path(settings: Settings, now: datetime) -> Path:
    """Where a backup goes whose place nobody named."""
    return settings.data_dir / "backups" / f"oriel-{now:%Y%m%d-%H%M%S-%f}.db"


def back_up(settings: Settings, path: Path) -> Backup:
    """Copy the database as it is at one moment to `path`, while it is in use. Raises OutputError, BackupError."""
    source = database_file(settings)
    if not source.exists():
        raise BackupError(f"There is no database at {source}.", "Start `oriel serve` once, or set ORIEL_DATA_DIR.")
    if path.exists():
        raise OutputError(f"{path} exists already.", "Name another file, or remove it first.")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes the file its owner's alone: it holds addresses and password hashes.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".backup-")
        os.close(handle)
        try:
            _copy(source, Path(name))
            _make_one_file(Path(name))
            revision = check_backup(Path(name))
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.", "Name a place you may write to.") from None
    return Backup(str(path), path.stat().st_size, revision)


def restore(settings: Settings, path: Path, now: datetime, *, forced: bool = False) -> Backup:
    """Put a backup in the database's place; what was there is backed up first, and that is returned as `path`.

    Raises BackupError for a file that is none. Refuses (DataFolderInUseError) while `oriel serve` runs on the data
    folder, unless forced: then the running server goes on with the restored rows.
    """
    from oriel_fx.server.app import upgrade_database
    from oriel_fx.server.queue.embedded import data_folder_lock

    target = database_file(settings)
    revision = check_backup(path)
    with contextlib.nullcontext() if forced else data_folder_lock(settings.data_dir):
        kept = ""
        if target.exists():
            kept = back_up(settings, default_backup_path(settings, now).with_suffix(".before-restore.db")).path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy(path, target)
        # A backup of an older version has older tables.
        upgrade_database(settings)
    return Backup(kept, target.stat().st_size, revision)


def check_backup(path: Path) -> str:
    """The migration a backup's tables are at. Raises BackupError for a file that is damaged, or something else."""
    if not path.is_file():
        raise BackupError(f"There is no file {path}.", "Name a file that `oriel admin backup` wrote.")
    try:
        with contextlib.closing(_open(path)) as connection:
            sound = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError:
        sound, row = False, None
    if not sound or row is None:
        raise BackupError(f"{path} is no sound backup of this database.", "Try an older one.")
    return str(row[0])


def _copy(source: Path, target: Path) -> None:
    try:
        with contextlib.closing(_open(source)) as old, contextlib.closing(sqlite3.connect(target, _BUSY_S)) as new:
            old.backup(new, pages=_PAGES_AT_A_TIME, sleep=0.05)
            new.commit()
    except sqlite3.Error as error:
        raise BackupError(f"The database could not be copied: {error}.", "Is there room on the disk?") from None


def _make_one_file(path: Path) -> None:
    # The copy is in WAL mode as the database is, and would want two more files beside it.
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", timeout=_BUSY_S, uri=True)
