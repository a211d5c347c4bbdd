"""An account's life over real HTTP: two gunicorn workers on PostgreSQL and Redis, a client with cookies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from tests.server.processes import free_port

EMAIL, PASSWORD, ANOTHER = "ada@example.org", "tidal-lantern-42", "wren quarry otter"
pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)


@pytest.fixture
def server(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[str]:
    """The address of a server with two processes."""
    port = free_port()
    told = {
        "ORIEL_ENV": "development",
        "ORIEL_DATA_DIR": str(tmp_path / "data"),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ORIEL_PUBLIC_URL": "https://oriel.example",
    }
    command = [sys.executable, "-m", "gunicorn", "-w", "2", "--threads", "4", "-b", f"127.0.0.1:{port}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "oriel_fx.server.wsgi:app"], env=os.environ | told, cwd=tmp_path, stdout=log, stderr=log
        )
    try:
        url, until = f"http://127.0.0.1:{port}", time.monotonic() + 40
        while not answers(url):
            assert process.poll() is None and time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(90)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=2).ok
    except requests.RequestException:
        return False


def mailed_token(database_url: str, kind: str) -> str:
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        query = "SELECT body_text FROM email_message WHERE kind = %s ORDER BY id DESC LIMIT 1"
        row = connection.execute(query, (kind,)).fetchone()
    assert row is not None
    found = re.search(r"https://oriel\.example/#/[\w-]+\?token=([\w-]+)", str(row[0]))
    assert found, row[0]
    return found[1]


def test_the_life_of_an_account(server: str, database_url: str) -> None:
    client = requests.Session()

    def post(path: str, **request: Any) -> requests.Response:
        return client.post(f"{server}/api/{path}", timeout=90, **request)

    def profile(token: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return client.get(f"{server}/api/user/profile", headers=headers, timeout=90)

    credentials = {"email": EMAIL, "password": PASSWORD}
    assert post("auth/register", json=credentials).status_code == 201
    first = post("auth/login", json=credentials)
    assert "Secure" in first.headers["Set-Cookie"], "the public address has TLS"
    assert profile(first.json()["access_token"]).json()["email"] == EMAIL

    # Eight requests on two processes refresh with one token: one wins.
    def refresh(token: str) -> requests.Response:
        return requests.post(f"{server}/api/auth/refresh", json={"refresh_token": token}, timeout=90)

    with ThreadPoolExecutor(8) as pool:
        answered = list(pool.map(refresh, [first.json()["refresh_token"]] * 8))
    assert sorted(answer.status_code for answer in answered)[:1] == [200]
    assert [answer.status_code for answer in answered].count(200) == 1

    # Forgotten: the link of the mail, and every session is over.
    session = post("auth/login", json=credentials).json()
    assert post("auth/reset-password", json={"email": EMAIL}).status_code == 202
    confirmation = {"token": mailed_token(database_url, "reset_password"), "password": ANOTHER}
    assert post("auth/reset-password/confirm", json=confirmation).status_code == 200
    assert profile(session["access_token"]).status_code == 401
    assert post("auth/login", json=credentials).json()["error"]["code"] == "INVALID_CREDENTIALS"

    # Another address, confirmed by its link; then the account goes.
    token = post("auth/login", json={"email": EMAIL, "password": ANOTHER}).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    change = {"current_password": ANOTHER, "email": "ada@new.example.org"}
    assert client.put(f"{server}/api/user/profile", json=change, headers=headers, timeout=90).status_code == 200
    confirmation = {"token": mailed_token(database_url, "confirm_address")}
    assert post("user/confirm-address", json=confirmation).json()["email"] == "ada@new.example.org"
    gone = client.delete(f"{server}/api/user/profile", json={"password": ANOTHER}, headers=headers, timeout=90)
    assert gone.status_code == 200, gone.text
    assert profile(token).status_code == 401

    # Guesses are counted across the processes.
    guesses = [post("auth/login", json={"email": "eve@example.org", "password": f"guess {n}"}) for n in range(7)]
    assert [guess.status_code for guess in guesses] == [422] * 5 + [429] * 2
    assert 0 < int(guesses[-1].headers["Retry-After"]) <= 60
