"""`oriel demo`: a song of our own and its video, to see at once what this does."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from oriel_fx.cli.console import make_reporter, minutes
from oriel_fx.cli.options import ForceOption, FpsOption, PresetOption, SizeOption
from oriel_fx.errors import OrielError, OutputError


def add_to(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("demo.mp4"),
    preset: PresetOption = None,
    size: SizeOption = None,
    fps: FpsOption = None,
    duration: Annotated[float, typer.Option(min=3, max=600, help="Length of the song in seconds.")] = 24.0,
    force: ForceOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON event per line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but warnings and errors.")] = False,
) -> None:
    """Make up a short song and render it to demo.mp4. Needs no file and no network."""
    from oriel_fx.cli.options import read_spec
    from oriel_fx.render.demo_song import write_demo_song
    from oriel_fx.render.estimate import choose_jobs, estimate
    from oriel_fx.render.pipeline import render_video

    reporter = make_reporter(as_json, quiet)
    try:
        if output.exists() and not force:
            raise OutputError(f"{output} exists already.", "Use --force to make it anew, or -o to choose another name.")
        spec = read_spec(None, preset, {"size": size, "fps": fps}, None)
        with tempfile.TemporaryDirectory(prefix="oriel-demo-") as folder, reporter:
            song = Path(folder) / "Glass Hours.wav"
            write_demo_song(song, duration)
            guess = estimate(song, spec)
            reporter.begin(
                "a song of our own",
                str(output),
                f"{guess.n_frames} frames at {guess.width}×{guess.height}, {guess.fps} fps; about {minutes(guess.seconds)}",
                {"n_frames": guess.n_frames, "estimate_s": round(guess.seconds, 1)},
            )
            result = render_video(song, output, spec, jobs=choose_jobs(), force=force, on_progress=reporter.progress)
            reporter.finish(result)
    except OrielError as error:
        reporter.error("demo", error)
        raise typer.Exit(error.exit_code) from None
