"""The little server a filmed page lives on: its own files, the song, and nothing else.

It is also Chromium's proxy, so that every request for another place arrives here and is refused, by name.
"""

from __future__ import annotations

import contextlib
import mimetypes
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from oriel_fx.render.engines.browser.options import ORIGIN
from oriel_fx.render.engines.browser.songs import SongReader

AUDIO = frozenset([".mp3", ".wav", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".flac", ".webm", ".mp4"])
HOST = urlsplit(ORIGIN).hostname
# Longest piece of song answered at once: a little over half a minute at any rate.
LONGEST_SAMPLES = 40 * 192_000


class PageServer:
    """Serves a folder (or nothing) and the song on a port of its own; `refused` lists what was asked of others."""

    def __init__(self, folder: Path | None, song: Path, text_for: Callable[[str], str | None]) -> None:
        self.folder, self.song, self._text_for = folder, song, text_for
        self.refused: list[str] = []
        self.missing: list[str] = []
        # Other users of the machine can reach the port; what is not a secret to them starts with this.
        self.secret = secrets.token_hex(16)
        self._readers: dict[int, SongReader] = {}
        self._lock = threading.Lock()
        self._server = _QuietServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="oriel-page", daemon=True)
        self._thread.start()

    def reader(self, rate_hz: int) -> SongReader:
        with self._lock:
            if rate_hz not in self._readers:
                self._readers[rate_hz] = SongReader(self.song, rate_hz)
            return self._readers[rate_hz]

    def file_for(self, path: str) -> Path | None:
        """The file of the folder at a URL's path; the song where a sound is missing; None where there is nothing."""
        if self.folder is None:
            return None
        file = (self.folder / unquote(path).lstrip("/")).resolve()
        if file.is_relative_to(self.folder):
            if file.is_dir():
                file = file / "index.html"
            if file.is_file():
                return file
        return self.song if file.suffix.lower() in AUDIO else None

    def text_for(self, path: str) -> str | None:
        """A file made up for the page, such as the bundled page's shape."""
        return self._text_for(path)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for reader in self._readers.values():
            reader.close()


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that is closed drops its connections: nothing to tell."""


def _handler(page: PageServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            host = parts.netloc or self.headers.get("Host", "")
            if host.split(":")[0] != HOST:
                self._refuse(self.path)
            elif parts.path.startswith(f"/{page.secret}/"):
                self._answer_oriel(parts.path.removeprefix(f"/{page.secret}/"), parts.query)
            elif text := page.text_for(parts.path):
                self._send(text.encode(), mimetypes.guess_type(parts.path)[0] or "text/plain")
            elif file := page.file_for(parts.path):
                self._send_file(file)
            elif parts.path == "/favicon.ico":
                self._send(b"", "image/x-icon")
            else:
                page.missing.append(parts.path)
                self._send(b"not here", "text/plain", 404)

        do_HEAD = do_GET  # noqa: N815

        def do_POST(self) -> None:
            with contextlib.suppress(ValueError, OSError):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
            host = urlsplit(self.path).netloc or self.headers.get("Host", "")
            if host.split(":")[0] != HOST:
                self._refuse(self.path)
            else:
                self._send(b"not here", "text/plain", 404)

        do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_POST  # noqa: N815

        def do_CONNECT(self) -> None:
            self._refuse(f"https://{self.path.removesuffix(':443')}")

        def _refuse(self, what: str) -> None:
            page.refused.append(what)
            self.close_connection = True
            self._send(b"blocked by Oriel FX", "text/plain", 403)

        def _answer_oriel(self, name: str, query: str) -> None:
            if name != "song.pcm":
                self._send_file(page.song)
                return
            try:
                asked = {key: int(values[0]) for key, values in parse_qs(query).items()}
                start, count, rate_hz = asked["start"], asked["count"], asked["rate"]
            except (KeyError, ValueError):
                self._send(b"", "text/plain", 400)
                return
            if not (0 <= count <= LONGEST_SAMPLES and 3000 <= rate_hz <= 768_000):
                self._send(b"", "text/plain", 400)
                return
            samples = page.reader(rate_hz).read(start, count)
            self._send(samples.tobytes(), "application/octet-stream")

        def _send_file(self, file: Path) -> None:
            size = file.stat().st_size
            first, last = _range(self.headers.get("Range"), size)
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            ranged = self.headers.get("Range") is not None
            self.send_response(206 if ranged else 200)
            self._headers(kind, last - first + 1)
            if ranged:
                self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
            self.end_headers()
            if self.command == "HEAD":
                return
            with file.open("rb") as stream, contextlib.suppress(OSError):
                stream.seek(first)
                left = last - first + 1
                while left > 0 and (block := stream.read(min(left, 1 << 18))):
                    self.wfile.write(block)
                    left -= len(block)

        def _headers(self, kind: str, length: int) -> None:
            text = kind.startswith("text/") or kind in ("application/javascript", "application/json")
            self.send_header("Content-Type", f"{kind}; charset=utf-8" if text else kind)
            self.send_header("Content-Length", str(length))
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Cross-Origin-Resource-Policy", "cross-origin")
            self.send_header("Cache-Control", "no-store")

        def _send(self, body: bytes, kind: str, status: int = 200) -> None:
            with contextlib.suppress(OSError):
                self.send_response(status)
                self._headers(kind, len(body))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

    return Handler


def _range(header: str | None, size: int) -> tuple[int, int]:
    """First and last byte of an HTTP range; all of the file where there is none, or none that makes sense."""
    first, last = 0, size - 1
    if header and header.startswith("bytes="):
        low, _, high = header.removeprefix("bytes=").split(",")[0].partition("-")
        with contextlib.suppress(ValueError):
            if low:
                first, last = int(low), min(int(high), size - 1) if high else size - 1
            elif high:
                first = max(0, size - int(high))
    return (first, last) if 0 <= first <= last else (0, size - 1)
