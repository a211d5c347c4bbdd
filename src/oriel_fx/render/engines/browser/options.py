"""What a page needs to be filmed: where it is, what to do before it plays, how its picture is taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from oriel_fx.errors import UsageError

Capture = Literal["auto", "canvas", "screenshot", "fast"]
CAPTURES: tuple[str, ...] = get_args(Capture)
PAGES = Path(__file__).parents[2] / "pages"
BUNDLED = ("classic",)
# The page's own address: a local one, so that Chromium gives it all that pages on the net have.
ORIGIN = "http://oriel.localhost"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class PageOptions:
    """A page to film. `source` is a file, a folder with an index.html, a URL, or a bundled page's name.

    `config` is given to the page as it is. `timeout_s` is how long a page may take to get ready, or for one frame.
    `transparent`: what is clear in the page stays so in the video; the renderer sets it by the output's ending.
    """

    source: str
    config: dict[str, Any] = field(default_factory=dict)
    clicks: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    wait_for: str | None = None
    capture: Capture = "auto"
    allow_network: bool = False
    timeout_s: float = 30.0
    transparent: bool = False

    @property
    def bundled(self) -> bool:
        """Whether it is one of Oriel's own pages; a file or folder of that name comes first."""
        return self.source in BUNDLED and not Path(self.source).exists()

    def place(self) -> PagePlace:
        """Where the page is served from. Raises UsageError where there is none."""
        if self.bundled:
            return PagePlace(f"{ORIGIN}/index.html", PAGES / self.source, None)
        parts = urlsplit(self.source)
        if parts.scheme in ("http", "https"):
            return self._on_the_net(parts.netloc, parts.hostname or "")
        path = Path(self.source)
        if path.is_dir() and (path / "index.html").is_file():
            return PagePlace(f"{ORIGIN}/index.html", path.resolve(), None)
        if path.is_dir():
            raise UsageError(f"The folder {path} has no index.html.", "Name the page itself: --page FOLDER/page.html.")
        if not path.is_file():
            raise UsageError(
                f"There is no page {self.source!r}.",
                "Give an HTML file, a folder, an http:// address, or `classic`; `oriel init --page` writes a page.",
            )
        return PagePlace(f"{ORIGIN}/{_quoted(path.name)}", path.resolve().parent, None)

    def _on_the_net(self, netloc: str, host: str) -> PagePlace:
        local = host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
        if not (local or self.allow_network):
            raise UsageError(
                f"{self.source} is on the network, which pages may not use.",
                "Allow it with --allow-network if you trust the page.",
            )
        return PagePlace(self.source, None, netloc if local else None)


@dataclass(frozen=True)
class PagePlace:
    """A page's address; the folder it is served from, or the local host and port that serve it."""

    url: str
    folder: Path | None
    local_host: str | None


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name)
