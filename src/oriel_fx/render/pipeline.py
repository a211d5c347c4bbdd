"""From a song to a finished file: decode, measure, draw in chunks, join, check, rename."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from oriel_fx.errors import AssetError, OutputError, UsageError
from oriel_fx.render.assets import Assets, FoundAssets, NoAssets
from oriel_fx.render.audio import Pcm, SongStats, read_tags
from oriel_fx.render.cancel import Cancelled, never, stop_if
from oriel_fx.render.chunks import (
    Chunk,
    WorkFolder,
    cannot_write,
    hash_file,
    plan_chunks,
    render_key,
    write_whole,
)
from oriel_fx.render.early import EarlySong
from oriel_fx.render.encode.command import CONTAINERS, Container, encode_audio, join
from oriel_fx.render.encode.probe import verify
from oriel_fx.render.encode.process import find_ffmpeg, run_ffmpeg
from oriel_fx.render.engines.browser.build import open_page, page_key, page_of
from oriel_fx.render.engines.engine_calls import close_engine, engine_warnings, may_split
from oriel_fx.render.prepare import PreparedSong, frame_range, moves_on_beats, prepare_song
from oriel_fx.render.spec import RenderSpec

if TYPE_CHECKING:
    from oriel_fx.render.drawing import ChunkJob
    from oriel_fx.render.engines.base import Engine
    from oriel_fx.render.engines.browser.options import PageOptions

SONG_FILE = "song.json"
Stage = Literal["decode", "draw", "join", "verify", "done"]


@dataclass(frozen=True)
class Progress:
    """How far a render is: its stage, frames drawn of all (those reused from an earlier run among them), and the pace.

    `fps` and `eta_s` are None until there is something to say; `times_realtime` is seconds of video a second.
    """

    stage: Stage
    frames: int
    n_frames: int
    elapsed_s: float
    fps: float | None = None
    eta_s: float | None = None
    times_realtime: float | None = None


@dataclass(frozen=True)
class RenderResult:
    """A finished file: path, bytes, frames, seconds of video and of work, and sentences about what was not right."""

    output: Path
    size_bytes: int
    n_frames: int
    duration_s: float
    elapsed_s: float
    reused_frames: int
    warnings: tuple[str, ...]

    @property
    def times_realtime(self) -> float:
        return self.duration_s / self.elapsed_s if self.elapsed_s else 0.0


def default_output(song: Path) -> Path:
    """`song.mp4` beside the song, or `song.oriel.mp4` where that is the song itself."""
    return song.with_suffix(".oriel.mp4" if song.suffix.lower() == ".mp4" else ".mp4")


def render_video(
    song: str | Path,
    output: str | Path | None = None,
    spec: RenderSpec | None = None,
    *,
    assets: Assets | None = None,
    jobs: int = 1,
    force: bool = False,
    resume: bool = True,
    frame_hashes: str | Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancelled: Cancelled = never,
    early: EarlySong | None = None,
    page: PageOptions | None = None,
) -> RenderResult:
    """Render a song to an MP4 and check it; a filmed page also to a MOV or WebM, which keep what is clear in it.

    `jobs` processes draw at once; the file does not depend on their number. A work folder beside the output holds
    finished parts until the end: after a kill, a cancellation or an error, the same call goes on from there.
    `frame_hashes` names a file that gets one line per frame, its index and a hash of its pixels before encoding.
    `on_progress` is called on the calling thread; `cancelled` is asked several times a second.
    `early` is a song that is being decoded already. `page` is a web page to film in place of the spec's layers.

    Raises SongError, SpecError, AssetError, OutputError, DependencyError, EncodeError, VerifyError, PageError,
    RenderCancelledError.
    """
    song, spec = Path(song), spec or RenderSpec.from_config({})
    page = page_of(spec, page)
    found = _find_assets(spec, assets or NoAssets())
    output = Path(output) if output else default_output(song)
    check_output(song, output, force, filmed=page is not None)
    if page:
        page = replace(page, transparent=CONTAINERS[output.suffix.lower()].with_alpha)
    render = _Render(song, output, spec, found, on_progress, cancelled, page)
    if frame_hashes is not None:
        _check_hash_file(Path(frame_hashes), song, output)
    work = WorkFolder.beside(output)
    depends = _hash_assets(found) | (page_key(page) if page else {})
    with work.claimed(render_key(song, spec, depends), resume):
        # Another render of this video may have ended between the first look and the claim.
        check_output(song, output, force, filmed=page is not None)
        render.say("decode", 0, 0)
        prepared, engine = _prepare_and_build(render, work, early, wants_engine=jobs == 1)
        try:
            result = _draw_and_join(render, work, prepared, engine, jobs, force, frame_hashes)
        finally:
            close_engine(engine)
        work.remove()
    return result


class _Render:
    """One call's fixed facts, and its clock."""

    def __init__(
        self,
        song: Path,
        output: Path,
        spec: RenderSpec,
        assets: Assets,
        on_progress: Callable[[Progress], None],
        cancelled: Cancelled,
        page: PageOptions | None,
    ) -> None:
        self.song, self.output, self.spec, self.assets, self.page = song, output, spec, assets, page
        self.on_progress, self.cancelled = on_progress, cancelled
        self.started = time.monotonic()
        self.drawing_since: float | None = None
        self.reused = 0

    @property
    def ending(self) -> str:
        return self.output.suffix.lower()

    @property
    def container(self) -> Container:
        return CONTAINERS[self.ending]

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.started

    def say(self, stage: Stage, frames: int, n_frames: int) -> None:
        fps = eta_s = realtime = None
        drawn = frames - self.reused
        if self.drawing_since is not None and drawn > 0:
            fps = drawn / max(1e-6, time.monotonic() - self.drawing_since)
            eta_s = (n_frames - frames) / fps
            realtime = fps / float(self.spec.output.frames_per_s)
        self.on_progress(Progress(stage, frames, n_frames, self.elapsed_s, fps, eta_s, realtime))


