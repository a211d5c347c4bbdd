"""The browser engine: a page's frames, stepped one by one, into the planes of a video."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oriel_fx.errors import OrielError, PageError
from oriel_fx.render.cancel import Cancelled, never, stop_if
from oriel_fx.render.engines.browser.convert import PageConverter, decode_shot
from oriel_fx.render.engines.browser.faults import WebGpuWantedError, too_slow
from oriel_fx.render.engines.browser.options import PageOptions
from oriel_fx.render.engines.browser.ring import BGRA, Ground, Ring
from oriel_fx.render.engines.browser.script import build_script
from oriel_fx.render.engines.browser.server import PageServer
from oriel_fx.render.engines.browser.session import PageSession
from oriel_fx.render.engines.browser.solid import solid_json
from oriel_fx.render.pixels import Planes
from oriel_fx.render.scene import Pixels
from oriel_fx.render.spec import RenderSpec

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.0003, 0.003
# A page that can be opened anywhere is opened anew after so many frames, to give back what memory it gathered.
RECYCLE_FRAMES = 3000


@dataclass(frozen=True)
class SongFacts:
    """The song a page plays: its file and its length."""

    path: Path
    duration_s: float


class BrowserEngine:
    """Draws the frames of one page. They are filmed in order; going back opens the page anew.

    `seekable` is what the page says of itself: whether any of its frames can be drawn without those before.
    """

    def __init__(
        self, options: PageOptions, song: SongFacts, spec: RenderSpec, stop: int, cancelled: Cancelled = never
    ) -> None:
        self._options, self._song, self._spec, self._stop = options, song, spec, stop
        self._cancelled = cancelled
        self._size_px = spec.output.size_px
        self._place = options.place()
        self._converter = PageConverter(*self._size_px)
        self._webgpu = False
        self._complaints: list[str] = []
        self._server: PageServer | None = None
        self._session: PageSession | None = None
        self.seekable = False
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        place, song, spec = self._place, self._song, self._spec
        self._server = PageServer(place.folder, song.path, self._made_up)
        script = build_script(
            config=self._options.config,
            fps=spec.output.frames_per_s,
            size_px=self._size_px,
            seed=spec.seed,
            duration_s=song.duration_s,
            song_bytes=song.path.stat().st_size,
            song_name=f"song{song.path.suffix}",
            secret=self._server.secret,
            webgpu=self._webgpu,
            transparent=self._options.transparent,
        )
        self._session = PageSession(self._options, place, self._size_px, script, self._server.port, self._webgpu)
        self._session.give_song(song.path)
        self._ring = Ring(self._session.profile, *self._size_px)
        self._begun = False
        self._next = -1
        self._filmed = 0
        try:
            facts = self._session.open()
        except WebGpuWantedError:
            self._reopen_with_webgpu()
            return
        except PageError as error:
            raise self._with_hint(error) from None
        self.seekable = bool(facts["seekable"])

    def _reopen_with_webgpu(self) -> None:
        self.close()
        self._webgpu = True
        self._open()

    def _made_up(self, path: str) -> str | None:
        """Files that are not on the disk: the bundled page's solid, from the library's own generator."""
        if not self._options.bundled or path != "/solid.json":
            return None
        config = self._options.config
        return solid_json(str(config.get("shape", "cube")), float(config.get("size", 4)), self._spec.seed)

    def draw(self, index: int, planes: Planes) -> None:
        """Film frame `index` into the planes. Raises PageError, RenderCancelledError."""
        if self.seekable and index == self._next and self._filmed >= RECYCLE_FRAMES:
            self.close()
            self._open()
        if index != self._next:
            self._go_to(index)
        try:
            pixels, kind, ground = self._wait_for(index)
        except WebGpuWantedError:
            self._reopen_with_webgpu()
            self._go_to(index)
            pixels, kind, ground = self._wait_for(index)
        self._converter.write(pixels, kind, ground, planes)
        if self._from_ring:
            self._ring.next()
        self._next = index + 1
        self._filmed += 1

    def _go_to(self, index: int) -> None:
        """Make the page film from `index` on: fast forward where that is ahead, from its beginning where it is not."""
        assert self._session
        if self._begun:
            self._session.halt(self._drop_waiting)
            ahead = int(self._session.evaluate("__oriel.position()")) < index
            if not (ahead or self.seekable):
                self.close()
                self._open()
        session = self._session
        if not self._begun:
            session.evaluate("(first) => __oriel.begin(first)", index)
            self._begun = True
        session.film(index, self._stop)
        self._waited_frames = max(0, index)

    def _drop_waiting(self) -> None:
        assert self._session
        self._ring.skip()
        while not self._session.shots.empty():
            self._session.shots.get()

    _from_ring = False
    _waited_frames = 0

    def _wait_for(self, index: int) -> tuple[Pixels, int, Ground]:
        assert self._session
        session = self._session
        # Frames before this one that are stepped unseen have their own time.
        limit = self._options.timeout_s + 0.2 * self._waited_frames
        self._waited_frames = 0
        until = time.monotonic() + limit
        pause_s = SHORTEST_PAUSE_S
        while True:
            if isinstance(session.fault, WebGpuWantedError):
                raise session.fault
            if session.fault:
                raise self._with_hint(session.fault)
            if frame := self._ring.peek():
                number, kind, ground, pixels = frame
                self._from_ring = True
                return self._checked(number, index, pixels), kind, ground
            if not session.shots.empty():
                number, data = session.shots.get()
                self._from_ring = False
                return self._checked(number, index, decode_shot(data, *self._size_px)), BGRA, None
            stop_if(self._cancelled)
            if time.monotonic() > until:
                raise self._with_hint(too_slow(f"over frame {index}", self._options.timeout_s))
            time.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 1.3)

    @staticmethod
    def _checked(number: int, index: int, pixels: Pixels) -> Pixels:
        if number != index:
            raise PageError(f"The browser gave frame {number} where {index} was due.", "Please report this.")
        return pixels

    def _with_hint(self, error: OrielError) -> OrielError:
        """Say what was refused or missing where that may be why."""
        server = self._server
        if server and server.refused and isinstance(error, PageError):
            wanted = ", ".join(dict.fromkeys(server.refused[:3]))
            return PageError(error.message, f"It asked for {wanted[:200]}, which needs --allow-network.")
        if server and server.missing and isinstance(error, PageError):
            return PageError(error.message, f"It asked for {server.missing[0]}, which is not in its folder.")
        if isinstance(error, PageError) and (complaints := self._all_complaints()):
            return PageError(error.message, f"It had complained: {complaints[0]}")
        return error

    def _all_complaints(self) -> list[str]:
        """What the page said by console.error, in this browser and in those before it, each once."""
        return list(dict.fromkeys([*self._complaints, *(self._session.complaints if self._session else ())]))

    def warnings(self) -> tuple[str, ...]:
        """What the page complained of, and what it asked for in vain: sentences."""
        found: list[str] = []
        if self._session and not self._session.fault:
            try:
                facts: dict[str, Any] = self._session.evaluate("__oriel.report()")
            except OrielError:
                facts = {"playing": True, "sound": False, "helped": False}
            if facts["sound"] and not facts["playing"]:
                found.append(
                    "The page never played the song; --click SELECTOR presses its play button, --click body any place."
                )
            if facts["helped"]:
                found.append(
                    "The page did not play by itself, so its <audio> was started; "
                    "if the picture should react, --click SELECTOR presses its play button."
                )
        found += [f"The page complained: {text}" for text in self._all_complaints()[:5]]
        camera = self._session.camera if self._session else None
        if camera and camera.pictures and not camera.stepped:
            found.append(
                "This Chromium gives no frames on demand, so the page was filmed by screenshots, which are slower; "
                "chromium-headless-shell does."
            )
        if self._server:
            refused, missing = dict.fromkeys(self._server.refused), dict.fromkeys(self._server.missing)
            found += [f"The page asked for {what}, which was refused (--allow-network)." for what in list(refused)[:5]]
            found += [f"The page asked for {what}, which is not in its folder." for what in list(missing)[:5]]
        return tuple(found)

    def close(self) -> None:
        """End the browser and its server; safe to call again."""
        session, self._session = self._session, None
        server, self._server = self._server, None
        if session:
            self._ring.forget()
            self._complaints += session.complaints
            session.close()
        if server:
            server.close()
