"""The end of a render: the sound, encoded once; chunks and sound joined."""

from __future__ import annotations

import threading
import uuid
from fractions import Fraction
from pathlib import Path

from oriel_fx.render.cancel import Cancelled, stop_if
from oriel_fx.render.chunks import Chunk, WorkFolder, write_whole
from oriel_fx.render.encode.command import CONTAINERS, Container, encode_audio, join
from oriel_fx.render.encode.process import find_ffmpeg, run_ffmpeg
from oriel_fx.render.prepare import PreparedSong
from oriel_fx.render.spec import RenderSpec

SOUND_FILE = "sound.m4a"


class Sound:
    """The song's sound, encoded once on a thread beside the drawing, and kept for a resumed run.

    `kept` is a folder where another process may have encoded it, for an MP4.
    """

    def __init__(
        self,
        song: PreparedSong,
        folder: Path,
        first: int,
        stop: int,
        fps: Fraction,
        kept: Path | None = None,
        container: Container = CONTAINERS[".mp4"],
    ) -> None:
        made = kept / SOUND_FILE if kept else None
        self.file = made if made and made.exists() else folder / SOUND_FILE
        self.duration_s = _sound_length(song, first, stop, fps)
        self._stopped = False
        self._error: Exception | None = None
        self._part = self.file.with_suffix(f".{uuid.uuid4().hex[:8]}.part")
        # Opus knows no 44100.
        rate_hz = 44100 if song.source_rate_hz == 44100 and container.muxer != "webm" else 48000
        self._command = encode_audio(
            find_ffmpeg(), song.path, Fraction(first) / fps, self.duration_s, rate_hz, self._part, container
        )
        self._thread = threading.Thread(target=self._run, name="oriel-sound")
        self._thread.start()

    def _run(self) -> None:
        if self.file.exists():
            return
        try:
            run_ffmpeg(self._command, self._part, lambda: self._stopped)
            if not self._stopped:
                self._part.replace(self.file)
        except Exception as error:
            self._error = error
        finally:
            self._part.unlink(missing_ok=True)

    def wait(self) -> None:
        """Until it is encoded. Raises what went wrong."""
        self._thread.join()
        if self._error:
            raise self._error

    def stop(self) -> None:
        """Give it up, if it is not done."""
        self._stopped = True
        self._thread.join()


def _sound_length(prepared: PreparedSong, first: int, stop: int, fps: Fraction) -> Fraction:
    """Seconds of sound that go with frames first..stop: to the song's own end where they reach it."""
    whole = Fraction(prepared.pcm.n_samples, 44100)
    end = whole if stop >= round(whole * fps) else Fraction(stop) / fps
    return end - Fraction(first) / fps


def join_chunks(
    song: PreparedSong,
    spec: RenderSpec,
    work: WorkFolder,
    chunks: list[Chunk],
    sound: Path,
    cancelled: Cancelled,
    ending: str = ".mp4",
) -> Path:
    """Chunks and sound as one file in the work folder, nothing encoded again. Raises EncodeError, OutputError."""
    listing = work.path / "chunks.txt"
    write_whole(listing, "".join(f"file '{work.chunk_file(chunk).name}'\n" for chunk in chunks).encode())
    joined = work.path / f"joined{ending}"
    own = spec.tags
    tags = {
        name: getattr(own, name) or getattr(song.tags, name) for name in ("title", "artist", "album", "date", "genre")
    }
    command = join(find_ffmpeg(), listing, sound, tags, spec.output.frames_per_s, joined, CONTAINERS[ending])
    run_ffmpeg(command, joined, cancelled, work.path)
    stop_if(cancelled)
    return joined
