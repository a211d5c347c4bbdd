"""`oriel presets` and `oriel schema`: what there is to choose from."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    app.command("presets")(list_presets)
    app.command()(schema)


def list_presets(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Print this preset's JSON, to start a config from.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the presets, or print one."""
    from oriel_fx.render import presets

    if name is not None:
        # With its name, so that what it does not say stays its own when this becomes a config.
        typer.echo(json.dumps({"preset": name} | presets.load(name), indent=2, ensure_ascii=False))
        return
    rows = [{"name": known, "description": presets.describe(known)} for known in presets.names()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        typer.echo(f"{row['name']:<{width}}  {row['description']}")


def schema() -> None:
    """Print the JSON Schema of a config. Editors complete and check with it."""
    from oriel_fx.render.schema import config_schema

    typer.echo(json.dumps(config_schema(), indent=2, ensure_ascii=False))
