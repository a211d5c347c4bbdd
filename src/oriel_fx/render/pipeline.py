"""From a song to a finished file: decode, measure, draw in chunks, join, check, rename."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from oriel_fx.errors import AssetError, EncodeError, SongError, UsageError, VerifyError
from oriel_fx.render.assets import Assets, FoundAssets, NoAssets
from oriel_fx.render.audio import check_song
from oriel_fx.render.cancel import Cancelled, never
from oriel_fx.render.chunks import (
    Chunk,
    WorkFolder,
    hash_file,
    plan_chunks,
    render_key,
    write_whole,
)
from oriel_fx.render.early import EarlySong
from oriel_fx.render.encode.command import CONTAINERS, Container
from oriel_fx.render.encode.probe import verify
from oriel_fx.render.engines.browser.build import open_page, page_key, page_of
from oriel_fx.render.engines.engine_calls import close_engine, engine_warnings, may_split
from oriel_fx.render.joining import Sound, join_chunks
from oriel_fx.render.kept_song import keep_song, kept_song
from oriel_fx.render.outputs import check_hash_file, check_output, default_output, ending_of, put_in_place
from oriel_fx.render.prepare import PreparedSong, frame_range, moves_on_beats, prepare_song
from oriel_fx.render.spec import RenderSpec

if TYPE_CHECKING:
    from oriel_fx.render.drawing import ChunkJob
    from oriel_fx.render.engines.base import Engine
    from oriel_fx.render.engines.browser.options import PageOptions

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


class Drawer(Protocol):
    """Has chunks drawn somewhere: yields each when its file is whole in the job's folder.

    `on_frames` is told of frames drawn, or lost again where the number is negative.
    """

    def __call__(
        self, job: ChunkJob, chunks: list[Chunk], on_frames: Callable[[int], None], cancelled: Cancelled, /
    ) -> Iterator[Chunk]: ...


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
    draw: Drawer | None = None,
    prepared_in: Path | None = None,
) -> RenderResult:
    """Render a song to an MP4 and check it; a filmed page also to a MOV or WebM, which keep what is clear in it.

    `jobs` processes draw at once; the file does not depend on their number. A work folder beside the output holds
    finished parts until the end: after a kill, a cancellation or an error, the same call goes on from there.
    `frame_hashes` names a file that gets one line per frame, its index and a hash of its pixels before encoding.
    `on_progress` is called on the calling thread; `cancelled` is asked several times a second.
    `early` is a song that is being decoded already. `page` is a web page to film in place of the spec's layers.
    `draw` has chunks drawn elsewhere, in place of processes here. `prepared_in` is a folder where `draw_group` may have
    prepared this song for this spec, and encoded its sound.

    Raises UsageError, SongError, SpecError, AssetError, OutputError, DependencyError, EncodeError, VerifyError,
    PageError, RenderCancelledError.
    """
    song, spec = Path(song), spec or RenderSpec.from_config({})
    page = page_of(spec, page)
    if page and draw:
        raise UsageError("A web page is filmed on one machine.", "Render it without a queue.")
    found = _find_assets(spec, assets or NoAssets())
    output = Path(output) if output else default_output(song)
    check_song(song)
    check_output(song, output, force, filmed=page is not None)
    if page:
        page = replace(page, transparent=CONTAINERS[ending_of(output)].with_alpha)
    render = _Render(song, output, spec, found, on_progress, cancelled, page)
    if frame_hashes is not None:
        check_hash_file(Path(frame_hashes), song, output)
    work = WorkFolder.beside(output)
    depends = _hash_assets(found) | (page_key(page) if page else {})
    with work.claimed(render_key(song, spec, depends), resume):
        # Another render of this video may have ended between the first look and the claim.
        check_output(song, output, force, filmed=page is not None)
        render.say("decode", 0, 0)
        wants_engine = jobs == 1 and draw is None
        prepared, engine = _prepare_and_build(render, [work.path, *filter(None, [prepared_in])], early, wants_engine)
        try:
            result = _draw_and_join(render, work, prepared, engine, draw or jobs, force, frame_hashes, prepared_in)
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
        self._song_then = _stamp(song)
        self.drawing_since: float | None = None
        self.reused = 0

    @property
    def ending(self) -> str:
        return ending_of(self.output)

    @property
    def container(self) -> Container:
        return CONTAINERS[self.ending]

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.started

    def check_song_is_the_same(self) -> None:
        """Picture and sound are read from the song at different times. Raises SongError where it changed between."""
        if _stamp(self.song) not in (self._song_then, None):
            raise SongError(f"{self.song} changed while it was being rendered.", "Run it again when it is whole.")

    def say(self, stage: Stage, frames: int, n_frames: int) -> None:
        fps = eta_s = realtime = None
        drawn = frames - self.reused
        if self.drawing_since is not None and drawn > 0:
            fps = drawn / max(1e-6, time.monotonic() - self.drawing_since)
            eta_s = (n_frames - frames) / fps
            realtime = fps / float(self.spec.output.frames_per_s)
        self.on_progress(Progress(stage, frames, n_frames, self.elapsed_s, fps, eta_s, realtime))


def _stamp(song: Path) -> tuple[int, int] | None:
    """What changes when a file does; None where it is gone."""
    try:
        facts = song.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


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
    render: _Render, folders: list[Path], early: EarlySong | None, wants_engine: bool
) -> tuple[PreparedSong, Engine | None]:
    song, spec = render.song, render.spec
    with ThreadPoolExecutor(1, "oriel-prepare") as pool:
        preparing = pool.submit(_prepared, render, folders, early)
        # The half of the library that draws is loaded while ffmpeg decodes.
        from oriel_fx.render.setup import build_beside

        if render.page:
            # Only an open page can say whether it may be filmed in parts, so it is opened for any number of jobs.
            prepared = preparing.result()
            return prepared, open_page(render.page, prepared, spec, render.cancelled)
        if wants_engine:
            return build_beside(preparing, song, spec, render.assets)
        return preparing.result(), None


def _prepared(render: _Render, folders: list[Path], early: EarlySong | None) -> PreparedSong:
    """The song decoded and measured, from a folder where somebody got that far; else done now, in the first."""
    for folder in folders:
        if kept := kept_song(render.song, folder):
            return kept
    return prepare_song(render.song, folders[0], moves_on_beats(render.spec), render.cancelled, early)


def _draw_and_join(
    render: _Render,
    work: WorkFolder,
    prepared: PreparedSong,
    engine: Engine | None,
    how: int | Drawer,
    force: bool,
    frame_hashes: str | Path | None,
    prepared_in: Path | None,
) -> RenderResult:
    from oriel_fx.render.drawing import ChunkJob

    spec, fps = render.spec, render.spec.output.frames_per_s
    first, stop = frame_range(spec, prepared.pcm.duration_s)
    chunks = plan_chunks(first, stop, fps)
    job = ChunkJob(
        prepared, spec, render.assets, work.path, tuple(chunks), frame_hashes is not None, render.page, render.ending
    )
    sound = Sound(prepared, work.path, first, stop, fps, prepared_in, render.container)
    try:
        with ThreadPoolExecutor(1, "oriel-keep") as pool:
            # Drawing need not wait for the disk, but other machines find the song there.
            kept = pool.submit(keep_song, prepared)
            if not isinstance(how, int):
                kept.result()
            warnings = _draw(render, work, job, chunks, engine, how)
            kept.result()
        sound.wait()
    except EncodeError:
        render.check_song_is_the_same()
        raise
    finally:
        sound.stop()
    n_frames = stop - first
    render.say("join", n_frames, n_frames)
    try:
        joined = join_chunks(prepared, spec, work, chunks, sound.file, render.cancelled, render.ending)
        render.say("verify", n_frames, n_frames)
        verify(joined, n_frames, fps, float(sound.duration_s))
    except (EncodeError, VerifyError) as error:
        render.check_song_is_the_same()
        if render.reused:
            error.hint = "A part kept from an earlier run may be damaged: run it again with --no-resume."
        raise
    render.check_song_is_the_same()
    if frame_hashes is not None:
        lines = b"".join(work.hash_file(chunk).read_bytes() for chunk in chunks)
        write_whole(Path(frame_hashes).resolve(), lines)
    put_in_place(joined, render.output, force)
    render.say("done", n_frames, n_frames)
    return RenderResult(
        render.output,
        render.output.stat().st_size,
        n_frames,
        float(n_frames / fps),
        render.elapsed_s,
        render.reused,
        (*prepared.warnings, *warnings, *_undrawn(render, prepared)),
    )


def _undrawn(render: _Render, prepared: PreparedSong) -> tuple[str, ...]:
    """A sentence about characters that no font here can draw. Asked last, when nobody waits for the first frame."""
    from oriel_fx.render.setup import undrawn_characters

    lacking = "" if render.page else undrawn_characters(render.spec, prepared.tags, render.assets)
    if not lacking:
        return ()
    some = lacking if len(lacking) <= 12 else lacking[:12] + "…"
    return (f"No font on this machine has {some}, so boxes are drawn; `oriel doctor` says which fonts to install.",)


def _draw(
    render: _Render, work: WorkFolder, job: ChunkJob, chunks: list[Chunk], engine: Engine | None, how: int | Drawer
) -> tuple[str, ...]:
    """Draw the chunks that are not there yet; what was not right, each thing once."""
    from oriel_fx.render.drawing import draw_chunks
    from oriel_fx.render.pool import draw_in_processes

    todo = [chunk for chunk in chunks if not work.is_done(chunk, job.with_hashes)]
    n_frames = sum(chunk.n_frames for chunk in chunks)
    render.reused = frames = n_frames - sum(chunk.n_frames for chunk in todo)
    render.drawing_since = time.monotonic()
    render.say("draw", frames, n_frames)
    if not todo:
        return engine_warnings(engine)
    warnings: list[str] = []

    def on_frames(count: int) -> None:
        nonlocal frames
        frames += count
        render.say("draw", frames, n_frames)

    if not isinstance(how, int):
        done = how(job, todo, on_frames, render.cancelled)
    elif how > 1 and len(todo) > 1 and may_split(engine):
        close_engine(engine)
        done = draw_in_processes(job, todo, how, on_frames, render.cancelled, warnings.extend)
    else:
        done = draw_chunks(job, todo, on_frames, render.cancelled, engine, warnings.extend)
    for _ in done:
        pass
    return tuple(dict.fromkeys([*engine_warnings(engine), *warnings]))
