"""Pages written for the tests, filmed in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.songs import music, write_wav

from oriel_fx import DependencyError, PageOptions, RenderSpec
from oriel_fx.render.engines.browser.chromium import find_chromium
from oriel_fx.render.engines.browser.engine import BrowserEngine, SongFacts
from oriel_fx.render.pixels import Planes, to_rgb

SONG_S = 4.0
SIZE = (96, 54)


@pytest.fixture(scope="session", autouse=True)
def chromium() -> None:
    """Nothing here can be judged without a browser: say how to get one."""
    try:
        find_chromium()
    except DependencyError as error:
        pytest.fail(f"{error.message} On Debian: apt-get install chromium-headless-shell libatomic1", pytrace=False)


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("song") / "song.wav", music(SONG_S))


class Filmed:
    """A page under way: frames drawn one after another, and what its scripts left in `window`."""

    def __init__(self, engine: BrowserEngine, size: tuple[int, int]) -> None:
        self.engine = engine
        self._planes = Planes.empty(*size)

    def draw(self, index: int) -> NDArray[np.uint8]:
        """Frame `index` as RGB."""
        self.engine.draw(index, self._planes)
        return to_rgb(self._planes)

    def run(self, n_frames: int, first: int = 0) -> NDArray[np.uint8]:
        for index in range(first, first + n_frames):
            picture = self.draw(index)
        return picture

    def value(self, expression: str) -> Any:
        """A value of the page's, as of some frame not before the last one drawn."""
        assert self.engine._session
        return self.engine._session.evaluate(expression)


Film = Callable[..., Filmed]


@pytest.fixture
def film(song: Path, tmp_path: Path) -> Iterator[Film]:
    """Open a page given as its body; extra words become PageOptions."""
    opened: list[BrowserEngine] = []

    def open_page(
        body: str,
        *,
        song: Path = song,
        song_s: float = SONG_S,
        size: tuple[int, int] = SIZE,
        fps: int = 30,
        stop: int | None = None,
        **options: Any,
    ) -> Filmed:
        (tmp_path / "page.html").write_text(body, "utf-8")
        output = {"size": f"{size[0]}x{size[1]}", "fps": str(Fraction(fps))}
        spec = RenderSpec.from_config({"output": output})
        page = PageOptions(str(tmp_path / "page.html"), **options)
        facts = SongFacts(song, song_s)
        opened.append(BrowserEngine(page, facts, spec, stop or round(song_s * fps)))
        return Filmed(opened[-1], size)

    yield open_page
    for engine in opened:
        engine.close()
