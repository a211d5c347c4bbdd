"""`oriel render`: songs in, finished videos out."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oriel_fx.cli.console import Reporter, make_reporter
from oriel_fx.cli.extras import needs_server
from oriel_fx.cli.interrupt import ctrl_c
from oriel_fx.cli.options import ConfigOption, ForceOption, FpsOption, PresetOption, SetOption, SizeOption
from oriel_fx.cli.page import (
    AllowNetworkOption,
    CaptureOption,
    ClickOption,
    InputOption,
    PageOption,
    PageTimeoutOption,
    WaitForOption,
    read_page,
    refuse_page_options,
)
from oriel_fx.errors import OrielError, OutputError, RenderCancelledError, SongError, UsageError

if TYPE_CHECKING:
    from oriel_fx.render.assets import Assets
    from oriel_fx.render.early import EarlySong
    from oriel_fx.render.engines.browser.options import PageOptions
    from oriel_fx.render.pipeline import Drawer
    from oriel_fx.render.spec import RenderSpec

# What a song in a folder may end in; a song that is named may end in anything.
SONG_SUFFIXES = frozenset([
    ".mp3", ".wav", ".m4a", ".m4b", ".aac", ".flac", ".ogg", ".oga", ".opus", ".spx", ".aif", ".aiff",
    ".aifc", ".wma", ".ac3", ".caf", ".ape", ".wv", ".amr", ".mp2", ".au", ".mka", ".tta", ".mpc",
    ".dsf", ".dff", ".w64", ".rf64", ".voc", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".flv",
    ".mpg", ".mpeg", ".wmv", ".3gp", ".ogv", ".m2ts", ".mts",
])  # fmt: skip


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: oriel render song.mp3 --preset wave --size vertical --start 0:45 --duration 30")(
        render
    )


def render(
    songs: Annotated[
        list[Path],
        typer.Argument(help="One or more songs, or folders of songs.", metavar="SONG", readable=False),
    ],
    config: ConfigOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file to write; a folder when there are several songs."
        ),
    ] = None,
    preset: PresetOption = None,
    size: SizeOption = None,
    fps: FpsOption = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="Where in the song to start: seconds, or m:ss.")
    ] = None,
    duration: Annotated[str | None, typer.Option(metavar="TIME", help="How much to render: seconds, or m:ss.")] = None,
    quality: Annotated[
        str | None, typer.Option("--quality", "-q", metavar="NAME", help="draft, standard or high.")
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            metavar="NUMBER",
            min=0,
            max=64,
            help="How many processes draw at once; 0 chooses. The video is the same.",
        ),
    ] = 0,
    queue: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Have workers draw: `oriel worker --queue URL`. They must share the video's folder."
        ),
    ] = "",
    sets: SetOption = None,
    page: PageOption = None,
    click: ClickOption = None,
    file_input: InputOption = None,
    wait_for: WaitForOption = None,
    capture: CaptureOption = None,
    allow_network: AllowNetworkOption = False,
    page_timeout: PageTimeoutOption = 30.0,
    force: ForceOption = False,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on from what an earlier run finished.")
    ] = True,
    frame_hashes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one hash per frame, before encoding.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON event per line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but warnings and errors.")] = False,
) -> None:
    """Render songs to MP4 videos, each beside its song."""
    found = find_songs(songs)
    if frame_hashes and len(found) > 1:
        raise UsageError("--frame-hashes works for one song at a time.", "Render the songs one by one.")
    if page is None:
        refuse_page_options(
            {
                "--click": click,
                "--input": file_input,
                "--wait-for": wait_for,
                "--capture": capture,
                "--allow-network": allow_network,
            }
        )
    elif preset:
        raise UsageError("--preset and --page are two looks.", "Choose one of them.")
    if queue and jobs:
        raise UsageError("--jobs and --queue do not go together.", "With --queue the workers decide; leave out --jobs.")
    if queue and page:
        raise UsageError("A web page is filmed on one machine.", "Leave out --queue.")
    outputs = name_outputs(found, output, many=any(map(_is_folder, songs)))
    code = n_made = 0
    with decoding_early(found, outputs, force) as early, make_reporter(as_json, quiet) as reporter:
        # The library's weight is loaded while ffmpeg decodes.
        from oriel_fx.cli.options import read_assets, read_spec

        chosen = {"size": size, "fps": fps, "quality": quality, "start": start, "duration": duration}
        filmed = None
        if page is None:
            spec = read_spec(config, preset, chosen, sets)
        else:
            how = (click, file_input, wait_for, capture, allow_network, page_timeout)
            spec, filmed = read_page(page, config, chosen, sets, *how)
        draw = read_queue(queue, reporter) if queue else None
        choices = Choices(spec, read_assets(config), jobs, force, resume, frame_hashes, early, filmed, draw)
        for song, target in zip(found, outputs, strict=True):
            failed = render_one(reporter, song, target, choices)
            code = code or failed
            n_made += not failed
            if failed == RenderCancelledError.exit_code:
                break
        if len(found) > 1:
            reporter.sum_up(n_made, len(found))
    raise typer.Exit(code)


@dataclass(frozen=True)
class Choices:
    """How the songs of one command are rendered."""

    spec: RenderSpec
    assets: Assets | None = None
    jobs: int = 0
    force: bool = False
    resume: bool = True
    frame_hashes: Path | None = None
    early: EarlySong | None = None
    page: PageOptions | None = None
    draw: Drawer | None = None


def read_queue(url: str, reporter: Reporter) -> Drawer:
    """Workers at a queue, to draw with. Raises UsageError, DependencyError."""
    with needs_server():
        from oriel_fx.server.shared.drawer import QueueDrawer
    return QueueDrawer(url, reporter.warn)


LARGEST_EARLY_BYTES = 20_000_000


def decoding_early(songs: list[Path], outputs: list[Path], force: bool) -> AbstractContextManager[EarlySong | None]:
    """A song of usual size being decoded in the temporary folder; nothing where there are several, or one resumes."""
    song, output = songs[0], outputs[0]
    usual = len(songs) == 1 and _is_file(song) and song.stat().st_size <= LARGEST_EARLY_BYTES
    if not usual or (os.path.lexists(output) and not force) or os.path.lexists(f"{output}.oriel-work"):
        return nullcontext()
    from oriel_fx.render.early import EarlySong

    return EarlySong(song, measured=False)


def render_one(reporter: Reporter, song: Path, target: Path, choices: Choices, called: str = "") -> int:
    """Render one song, reported under its path or what it is called; returns the exit code it asks for."""
    from oriel_fx.render.chunks import WorkFolder
    from oriel_fx.render.estimate import choose_jobs, estimate
    from oriel_fx.render.outputs import check_output
    from oriel_fx.render.pipeline import render_video

    called = called or str(song)
    try:
        filmed = choices.page is not None or choices.spec.page is not None
        guess = estimate(song, choices.spec, filmed)
        check_output(song, target, choices.force, filmed)
        reporter.begin(called, str(target), guess)
        with ctrl_c() as cancelled:
            result = render_video(
                song,
                target,
                choices.spec,
                assets=choices.assets,
                jobs=choices.jobs or choose_jobs(),
                force=choices.force,
                resume=choices.resume,
                frame_hashes=choices.frame_hashes,
                on_progress=reporter.progress,
                cancelled=cancelled,
                early=choices.early,
                page=choices.page,
                draw=choices.draw,
            )
    except (KeyboardInterrupt, RenderCancelledError):
        work = WorkFolder.beside(target).path
        kept = f"What was finished until then is kept in {work}; the same command goes on from there."
        reporter.error(called, RenderCancelledError("Stopped.", kept if work.exists() else "Nothing was written."))
        return RenderCancelledError.exit_code
    except OrielError as error:
        reporter.error(called, error)
        return error.exit_code
    for warning in result.warnings:
        reporter.warn(warning)
    reporter.finish(result)
    return 0


def find_songs(places: list[Path]) -> list[Path]:
    """The songs meant: files as they are, folders by the songs directly in them. Raises SongError.

    A file that is missing is one bad song, told when its turn comes; the others are rendered.
    """
    songs: list[Path] = []
    for place in places:
        if not _is_folder(place):
            songs.append(place)
            continue
        try:
            files = sorted(file for file in place.iterdir() if file.is_file())
        except OSError as error:
            raise SongError(f"The folder {place} cannot be read: {error.strerror}.", "Check its permissions.") from None
        inside = [file for file in files if file.suffix.lower() in SONG_SUFFIXES]
        ours = _our_outputs(inside)
        inside = [file for file in inside if file.name not in ours]
        if not inside:
            raise SongError(f"There are no songs in the folder {place}.", "Put songs in it, or name a file.")
        songs += inside
    return list(dict.fromkeys(songs))


def _is_file(place: Path) -> bool:
    try:
        return place.is_file()
    except OSError:
        # A name too long for the disk: told when its turn comes.
        return False


def _is_folder(place: Path) -> bool:
    try:
        return place.is_dir()
    except OSError:
        return False


def _our_outputs(files: list[Path]) -> set[str]:
    """Names that earlier runs gave, or would have given, to videos of these songs."""
    songs = [file for file in files if file.suffix.lower() not in (".mp4", ".mov", ".webm")]
    names = {file.with_suffix(ending).name for file in songs for ending in (".mp4", ".mov", ".webm")} | {
        file.name + ".mp4" for file in songs
    }
    return names | {file.with_suffix(".oriel.mp4").name for file in files}


def name_outputs(songs: list[Path], output: Path | None, many: bool = False) -> list[Path]:
    """Where each song's video goes: no two to one place, and none onto a song.

    `many`: the songs are a folder's, so that `output` is a folder too, though there be one song in it by chance.
    Raises UsageError, OutputError.
    """
    from oriel_fx.render.outputs import default_output, ending_of

    is_folder = output is not None and _is_folder(output)
    is_video = output is not None and (_is_file(output) or bool(ending_of(output)))
    if output is not None and (len(songs) > 1 or is_folder or (many and not is_video)):
        if is_video and not is_folder:
            raise UsageError(f"{output} is one file, but there are {len(songs)} songs.", "Give a folder with -o.")
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"The folder {output} cannot be made: {error.strerror}.", "Choose another place with -o."
            ) from None
    elif output is not None:
        return [output]
    folders = [output or song.parent for song in songs]
    named = [folder / default_output(song).name for folder, song in zip(folders, songs, strict=True)]
    wanted = Counter(named)
    taken = {song.absolute() for song in songs}
    outputs = []
    for song, folder, short in zip(songs, folders, named, strict=True):
        # Songs of one stem keep their endings, those of one name are counted.
        names = [song.name + ".mp4", *(f"{song.name} {number}.mp4" for number in range(2, len(songs) + 2))]
        places = [short] * (wanted[short] == 1) + [folder / name for name in names]
        place = next(place for place in places if place.absolute() not in taken)
        taken.add(place.absolute())
        outputs.append(place)
    return outputs
