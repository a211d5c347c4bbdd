"""What several commands take: how a song is to look, read from files and the command line into a spec."""

from __future__ import annotations

import errno
import json
import os
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oriel_fx.errors import OutputError, SpecError, UsageError

if TYPE_CHECKING:
    from oriel_fx.render.assets import LocalAssets
    from oriel_fx.render.spec import RenderSpec

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="A config: JSON, YAML or TOML. `oriel init` writes one.", readable=False
    ),
]
PresetOption = Annotated[
    str | None, typer.Option("--preset", "-p", metavar="NAME", help="A look; `oriel presets` lists them.")
]
SizeOption = Annotated[
    str | None,
    typer.Option("--size", "-s", metavar="SIZE", help="720p, 1080p, 1440p, 4k, square, vertical, or WIDTHxHEIGHT."),
]
FpsOption = Annotated[
    str | None, typer.Option("--fps", metavar="RATE", help="Frames per second, such as 24, 30, 60 or 30000/1001.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change one value of the config, such as layers.0.color=#f0f."),
]
ForceOption = Annotated[bool, typer.Option("--force", "-f", help="Replace the output if it exists.")]


def read_spec(config: Path | None, preset: str | None, output: dict[str, Any], sets: list[str] | None) -> RenderSpec:
    """The spec: the command line over the config, the config over the preset. Raises SpecError, UsageError."""
    from oriel_fx.cli.config_file import read_config
    from oriel_fx.render import presets
    from oriel_fx.render.classic import KEYS, from_classic, is_classic
    from oriel_fx.render.spec import DEFAULT_PRESET, RenderSpec, merge

    data = read_config(config) if config else {}
    data.pop("$schema", None)
    if is_classic(data):
        flat = [text for text in sets or [] if text.partition("=")[0] in KEYS]
        for assignment in flat:
            data = assign(data, assignment)
        data, sets = from_classic(data), [text for text in sets or [] if text not in flat]
    chosen = {key: value for key, value in output.items() if value is not None}
    if preset:
        data["preset"] = preset
    if chosen:
        below = data.get("output", {})
        data["output"] = below | chosen if isinstance(below, dict) else below
    presets_set, others = _split_preset(sets or [])
    for assignment in presets_set:
        data = assign(data, assignment)
    if others:
        # A path such as layers.0 means the list as it would be drawn, the preset's where the config has none.
        data = merge(presets.load(data.get("preset", DEFAULT_PRESET)), data)
        given: set[str] = set()
        for assignment in others:
            data = assign(data, assignment, given)
    return RenderSpec.from_config(data)


def _split_preset(sets: list[str]) -> tuple[list[str], list[str]]:
    """`preset=…` among the assignments, and the rest, which then change that preset wherever they stand."""
    names = [text for text in sets if text.partition("=")[0] == "preset"]
    return names, [text for text in sets if text not in names]


def read_assets(config: Path | None) -> LocalAssets:
    """Files that a spec names are looked for beside the config, or here."""
    from oriel_fx.render.assets import LocalAssets

    return LocalAssets(config.parent if config else Path())


def check_picture(target: Path, force: bool) -> None:
    """Whether a picture can be written there, asked before any work is done. Raises OutputError."""
    if target.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise OutputError(f"{target.name} does not end in .png, .jpg or .webp.", "Choose such a name.")
    try:
        os.lstat(target)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise OutputError("The picture's name is too long for a file.", "Choose a shorter one with -o.") from None
    if target.is_dir():
        raise OutputError(f"{target} is a folder.", "Give a file name.")
    if target.exists() and not target.is_file():
        raise OutputError(f"{target} is no file but a pipe or a device.", "Give a file name.")
    if target.exists() and not force:
        raise OutputError(f"{target} exists already.", "Use --force to replace it, or choose another name.")
    if not target.absolute().parent.is_dir():
        raise OutputError(f"There is no folder {target.absolute().parent}.", "Make it first, or choose another place.")


def assign(data: dict[str, Any], assignment: str, given: set[str] | None = None) -> dict[str, Any]:
    """A copy of plain data with one `path.to.key=value` applied; numbers in the path index lists.

    Values are JSON where they parse as it, else text. Another `type` drops what belonged to the one before, but
    for what earlier assignments, whose paths are in `given`, have set. Raises UsageError, SpecError.
    """
    path, equals, text = assignment.partition("=")
    if not equals or not path:
        raise UsageError(f"--set {assignment!r} has no value.", "Write it as --set path.to.key=value.")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    copy = deepcopy(data)
    *parents, last = path.split(".")
    place: Any = copy
    for depth, key in enumerate(parents):
        if isinstance(place, dict):
            place = place.setdefault(key, {})
        else:
            place = _item(place, key, ".".join(parents[: depth + 1]), path)
    given = set() if given is None else given
    if isinstance(place, dict):
        if last == "type" and place.get("type") != value:
            kept = [key for key in place if ".".join([*parents, key]) in given]
            for key in place.keys() - kept:
                del place[key]
        place[last] = value
    else:
        _item(place, last, path, path)
        place[int(last)] = value
    given.add(path)
    return copy


def _item(place: Any, key: str, so_far: str, path: str) -> Any:
    if not isinstance(place, list):
        raise SpecError(
            f"--set {path}: there is nothing inside {so_far.rpartition('.')[0]!r}.",
            "It is a plain value.",
            path,
        )
    if not (key.isascii() and key.isdigit()) or int(key) >= len(place):
        raise SpecError(
            f"--set {path}: {so_far} does not exist; the list has {len(place)} entries.",
            f"Count from 0 to {len(place) - 1}." if place else "The list is empty.",
            path,
        )
    return place[int(key)]
