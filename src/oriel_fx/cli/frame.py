"""`oriel frame` and `oriel sheet`: stills, to judge a look before rendering it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oriel_fx.cli.options import (
    ConfigOption,
    ForceOption,
    FpsOption,
    PresetOption,
    SetOption,
    SizeOption,
    check_picture,
)
from oriel_fx.errors import UsageError

SongArgument = Annotated[Path, typer.Argument(help="The song.", metavar="SONG", readable=False)]


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: oriel frame song.mp3 --at 1:02 -o still.png")(frame)
    app.command()(sheet)


def frame(
    song: SongArgument,
    at: Annotated[str, typer.Option(metavar="TIME", help="Where in the song: seconds, or m:ss.")] = "0",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="A .png, .jpg or .webp file.")
    ] = None,
    config: ConfigOption = None,
    preset: PresetOption = None,
    size: SizeOption = None,
    fps: FpsOption = None,
    sets: SetOption = None,
    force: ForceOption = False,
) -> None:
    """Draw one frame of a song's video, just as the video shows it."""
    target = _target(song, output, ".png", force)
    from oriel_fx.render.early import EarlySong

    with EarlySong(song) as early:
        from oriel_fx.cli.options import read_assets, read_spec
        from oriel_fx.render.spec import parse_time
        from oriel_fx.render.stills import render_frame, write_picture

        try:
            at_s = parse_time(at)
        except ValueError as error:
            raise UsageError(f"--at: {error}.", "As in --at 1:02.") from None
        spec = read_spec(config, preset, {"size": size, "fps": fps}, sets)
        write_picture(target, render_frame(song, at_s, spec, assets=read_assets(config), early=early))
    typer.echo(target)


def sheet(
    song: SongArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="A .png, .jpg or .webp file.")
    ] = None,
    count: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=64, help="How many moments.")] = 9,
    columns: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=12, help="How many stand side by side.")] = 3,
    config: ConfigOption = None,
    preset: PresetOption = None,
    size: SizeOption = None,
    fps: FpsOption = None,
    sets: SetOption = None,
    force: ForceOption = False,
) -> None:
    """Draw a contact sheet of the whole song. Each of its moments has its time beside it."""
    target = _target(song, output, ".sheet.png", force)
    from oriel_fx.cli.options import read_assets, read_spec
    from oriel_fx.render.stills import contact_sheet, write_picture

    spec = read_spec(config, preset, {"size": size, "fps": fps}, sets)
    write_picture(target, contact_sheet(song, spec, count=count, columns=columns, assets=read_assets(config)))
    typer.echo(target)


def _target(song: Path, output: Path | None, suffix: str, force: bool) -> Path:
    """The picture to write, checked before any work is done."""
    target = output or song.with_suffix(suffix)
    check_picture(target, force)
    return target
