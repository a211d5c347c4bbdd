"""A song decoded while the rest of the library is still being imported: a third of a still's time."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from shutil import move
from types import TracebackType

from oriel_fx.errors import OutputError
from oriel_fx.render.audio import DecodedSong, SongStats, check_song, decode_song, measure_song
from oriel_fx.render.cancel import Cancelled, never, stop_if
from oriel_fx.render.scratch import scratch_folder


class EarlySong:
    """Starts on entering; `decoded` and `result` wait for it. The decoded sound goes when the context ends."""

    def __init__(self, song: Path, measured: bool = True) -> None:
        self.song = song
        self._measured = measured
        self._stopped = False
        self._open = ExitStack()
        self._future: Future[tuple[DecodedSong, SongStats | None]] | None = None

    def __enter__(self) -> EarlySong:
        check_song(self.song)
        folder = self._open.enter_context(scratch_folder())
        pool = self._open.enter_context(ThreadPoolExecutor(1, "oriel-early"))
        self._future = pool.submit(self._prepare, folder)
        return self

    def _prepare(self, folder: Path) -> tuple[DecodedSong, SongStats | None]:
        decoded = decode_song(self.song, folder, lambda: self._stopped)
        return decoded, measure_song(decoded.pcm, rhythm=False) if self._measured else None

    def result(self) -> tuple[DecodedSong, SongStats]:
        """The decoded song and its measures, all but its rhythm. Raises SongError, OutputError, DependencyError."""
        assert self._future is not None
        decoded, stats = self._future.result()
        return decoded, stats or measure_song(decoded.pcm, rhythm=False)

    def move_to(self, folder: Path, cancelled: Cancelled = never) -> DecodedSong:
        """The decoded song, its sound now in `folder`.

        Raises SongError, OutputError, DependencyError, RenderCancelledError.
        """
        assert self._future is not None
        while not wait([self._future], timeout=0.2).done:
            stop_if(cancelled)
        decoded, _ = self._future.result()
        target = folder / decoded.pcm.path.name
        try:
            move(decoded.pcm.path, target)
        except OSError as error:
            raise OutputError(f"Cannot write to {folder}: {error.strerror}.", "Free some space.") from error
        return replace(decoded, pcm=replace(decoded.pcm, path=target))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What is still being decoded now is wanted no more.
        self._stopped = True
        self._open.close()