def check_output(song: Path, output: Path, force: bool, filmed: bool = False) -> None:
    """Whether the video may be written there, asked before any work is done. Raises UsageError, OutputError.

    `filmed`: it shows a page, which may be clear in places.
    """
    ending = output.suffix.lower()
    if ending not in CONTAINERS:
        raise UsageError(
            f"{output.name} does not end in .mp4.",
            "Oriel writes MP4 files, and of pages also .mov and .webm with alpha; choose such a name with -o.",
        )
    if ending != ".mp4" and not filmed:
        raise UsageError(
            f"{output.name} does not end in .mp4.",
            "MOV and WebM, which can be clear, are for filmed pages (--page); choose an .mp4 name with -o.",
        )
    if output.is_dir():
        raise OutputError(f"{output} is a folder.", "Give a file name with -o.")
    if output.exists() and song.exists() and output.samefile(song):
        raise OutputError(f"{output} is the song itself.", "Choose another name with -o.")
    if output.exists() and not force:
        raise _exists(output)
    folder = output.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"There is no folder {folder}.", "Make it first, or choose another place with -o.")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{folder} cannot be written to.", "Choose another place with -o.")


def _check_hash_file(file: Path, song: Path, output: Path) -> None:
    hint = "Choose another place with --frame-hashes."
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise OutputError(f"{file} is not a place for a file.", hint)
    if file.absolute() == output.absolute() or (file.exists() and song.exists() and file.samefile(song)):
        raise OutputError(f"{file} is the song or the video itself.", hint)


def _find_assets(spec: RenderSpec, assets: Assets) -> FoundAssets:
    """Every file the spec names. Raises AssetError."""
    names = {layer.source for layer in spec.layers if layer.type == "image"}
    names |= {layer.font for layer in spec.layers if layer.type == "text" and layer.font}
    if spec.background.type == "image":
        names.add(spec.background.source)
    return FoundAssets({name: assets.find(name) for name in sorted(names - {"cover"})}, assets.cover)


