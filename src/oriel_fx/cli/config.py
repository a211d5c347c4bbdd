"""`oriel init`: a starter config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from oriel_fx.cli.options import ForceOption
from oriel_fx.errors import OutputError

SCHEMA_FILE = "oriel.schema.json"
STARTER = {
    "$schema": f"./{SCHEMA_FILE}",
    "preset": "halo",
    "output": {"size": "1080p", "fps": 30, "quality": "standard"},
}
YAML_STARTER = f"""\
# yaml-language-server: $schema=./{SCHEMA_FILE}
# Everything here is optional, and merges over the preset. `oriel schema` lists every key.

# The look to start from: `oriel presets` lists them, `oriel presets NAME` prints one.
preset: halo

output:
  size: 1080p         # 720p, 1080p, 1440p, 4k, square, vertical, or WIDTHxHEIGHT
  fps: 30
  quality: standard   # draft, standard or high
  # start: "0:30"     # render only a part of the song
  # duration: 15

# Words to use in place of the song's own tags.
# tags:
#   title: Glass Hours
#   artist: Oriel FX

# Colours. What is left out comes from the cover art.
# palette:
#   hues: ["#7c5cff", "#ff5c8a", "#ffb25c"]
#   ground: "#0b0c14"

# Lists replace the preset's.
# layers:
#   - type: bars
#     anchor: bottom
#     colors: [palette.0, palette.2]
#   - type: text
#     text: "{{title}} — {{artist}}"
#     anchor: top-left
# effects:
#   - type: bloom
#     strength: 0.6

# Another seed gives other stars, other random solids.
# seed: 7
"""


def add_to(app: typer.Typer) -> None:
    app.command("init")(write_starter)


def write_starter(
    path: Annotated[Path | None, typer.Argument(metavar="FILE", help="The file to write; cfg.json by default.")] = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="A commented YAML file instead of JSON.")] = False,
    as_page: Annotated[
        bool, typer.Option("--page", help="A web page to film instead; `oriel init --page classic` copies that one.")
    ] = False,
    force: ForceOption = False,
) -> None:
    """Write a starter config. The schema beside it lets editors complete and check it."""
    if as_page:
        write_page(path or Path("visualizer.html"), force)
        return
    target = path or Path("cfg.yaml" if as_yaml else "cfg.json")
    as_yaml = as_yaml or target.suffix in (".yaml", ".yml")
    if target.exists() and not force:
        raise OutputError(f"{target} exists already.", "Use --force to replace it, or give another name.")
    from oriel_fx.render.schema import config_schema

    text = YAML_STARTER if as_yaml else json.dumps(STARTER, indent=2) + "\n"
    schema = target.parent / SCHEMA_FILE
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        schema.write_text(json.dumps(config_schema(), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror}.", "Choose another place.") from None
    typer.echo(f"{target} (and {schema.name}, for your editor)")
    typer.echo(f"Next: oriel render SONG --config {target}")


def write_page(target: Path, force: bool) -> None:
    """Write a page that plays live and can be filmed: the template, or a copy of the bundled one as a folder."""
    if target.exists() and not force:
        raise OutputError(f"{target} exists already.", "Use --force to replace it, or give another name.")
    from oriel_fx.render.engines.browser.options import BUNDLED, PAGES

    try:
        if target.name in BUNDLED:
            _copy_bundled(PAGES / target.name, target)
        else:
            target.write_bytes((PAGES / "template.html").read_bytes())
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror}.", "Choose another place.") from None
    typer.echo(target)
    typer.echo(f"Next: oriel render SONG --page {target}")


def _copy_bundled(source: Path, target: Path) -> None:
    """The bundled page, with its solid made for it, to be served or changed."""
    from oriel_fx.render.engines.browser.solid import solid_json

    target.mkdir(exist_ok=True)
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    (target / "solid.json").write_text(solid_json("cube", 4.0, 0), "utf-8")
