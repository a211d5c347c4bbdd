"""One page open in Chromium, driven from a thread of its own, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from oriel_fx.errors import DependencyError, OrielError, PageError
from oriel_fx.render.engines.browser.camera import Camera
from oriel_fx.render.engines.browser.chromium import HOW_TO_GET, Chromium, Gl, find_chromium, flags, has_mesa
from oriel_fx.render.engines.browser.faults import explain, no_playwright
from oriel_fx.render.engines.browser.options import PageOptions, PagePlace

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, ConsoleMessage, Dialog, Page, Playwright

T = TypeVar("T")
CLOSING_S = 5.0
# How long a page's own clock may run until an element that is to be clicked or filled is there.
APPEARING_MS = 10_000
COMPLAINT = "ORIEL-COMPLAINT "
# Whether a click at an element's middle would reach it.
CAN_BE_CLICKED = """(element) => {
  const off = element.matches(":disabled, [aria-disabled=true]");
  if (off || !element.checkVisibility({ visibilityProperty: true })) return false;
  element.scrollIntoViewIfNeeded();
  const box = element.getBoundingClientRect();
  const hit = element.getRootNode().elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return hit !== null && (element === hit || element.contains(hit));
}"""
SHOTS_AHEAD = 2
PREFIX = "oriel-page-"


class PageSession:
    """A page in a browser of its own. Calls wait for the browser's thread; `fault` is what went wrong meanwhile.

    `webgpu`: the browser has it, and draws all else many times slower.
    """

    def __init__(
        self, options: PageOptions, place: PagePlace, size_px: tuple[int, int], script: str, port: int, webgpu: bool
    ) -> None:
        self._options, self._place, self._size_px, self._port = options, place, size_px, port
        self._script, self._webgpu = script, webgpu
        self.fault: OrielError | None = None
        self.complaints: list[str] = []
        self._documents = 0
        self.shots: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        folder = _memory_folder()
        _sweep(Path(folder or tempfile.gettempdir()))
        self.profile = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=folder))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="oriel-browser", daemon=True)
        self._thread.start()
        self._driver: Playwright | None = None
        self._context: BrowserContext | None = None
        self._page: Page | None = None
        self.camera: Camera | None = None
        self._filming: Future[None] | None = None

    def _wait(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, timeout_s), self._loop).result()

    def open(self) -> dict[str, Any]:
        """Start Chromium, load the page, get it ready; what it says of itself. Raises PageError, DependencyError."""
        try:
            self._wait(self._launch(), 60)
        except OrielError:
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:300]
            hint = f"Get another: {HOW_TO_GET}."
            if "from the driver" in said:
                hint = "Playwright's own Node did not start. On Debian it needs: apt-get install libatomic1."
            raise DependencyError(f"Chromium cannot be started: {said}", hint) from None
        try:
            facts = self._wait(self._load(), self._options.timeout_s)
        except Exception as error:
            raise self.fault or explain(error, "getting ready", self._options.timeout_s) from None
        if self.fault:
            raise self.fault
        return facts

    async def _launch(self) -> None:
        try:
            from playwright.async_api import async_playwright
        except ModuleNotFoundError:
            raise no_playwright() from None
        self._driver = await async_playwright().start()
        chromium = find_chromium()
        stepped, gl = chromium.shell, self._gl
        while True:
            self.camera = await self._start(chromium, stepped, gl)
            if stepped and not await self.camera.answers():
                stepped = False
            elif gl == "mesa" and not await self._has_webgl():
                gl = "swiftshader"
            else:
                return
            assert self._context
            await self._context.close()

    @property
    def _gl(self) -> Gl:
        if self._webgpu:
            return "webgpu"
        return "mesa" if has_mesa() else "swiftshader"

    async def _has_webgl(self) -> bool:
        assert self._page
        return bool(await self._page.evaluate("!!document.createElement('canvas').getContext('webgl2')"))

    async def _start(self, chromium: Chromium, stepped: bool, gl: Gl) -> Camera:
        assert self._driver
        width, height = self._size_px
        self._context = await self._driver.chromium.launch_persistent_context(
            self.profile,
            executable_path=chromium.path,
            headless=True,
            viewport={"width": width, "height": height},
            screen={"width": width, "height": height},
            args=flags(self._port, self._place.local_host, self._options.allow_network, stepped, gl, self._size_px),
            bypass_csp=True,
            service_workers="block",
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
            timezone_id="UTC",
            locale="en-US",
        )
        page = self._context.pages[0]
        self._page = page
        await page.add_init_script(self._script)
        page.on("dialog", self._on_dialog)
        page.on("crash", lambda _: self._fail("The page's process crashed", "It may lack memory."))
        page.on("console", self._on_console)
        self._context.on("page", self._on_popup)
        wire = await self._context.new_cdp_session(page)
        self._documents = 0
        wire.on("Page.frameNavigated", self._on_document)
        await wire.send("Page.enable")
        camera = Camera(wire, stepped, self._lossy)
        if self._options.transparent:
            await camera.see_through()
        return camera

    @property
    def _lossy(self) -> bool:
        # JPEG has no alpha.
        return self._options.capture == "fast" and not self._options.transparent

    async def _load(self) -> dict[str, Any]:
        assert self.camera
        idling = asyncio.create_task(self.camera.idle()) if self.camera.stepped else None
        try:
            return await self._get_ready()
        finally:
            if idling:
                idling.cancel()
                await asyncio.wait([idling])

    async def _get_ready(self) -> dict[str, Any]:
        page, options = self._page, self._options
        assert page
        answer = await page.goto(self._place.url, wait_until="commit", timeout=options.timeout_s * 1000)
        if answer and answer.status >= 400:
            raise PageError(
                f"{self._place.url} answered {answer.status} {answer.status_text}.", "Check the page's address."
            )
        await page.wait_for_load_state("load", timeout=options.timeout_s * 1000)
        for selector in options.inputs:
            what, element = f"--input {selector}", page.locator(selector).first
            await self._act(what, self._step_until(what, selector, "(element) => true"))
            await self._act(what, element.set_input_files(self._song, timeout=self._action_ms))
        for selector in options.clicks:
            what, element = f"--click {selector}", page.locator(selector).first
            await self._act(what, self._step_until(what, selector, CAN_BE_CLICKED))
            await self._act(what, element.click(timeout=self._action_ms))
        facts: dict[str, Any] = await page.evaluate(
            "(options) => __oriel.prepare(options)", {"waitFor": options.wait_for}
        )
        if not facts["waited"]:
            raise PageError(
                f"The page never had an element {options.wait_for!r}, which --wait-for names.",
                "Check the selector, or leave the option out.",
            )
        return facts

    @property
    def _action_ms(self) -> float:
        return min(5.0, self._options.timeout_s / 2) * 1000

    _song: Path = Path()

    def give_song(self, song: Path) -> None:
        """The file that --input elements get."""
        self._song = song

    async def _step_until(self, what: str, selector: str, test: str) -> None:
        """Let the page's own time go on until it has an element that passes; one that never does is tried all the same.

        Raises PageError where there is none.
        """
        assert self._page
        await self._page.evaluate("__oriel.settle()")
        while True:
            element = await self._page.query_selector(selector)
            if element and await element.evaluate(test):
                return
            if await self._page.evaluate("__oriel.idle()") > APPEARING_MS:
                break
        if not element:
            raise PageError(f"{what} did not work: the page has no such element.", "Check the selector.")

    async def _act(self, what: str, action: Coroutine[Any, Any, None]) -> None:
        from playwright.async_api import Error

        try:
            await action
        except Error as error:
            reason = str(error).splitlines()[0]
            raise PageError(f"{what} did not work: {reason}", "Check that the selector names an element.") from None

    def evaluate(self, expression: str, argument: Any = None) -> Any:
        """The value of a JavaScript expression in the page. Raises PageError."""
        assert self._page
        try:
            return self._wait(self._page.evaluate(expression, argument), self._options.timeout_s)
        except Exception as error:
            raise self.fault or explain(error, "answering", self._options.timeout_s) from None

    def film(self, first: int, stop: int) -> None:
        """Begin to film frames first..stop-1; they come through the ring and `shots`, faults through `fault`."""
        self._filming = asyncio.run_coroutine_threadsafe(self._film(first, stop), self._loop)

    async def _film(self, first: int, stop: int) -> None:
        page, camera = self._page, self.camera
        assert page and camera
        at, way = first, self._options.capture
        try:
            while at < stop:
                wanted = [at, stop, way, camera.stepped]
                result = await page.evaluate("(wanted) => __oriel.film(...wanted)", wanted)
                if result["needs"] == "nothing":
                    return
                if result["needs"] == "layout":
                    await asyncio.wait_for(camera.glance(result["timeMs"]), self._options.timeout_s)
                    at = max(at, result["number"])
                    continue
                shot = await asyncio.wait_for(camera.take(result["timeMs"]), self._options.timeout_s)
                self.shots.put((result["number"], shot))
                at = result["number"] + 1
                while self.shots.qsize() >= SHOTS_AHEAD:
                    await asyncio.sleep(0.001)
        except Exception as error:
            if self.fault is None:
                self.fault = explain(error, "filming", self._options.timeout_s)

    def halt(self, let_go: Callable[[], None]) -> None:
        """Stop filming after the frame under way; `let_go` drops frames that wait to be taken, again and again."""
        if not self._filming or self._filming.done():
            return
        self.evaluate("__oriel.halt()")
        until = time.monotonic() + self._options.timeout_s
        while not self._filming.done() and time.monotonic() < until:
            let_go()
            time.sleep(0.001)
        let_go()

    def _fail(self, what: str, hint: str) -> None:
        if self.fault is None:
            self.fault = PageError(f"{what}.", hint)

    async def _on_dialog(self, dialog: Dialog) -> None:
        self._fail(f"The page opened a dialog: {dialog.message[:200]!r}", "A filmed page has nobody to answer it.")
        with contextlib.suppress(Exception):
            await dialog.dismiss()

    def _on_document(self, event: dict[str, Any]) -> None:
        """A document has come in place of another: the first is the page, any other means that it left."""
        if "parentId" in event["frame"]:
            return
        self._documents += 1
        if self._documents > 1:
            url = str(event["frame"]["url"])[:200]
            self._fail(f"The page went away to {url}", "Film that page itself, or keep it from leaving.")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.text.startswith(COMPLAINT):
            self.complaints.append(message.text.removeprefix(COMPLAINT))

    async def _on_popup(self, page: Page) -> None:
        with contextlib.suppress(Exception):
            await page.close()

    def close(self) -> None:
        """Ends the browser, even one whose page never returns."""
        if self._filming:
            self._filming.cancel()
        with contextlib.suppress(Exception):
            self._wait(self._close(), CLOSING_S)
        kill_naming(str(self.profile))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSING_S)
        if not self._thread.is_alive():
            self._loop.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    async def _close(self) -> None:
        if self._context:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._context.close(), CLOSING_S / 2)
        if self._driver:
            await self._driver.stop()


def _memory_folder() -> str | None:
    """Where a browser's profile, and the frames in it, stay in memory; None for the usual temporary folder."""
    shared = Path("/dev/shm")
    with contextlib.suppress(OSError):
        room = os.statvfs(shared)
        if os.access(shared, os.W_OK) and room.f_bavail * room.f_frsize > 1 << 29:
            return str(shared)
    return None


def _sweep(folder: Path) -> None:
    """Remove profiles of processes that were killed before they could."""
    for left in folder.glob(f"{PREFIX}*-*"):
        owner = left.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and Path("/proc/self").exists() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)


def kill_naming(profile: str) -> None:
    """Kill what is left of the browser that was started on this profile, which no other names."""
    if not Path("/proc/self").exists():
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if f"--user-data-dir={profile}".encode() in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