def _hash_assets(assets: FoundAssets) -> dict[str, str]:
    cover = {"cover": assets.cover} if assets.cover else {}
    try:
        return {name: hash_file(file) for name, file in (assets.files | cover).items()}
    except OSError as error:
        raise AssetError(f"{error.filename} cannot be read: {error.strerror}.", "Check its permissions.") from error


def _prepare_and_build(
    render: _Render, work: WorkFolder, early: EarlySong | None, wants_engine: bool
) -> tuple[PreparedSong, Engine | None]:
    song, spec = render.song, render.spec
    with ThreadPoolExecutor(1, "oriel-prepare") as pool:
        preparing = pool.submit(_prepared, render, work, early)
        # The half of the library that draws is loaded while ffmpeg decodes.
        from oriel_fx.render.setup import build_beside

        if render.page:
            # Only an open page can say whether it may be filmed in parts, so it is opened for any number of jobs.
            prepared = preparing.result()
            return prepared, open_page(render.page, prepared, spec, render.cancelled)
        if wants_engine:
            return build_beside(preparing, song, spec, render.assets)
        return preparing.result(), None


def _audio_rate(song_rate_hz: int, container: Container) -> int:
    # Opus knows no 44100.
    return 44100 if song_rate_hz == 44100 and container.muxer != "webm" else 48000


def _prepared(render: _Render, work: WorkFolder, early: EarlySong | None) -> PreparedSong:
    """The song decoded and measured, from the work folder where an earlier run got that far."""
    song, kept = render.song, work.path / SONG_FILE
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        facts = json.loads(kept.read_text())
        pcm = Pcm(work.path / facts["pcm"], facts["n_samples"])
        if pcm.path.stat().st_size == 2 * pcm.n_samples:
            stats = SongStats.from_dict(facts["stats"])
            return PreparedSong(song, pcm, stats, read_tags(song), tuple(facts["warnings"]), facts["source_rate_hz"])
    return prepare_song(song, work.path, moves_on_beats(render.spec), render.cancelled, early)


def _keep_for_resuming(prepared: PreparedSong, work: WorkFolder) -> None:
    """Note what was measured, once the sound it was measured on is safe on the disk; drawing need not wait for that."""
    kept = work.path / SONG_FILE
    if kept.exists():
        return
    facts = {
        "pcm": prepared.pcm.path.name,
        "n_samples": prepared.pcm.n_samples,
        "stats": prepared.stats.to_dict(),
        "warnings": prepared.warnings,
        "source_rate_hz": prepared.source_rate_hz,
    }
    with prepared.pcm.path.open("rb") as file:
        os.fsync(file.fileno())
    write_whole(kept, json.dumps(facts).encode())


def _draw_and_join(
    render: _Render,
    work: WorkFolder,
    prepared: PreparedSong,
    engine: Engine | None,
    jobs: int,
    force: bool,
    frame_hashes: str | Path | None,
) -> RenderResult:
    from oriel_fx.render.drawing import ChunkJob

    spec, fps = render.spec, render.spec.output.frames_per_s
    first, stop = frame_range(spec, prepared.pcm.duration_s)
    chunks = plan_chunks(first, stop, fps)
    job = ChunkJob(
        prepared, spec, render.assets, work.path, tuple(chunks), frame_hashes is not None, render.page, render.ending
    )
    rate_hz = _audio_rate(prepared.source_rate_hz, render.container)
    sound = _Sound(render, work, Fraction(first) / fps, _sound_length(prepared, first, stop, fps), rate_hz)
    try:
        with ThreadPoolExecutor(1, "oriel-keep") as pool:
            kept = pool.submit(_keep_for_resuming, prepared, work)
            _draw(render, work, job, chunks, engine, jobs)
            kept.result()
        sound.wait()
    finally:
        sound.stop()
    n_frames = stop - first
    warnings = engine_warnings(engine)
    render.say("join", n_frames, n_frames)
    joined = _join(render, work, chunks, sound.file, prepared)
    render.say("verify", n_frames, n_frames)
    verify(joined, n_frames, fps, float(sound.duration_s))
    if frame_hashes is not None:
        lines = b"".join(work.hash_file(chunk).read_bytes() for chunk in chunks)
        write_whole(Path(frame_hashes), lines)
    _put_in_place(joined, render.output, force)
    render.say("done", n_frames, n_frames)
    return RenderResult(
        render.output,
        render.output.stat().st_size,
        n_frames,
        float(n_frames / fps),
        render.elapsed_s,
        render.reused,
        (*prepared.warnings, *warnings),
    )


