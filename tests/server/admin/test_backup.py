"""Backing up and restoring the embedded database."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask_openapi import OpenAPI
from sqlalchemy import func, select
from tests.server.admin.conftest import Terminal

from oriel_fx.server.db import db
from oriel_fx.server.models import AuditLog, User
from oriel_fx.server.queue.embedded import data_folder_lock
from oriel_fx.server.settings import Settings


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def count_users(app: OpenAPI) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(User)) or 0


def test_a_round_trip(
    terminal: Terminal,
    app: OpenAPI,
    make_user: Callable[..., int],
    tmp_path: Path,
    audit_rows: Callable[[str], list[AuditLog]],
) -> None:
    make_user()
    made = terminal.json("backup", tmp_path / "b.db")
    assert made["n_bytes"] == (tmp_path / "b.db").stat().st_size
    assert stat.S_IMODE((tmp_path / "b.db").stat().st_mode) == 0o600, "it holds addresses and password hashes"
    assert list(tmp_path.glob(".backup*")) == list(tmp_path.glob("b.db-*")) == [], "one file, and nothing beside it"
    make_user()
    done = terminal.json("restore", tmp_path / "b.db", "--yes")
    assert count_users(app) == 1
    assert len(audit_rows("restore")) == 1
    terminal.ok("restore", done["before"], "--yes")
    assert count_users(app) == 2, "what was there before was kept, and can be put back"
    assert len(audit_rows("backup")) == 1


def test_a_backup_is_whole_while_others_write(
    terminal: Terminal, app: OpenAPI, make_user: Callable[..., int], tmp_path: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            make_user()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        terminal.ok("backup", tmp_path / "b.db")
    finally:
        stop.set()
        writer.join()
    with sqlite3.connect(tmp_path / "b.db") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()


def test_restoring_asks_first(terminal: Terminal, app: OpenAPI, make_user: Callable[..., int], tmp_path: Path) -> None:
    terminal.ok("backup", tmp_path / "b.db")
    make_user()
    assert terminal.run("restore", tmp_path / "b.db", stdin="n\n").returncode == 1
    assert count_users(app) == 1


def test_restoring_beside_a_running_server_needs_force(
    terminal: Terminal, app: OpenAPI, make_user: Callable[..., int], settings: Settings, tmp_path: Path
) -> None:
    terminal.ok("backup", tmp_path / "b.db")
    make_user()
    with data_folder_lock(settings.data_dir):
        assert "is using" in terminal.refused("restore", tmp_path / "b.db", "--yes", code=2)
        assert count_users(app) == 1
        terminal.ok("restore", tmp_path / "b.db", "--yes", "--force")
    assert count_users(app) == 0


def test_what_is_no_backup_is_not_restored(
    terminal: Terminal, app: OpenAPI, make_user: Callable[..., int], tmp_path: Path
) -> None:
    make_user()
    (tmp_path / "text").write_text("hello" * 1000)
    sqlite3.connect(tmp_path / "empty.db").close()
    terminal.ok("backup", tmp_path / "cut.db")
    whole = (tmp_path / "cut.db").read_bytes()
    (tmp_path / "cut.db").write_bytes(whole[: len(whole) // 2])
    for name in ("text", "empty.db", "cut.db"):
        assert "no sound backup" in terminal.refused("restore", tmp_path / name, "--yes")
    assert "There is no file" in terminal.refused("restore", tmp_path / "none", "--yes")
    assert count_users(app) == 1


def test_a_backup_overwrites_nothing_and_has_a_place_of_its_own(
    terminal: Terminal, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "b.db").write_text("mine")
    assert "exists already" in terminal.refused("backup", tmp_path / "b.db", code=5)
    assert (tmp_path / "b.db").read_text() == "mine"
    made = terminal.json("backup")
    assert Path(made["path"]).parent == settings.data_dir / "backups"


def test_postgresql_has_its_own_tools(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    terminal.ok("backup", tmp_path / "b.db")
    monkeypatch.setenv("DATABASE_URL", "postgresql://oriel@127.0.0.1:9/none")
    done = terminal.run("restore", tmp_path / "b.db", "--yes")
    assert done.returncode == 2
    assert "pg_dump" in done.stderr
