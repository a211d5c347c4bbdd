"""`oriel demo`: a song of our own and its video, to see at once what this does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oriel_fx.cli.console import make_reporter
from oriel_fx.cli.options import ForceOption, FpsOption, PresetOption, SizeOption
from oriel_fx.cli.render import Choices, render_one


def add_to(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")] = Path(
        "demo.mp4"
    ),
    preset: PresetOption = None,
    size: SizeOption = None,
    fps: FpsOption = None,
    duration: Annotated[
        float, typer.Option(metavar="SECONDS", min=3, max=600, help="Length of the song in seconds.")
    ] = 24.0,
    force: ForceOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON event per line.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but warnings and errors.")] = False,
) -> None:
    """Make up a short song and render it to demo.mp4. Needs no file and no network."""
    from oriel_fx.cli.options import read_spec
    from oriel_fx.render.demo_song import write_demo_song
    from oriel_fx.render.outputs import check_output
    from oriel_fx.render.scratch import scratch_folder

    spec = read_spec(None, preset, {"size": size, "fps": fps}, None)
    with scratch_folder() as folder, make_reporter(as_json, quiet) as reporter:
        song = folder / "Glass Hours.wav"
        check_output(song, output, force)
        write_demo_song(song, duration)
        raise typer.Exit(render_one(reporter, song, output, Choices(spec, force=force), called="a song of our own"))
