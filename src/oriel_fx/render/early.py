"""A song decoded and measured while the rest of the library is still being imported: a third of a still's time."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from oriel_fx.errors import OutputError
from oriel_fx.render.audio import DecodedSong, SongStats, decode_song, measure_song


class EarlySong:
    """Starts on entering; `result` waits for it. The decoded sound goes when the context ends."""

    def __init__(self, song: Path) -> None:
        self.song = song
        self._open = ExitStack()
        self._future: Future[tuple[DecodedSong, SongStats]] | None = None

    def __enter__(self) -> EarlySong:
        try:
            folder = Path(self._open.enter_context(TemporaryDirectory(prefix="oriel-")))
        except OSError as error:
            raise OutputError(
                f"No temporary folder can be made: {error.strerror}.",
                "Free some space, or set TMPDIR to a folder that has some.",
            ) from None
        pool = self._open.enter_context(ThreadPoolExecutor(1, "oriel-early"))
        self._future = pool.submit(self._prepare, folder)
        return self

    def _prepare(self, folder: Path) -> tuple[DecodedSong, SongStats]:
        decoded = decode_song(self.song, folder)
        return decoded, measure_song(decoded.pcm, rhythm=False)

    def result(self) -> tuple[DecodedSong, SongStats]:
        """The decoded song and its measures, all but its rhythm. Raises SongError, OutputError, DependencyError."""
        assert self._future is not None
        return self._future.result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
