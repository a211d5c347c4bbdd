"""The `oriel` command: gathers the commands, and turns every OrielError into one sentence and an exit code.

Heavy modules are imported inside the commands, so that `oriel --help` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from oriel_fx.cli import (
    admin,
    analyze,
    bench,
    config,
    database,
    demo,
    doctor,
    frame,
    presets,
    render,
    scheduler,
    serve,
    settings,
    worker,
)
from oriel_fx.cli.console import JsonReporter, fail
from oriel_fx.errors import OrielError, UsageError

app = typer.Typer(
    name="oriel",
    help="Turn a song into a video worth posting, on any CPU, from one command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    epilog="To see at once what it does: oriel demo. Then: oriel render song.mp3",
)
for module in (
    render,
    demo,
    frame,
    presets,
    config,
    analyze,
    doctor,
    bench,
    settings,
    database,
    serve,
    worker,
    scheduler,
    admin,
):
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
    # Where the caller has closed them (`>&-`), what is said goes nowhere.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115
    # File names may hold bytes that are no text, and a log may be ASCII: what cannot be printed is escaped.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except OrielError as error:
        sys.exit(_report(error))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) went away; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if not error.strerror:
            raise
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(_report(OrielError(f"{place}{error.strerror}.", "Check its name, its permissions and the disk.")))
    except Exception as error:
        # Typer keeps its click to itself, but what is wrong with a command line knows how to show itself.
        if not (hasattr(error, "show") and hasattr(error, "format_message")):
            raise
        if "--json" in sys.argv:
            sys.exit(_report(UsageError(error.format_message(), "See `oriel --help`.")))
        error.show()
        sys.exit(UsageError.exit_code)


def _report(error: OrielError) -> int:
    if "--json" in sys.argv:
        JsonReporter().error("", error)
        return error.exit_code
    return fail(error)
