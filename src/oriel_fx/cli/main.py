"""The `oriel` command: gathers the commands, and turns every OrielError into one sentence and an exit code.

Heavy modules are imported inside the commands, so that `oriel --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from oriel_fx.cli import analyze, bench, config, demo, doctor, frame, presets, render
from oriel_fx.cli.console import fail
from oriel_fx.errors import OrielError

app = typer.Typer(
    name="oriel",
    help="Turn a song into a video worth posting, on any CPU, from one command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)
for module in (render, demo, frame, presets, config, analyze, doctor, bench):
    module.add_to(app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"oriel-fx {version('oriel-fx')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None: ...


def run() -> None:
    """Entry point of the installed command."""
    try:
        app()
    except OrielError as error:
        sys.exit(fail(error))
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) went away; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
