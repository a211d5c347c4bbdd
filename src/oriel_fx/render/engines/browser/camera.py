"""Pictures of a whole page: frames of Chromium's compositor where it can be stepped, else screenshots."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.async_api import CDPSession

JPEG_QUALITY = 92
# What a screen would ask for while a page loads and is clicked.
IDLE_FRAME_S = 1 / 60
ANSWER_S = 15.0
SHORTEST_MS = 0.01
BUSY_S = 0.005


class Camera:
    """Looks at one page. `stepped`: the browser draws nothing until it is asked to, and then exactly one frame.

    A stepped page's layout, observers and clicks need frames too: `idle` gives them while the page gets ready, `glance`
    gives one while it is filmed. `pictures` counts those taken.
    """

    def __init__(self, wire: CDPSession, stepped: bool, lossy: bool) -> None:
        self._wire, self.stepped = wire, stepped
        kind: dict[str, Any] = {"format": "jpeg", "quality": JPEG_QUALITY} if lossy else {"format": "png"}
        self._kind = kind | {"optimizeForSpeed": True}
        self._last = b""
        self._film_began_ms: float | None = None
        self._latest_ms = 0.0
        self.pictures = 0

    async def answers(self) -> bool:
        """Whether this browser gives frames when asked, as headless shells do."""
        try:
            await asyncio.wait_for(self._frame(None), ANSWER_S)
        except Exception:
            return False
        return True

    async def see_through(self) -> None:
        """Where a page has no background of its own, its pictures are clear instead of white."""
        clear = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}}
        await self._wire.send("Emulation.setDefaultBackgroundColorOverride", clear)

    async def idle(self) -> None:
        """Frames in real time, until cancelled."""
        while True:
            with contextlib.suppress(Exception):
                await self._frame(None)
            await asyncio.sleep(IDLE_FRAME_S)

    async def glance(self, film_ms: float) -> None:
        """One frame that nobody sees: layout and observers have run afterwards."""
        if self.stepped:
            await self._frame(film_ms, noDisplayUpdates=True)

    async def take(self, film_ms: float) -> bytes:
        """The page at a time of the film, as PNG or JPEG; the same object as before where nothing has changed.

        The caller limits how long it may take.
        """
        self.pictures += 1
        if not self.stepped:
            shot = await self._wire.send("Page.captureScreenshot", self._kind | {"captureBeyondViewport": False})
            return base64.b64decode(shot["data"])
        # A busy machine's browser sometimes draws a frame and fails to read it back: no picture, though it has changed.
        while True:
            frame = await self._frame(film_ms, screenshot=self._kind)
            if data := frame.get("screenshotData"):
                self._last = base64.b64decode(data)
            if data or (self._last and not frame["hasDamage"]):
                return self._last

    async def _frame(self, film_ms: float | None, **wanted: Any) -> dict[str, Any]:
        """One frame of the compositor: now, or at a time of the film.

        A frame that is not after the one before shows that one again. The caller limits how long it may take.
        """
        now_ms = time.monotonic() * 1000
        if film_ms is not None:
            if self._film_began_ms is None:
                self._film_began_ms = max(now_ms, self._latest_ms) - film_ms
            now_ms = self._film_began_ms + film_ms
        self._latest_ms = max(now_ms, self._latest_ms + SHORTEST_MS)
        asked = {"frameTimeTicks": self._latest_ms, **wanted}
        while True:
            with contextlib.suppress(_BusyError):
                return await self._send(asked)
            await asyncio.sleep(BUSY_S)

    async def _send(self, asked: dict[str, Any]) -> dict[str, Any]:
        from playwright.async_api import Error

        try:
            answer: dict[str, Any] = await self._wire.send("HeadlessExperimental.beginFrame", asked)
        except Error as error:
            if "pending" in error.message:
                raise _BusyError from None
            raise
        return answer


class _BusyError(Exception):
    """The frame before is not done yet."""