def _sound_length(prepared: PreparedSong, first: int, stop: int, fps: Fraction) -> Fraction:
    """Seconds of sound that go with frames first..stop: to the song's own end where they reach it."""
    whole = Fraction(prepared.pcm.n_samples, 44100)
    end = whole if stop >= round(whole * fps) else Fraction(stop) / fps
    return end - Fraction(first) / fps


def _draw(
    render: _Render, work: WorkFolder, job: ChunkJob, chunks: list[Chunk], engine: Engine | None, jobs: int
) -> None:
    from oriel_fx.render.drawing import draw_chunks
    from oriel_fx.render.pool import draw_in_processes

    todo = [chunk for chunk in chunks if not work.is_done(chunk, job.with_hashes)]
    n_frames = sum(chunk.n_frames for chunk in chunks)
    render.reused = frames = n_frames - sum(chunk.n_frames for chunk in todo)
    render.drawing_since = time.monotonic()
    render.say("draw", frames, n_frames)
    if not todo:
        return

    def on_frames(count: int) -> None:
        nonlocal frames
        frames += count
        render.say("draw", frames, n_frames)

    if jobs > 1 and len(todo) > 1 and may_split(engine):
        close_engine(engine)
        done = draw_in_processes(job, todo, jobs, on_frames, render.cancelled)
    else:
        done = draw_chunks(job, todo, on_frames, render.cancelled, engine)
    for _ in done:
        pass


class _Sound:
    """The song's sound, encoded once on a thread beside the drawing, and kept for a resumed run."""

    def __init__(
        self, render: _Render, work: WorkFolder, start_s: Fraction, duration_s: Fraction, rate_hz: int
    ) -> None:
        self.file = work.path / "sound.m4a"
        self.duration_s = duration_s
        self._stopped = False
        self._error: Exception | None = None
        self._part = self.file.with_suffix(".part")
        self._command = encode_audio(
            find_ffmpeg(), render.song, start_s, duration_s, rate_hz, self._part, render.container
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
        self._thread.join()
        if self._error:
            raise self._error

    def stop(self) -> None:
        self._stopped = True
        self._thread.join()


def _join(render: _Render, work: WorkFolder, chunks: list[Chunk], sound: Path, prepared: PreparedSong) -> Path:
    listing = work.path / "chunks.txt"
    write_whole(listing, "".join(f"file '{work.chunk_file(chunk).name}'\n" for chunk in chunks).encode())
    joined = work.path / f"joined{render.ending}"
    song_tags, own = prepared.tags, render.spec.tags
    tags = {
        name: getattr(own, name) or getattr(song_tags, name) for name in ("title", "artist", "album", "date", "genre")
    }
    run_ffmpeg(
        join(find_ffmpeg(), listing, sound, tags, render.spec.output.frames_per_s, joined, render.container),
        joined,
        render.cancelled,
        work.path,
    )
    stop_if(render.cancelled)
    return joined


def _put_in_place(joined: Path, output: Path, force: bool) -> None:
    """Give the finished file its name; a file that has appeared there meanwhile is kept unless forced."""
    try:
        with joined.open("rb") as file:
            os.fsync(file.fileno())
        if force:
            joined.replace(output)
        else:
            _rename_new(joined, output)
    except FileExistsError:
        raise _exists(output) from None
    except OSError as error:
        raise cannot_write(output, error) from error


def _exists(output: Path) -> OutputError:
    return OutputError(f"{output} exists already.", "Use --force to replace it, or -o to choose another name.")


def _rename_new(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems know no hard links.
        source.replace(target)
