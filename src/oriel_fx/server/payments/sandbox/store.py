"""What the sandbox remembers, in one small SQLite file: objects, idempotency keys, events and their deliveries."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS object (id TEXT PRIMARY KEY, kind TEXT NOT NULL, number INTEGER NOT NULL,
    data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS idempotency (key TEXT PRIMARY KEY, call TEXT NOT NULL, status INTEGER NOT NULL,
    reply TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    number INTEGER PRIMARY KEY, event_id TEXT NOT NULL, due_at REAL, attempts INTEGER NOT NULL DEFAULT 0,
    delivered_at REAL, last_status TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Delivery:
    """One event on its way to the webhook."""

    number: int
    event_id: str
    payload: str
    attempts: int


class Store:
    """Everything, behind one lock. Each call commits by itself, unless it is inside `together()`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """One thread at a time, and what it writes is kept whole or, when the process is killed, not at all."""
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                # An exception here is an answer, such as "not open any more", and what led to it stays written.
                self._depth -= 1
                if self._depth == 0:
                    self._database.execute("COMMIT")

    def _run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    # Objects

    def put(self, data: dict[str, Any]) -> None:
        """Keep an object under its id; its kind is Stripe's `object`."""
        self._run(
            "INSERT INTO object VALUES (?, ?, (SELECT COUNT(*) FROM object), ?) "
            "ON CONFLICT (id) DO UPDATE SET data = excluded.data",
            data["id"],
            data["object"],
            json.dumps(data),
        )

    def get(self, kind: str, object_id: str) -> dict[str, Any] | None:
        """An object of that kind."""
        rows = self._run("SELECT data FROM object WHERE kind = ? AND id = ?", kind, object_id)
        return json.loads(rows[0][0]) if rows else None

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All objects of that kind, oldest first."""
        return [json.loads(row[0]) for row in self._run("SELECT data FROM object WHERE kind = ? ORDER BY number", kind)]

    # Idempotency

    def replay(self, key: str) -> tuple[str, int, str] | None:
        """What was called with that key (method, path and body as one text), and its reply's status and body."""
        rows = self._run("SELECT call, status, reply FROM idempotency WHERE key = ?", key)
        return rows[0] if rows else None

    def remember(self, key: str, call: str, status: int, reply: str) -> None:
        """Keep a reply."""
        self._run("INSERT INTO idempotency VALUES (?, ?, ?, ?)", key, call, status, reply)

    # Deliveries

    def schedule(self, event_id: str, due_at: float | None) -> None:
        """Put an event on its way at that time; None keeps it until it is released."""
        self._run("INSERT INTO delivery (event_id, due_at) VALUES (?, ?)", event_id, due_at)

    def due(self, now: float) -> Delivery | None:
        """The first delivery that is due."""
        rows = self._run(
            "SELECT delivery.number, event_id, data, attempts FROM delivery JOIN object ON object.id = event_id "
            "WHERE due_at <= ? AND delivered_at IS NULL ORDER BY due_at, delivery.number LIMIT 1",
            now,
        )
        return Delivery(*rows[0]) if rows else None

    def next_due_at(self) -> float | None:
        """When the next delivery is due."""
        rows = self._run("SELECT MIN(due_at) FROM delivery WHERE delivered_at IS NULL")
        return None if rows[0][0] is None else float(rows[0][0])

    def tried(self, delivery: Delivery, status: str, now: float, again_at: float | None) -> None:
        """Record a try; without `again_at` it was the last."""
        delivered = now if status.startswith("2") else None
        self._run(
            "UPDATE delivery SET attempts = attempts + 1, last_status = ?, delivered_at = ?, due_at = ? "
            "WHERE number = ?",
            status,
            delivered,
            again_at,
            delivery.number,
        )

    def held(self) -> list[str]:
        """The ids of events that wait to be released, oldest first."""
        rows = self._run("SELECT event_id FROM delivery WHERE due_at IS NULL AND attempts = 0 ORDER BY number")
        return [str(row[0]) for row in rows]

    def release(self, event_id: str) -> None:
        """Forget that an event is held."""
        self._run("DELETE FROM delivery WHERE event_id = ? AND due_at IS NULL AND attempts = 0", event_id)

    def deliveries(self) -> list[dict[str, Any]]:
        """Every delivery, for looking at."""
        rows = self._run(
            "SELECT event_id, attempts, delivered_at IS NOT NULL, last_status FROM delivery ORDER BY number"
        )
        return [
            {"event": event, "attempts": attempts, "delivered": bool(delivered), "last_status": status}
            for event, attempts, delivered, status in rows
        ]

    # Settings

    def setting(self, name: str, default: Any = None) -> Any:
        """A value that outlives a restart."""
        rows = self._run("SELECT value FROM setting WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else default

    def set(self, name: str, value: Any) -> None:
        """Keep a value."""
        self._run(
            "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            json.dumps(value),
        )
