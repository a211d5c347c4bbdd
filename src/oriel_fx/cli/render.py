"""`oriel render`: songs in, finished videos out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oriel_fx.cli.console import Reporter, make_reporter, minutes
from oriel_fx.cli.options import ConfigOption, ForceOption, FpsOption, PresetOption, SetOption, SizeOption
from oriel_fx.errors import OrielError, OutputError, RenderCancelledError, SongError, UsageError

if TYPE_CHECKING:
    from oriel_fx.render.assets import Assets
    from oriel_fx.render.spec import RenderSpec

SONG_SUFFIXES = set(
    ".mp3 .wav .m4a .aac .flac .ogg .oga .opus .aif .aiff .aifc .wma .ac3 .mp4 .m4v .mov .mkv .webm .mka .caf .ape .wv .amr .mp2 .au".split()
)


def add_to(app: typer.Typer) -> None:
    app.command()(render)


def render(
    songs: Annotated[list[Path], typer.Argument(help="One or more songs, or folders of songs.", metavar="SONG...")],
    config: ConfigOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; a folder when there are several songs.")
    ] = None,
    preset: PresetOption = None,
    size: SizeOption = None,
    fps: FpsOption = None,
    start: Annotated[str | None, typer.Option(help="Where in the song to start: seconds, or m:ss.")] = None,
    duration: Annotated[str | None, typer.Option(help="How much to render: seconds, or m:ss.")] = None,
    quality: Annotated[str | None, typer.Option("--quality", "-q", help="draft, standard or high.")] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=0, max=64, help="Processes that draw at once; 0 chooses. The video is the same.")
    ] = 0,
    sets: SetOption = None,
    force: ForceOption = False,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on from what an earlier run finished.")] = True,
    frame_hashes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one hash per frame, before encoding.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON event per line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but warnings and errors.")] = False,
) -> None:
    """Render songs to MP4 videos, each beside its song."""
    reporter = make_reporter(as_json, quiet)
    try:
        from oriel_fx.cli.options import read_assets, read_spec

        found = find_songs(songs)
        chosen = {"size": size, "fps": fps, "quality": quality, "start": start, "duration": duration}
        spec = read_spec(config, preset, chosen, sets)
        outputs = name_outputs(found, output)
        if frame_hashes and len(found) > 1:
            raise UsageError("--frame-hashes works for one song at a time.", "Render the songs one by one.")
    except OrielError as error:
        reporter.error("", error)
        raise typer.Exit(error.exit_code) from None
    with reporter:
        code = 0
        for song, target in zip(found, outputs, strict=True):
            failed = _render_one(reporter, song, target, spec, read_assets(config), jobs, force, resume, frame_hashes)
            code = code or failed
            if failed == RenderCancelledError.exit_code:
                break
    raise typer.Exit(code)


def _render_one(
    reporter: Reporter,
    song: Path,
    target: Path,
    spec: RenderSpec,
    assets: Assets,
    jobs: int,
    force: bool,
    resume: bool,
    frame_hashes: Path | None,
) -> int:
    """Render one song and report; returns the exit code it asks for."""
    from oriel_fx.render.estimate import choose_jobs, estimate
    from oriel_fx.render.pipeline import render_video

    try:
        guess = estimate(song, spec)
        reporter.begin(
            str(song),
            str(target),
            f"{guess.n_frames} frames at {guess.width}×{guess.height}, {guess.fps} fps; about {minutes(guess.seconds)}",
            {"n_frames": guess.n_frames, "estimate_s": round(guess.seconds, 1)},
        )
        result = render_video(
            song,
            target,
            spec,
            assets=assets,
            jobs=jobs or choose_jobs(),
            force=force,
            resume=resume,
            frame_hashes=frame_hashes,
            on_progress=reporter.progress,
        )
    except KeyboardInterrupt:
        work = target.with_name(target.name + ".oriel-work")
        reporter.error(
            str(song),
            RenderCancelledError("Stopped.", f"Finished parts are kept in {work}; the same command goes on from there."),
        )
        return RenderCancelledError.exit_code
    except OrielError as error:
        reporter.error(str(song), error)
        return error.exit_code
    for warning in result.warnings:
        reporter.warn(warning)
    reporter.finish(result)
    return 0


def find_songs(places: list[Path]) -> list[Path]:
    """The songs meant: files as they are, folders by the songs directly in them. Raises SongError."""
    songs: list[Path] = []
    for place in places:
        if place.is_dir():
            inside = sorted(f for f in place.iterdir() if f.suffix.lower() in SONG_SUFFIXES and f.is_file())
            inside = [f for f in inside if not _is_our_output(f)]
            if not inside:
                raise SongError(f"There are no songs in the folder {str(place)!r}.", "Put songs in it, or name a file.")
            songs += inside
        elif place.exists():
            songs.append(place)
        else:
            raise SongError(f"There is no file {str(place)!r}.", "Check the path.")
    return list(dict.fromkeys(songs))


def _is_our_output(file: Path) -> bool:
    """A video beside a song of its name is most likely what an earlier run made of it."""
    if file.suffix.lower() != ".mp4":
        return False
    return any(other.stem == file.stem and other.suffix.lower() in SONG_SUFFIXES - {".mp4"} for other in file.parent.iterdir())


def name_outputs(songs: list[Path], output: Path | None) -> list[Path]:
    """Where each song's video goes. Raises UsageError, OutputError."""
    from oriel_fx.render.pipeline import default_output

    if output is not None and (len(songs) > 1 or output.is_dir()):
        if output.is_file() or output.suffix.lower() == ".mp4":
            raise UsageError(f"{output} is one file, but there are {len(songs)} songs.", "Give a folder with -o.")
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The folder {output} cannot be made: {error.strerror}.", "Choose another place with -o.") from None
        named = [output / default_output(song).name for song in songs]
    elif output is not None:
        named = [output]
    else:
        named = [default_output(song) for song in songs]
    twice = {path for path, count in Counter(named).items() if count > 1}
    return [path.with_name(song.name + ".mp4") if path in twice else path for song, path in zip(songs, named, strict=True)]


