"""The documents say all that the program does, and nothing else; their links and examples work."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args

import click
import pytest
import typer.main
from pydantic import BaseModel

from oriel_fx import LocalAssets, OrielError, RenderSpec, errors, render_video
from oriel_fx.cli.config_file import read_config
from oriel_fx.cli.main import app
from oriel_fx.render import presets
from oriel_fx.render.background import Background, Motion
from oriel_fx.render.classic import KEYS
from oriel_fx.render.demo_song import write_demo_song
from oriel_fx.render.effects import Effect
from oriel_fx.render.encode.process import find_ffmpeg
from oriel_fx.render.layers import Layer
from oriel_fx.render.scene import Params, Placed
from oriel_fx.render.spec import ASPECTS, SIZES, Output, PaletteSpec, TagsSpec

ROOT = Path(__file__).parents[1]
GUIDE, CI, GALLERY, README = (ROOT / name for name in ("docs/guide.md", "docs/ci.md", "docs/gallery.md", "README.md"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.suffix in (".json", ".yaml", ".toml"))
COMMANDS = cast(click.Group, typer.main.get_command(app)).commands
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<(?:img|a)\s[^>]*?(?:src|href)=\"([^\"]+)\"")


def read(path: Path) -> str:
    return path.read_text("utf-8")


def section(text: str, heading: str) -> str:
    """The lines under a heading, up to the next of its rank or above."""
    rank = heading.index(" ")
    found = re.search(rf"^{re.escape(heading)}\s*$(.*?)(?=^#{{1,{rank}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no heading {heading!r}"
    return found[1]


def code_blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", read(path), re.MULTILINE | re.DOTALL)


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, the headers' too."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


# Commands


def oriel_commands(path: Path) -> Iterator[list[str]]:
    """Each `oriel …` in the sh blocks, as arguments up to the first pipe, redirection or `&&`."""
    for block in code_blocks(path, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("oriel "):
                lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
                lexer.whitespace_split = True
                lexer.commenters = "#"
                words = list(lexer)
                end = next((i for i, word in enumerate(words) if set(word) <= set("|&;<>()")), len(words))
                yield words[1:end]


CASES = [(path.name, words) for path in DOCUMENTS for words in oriel_commands(path)]


@pytest.mark.parametrize(("document", "words"), CASES, ids=[" ".join(["oriel", *words]) for _, words in CASES])
def test_each_command_in_the_documents_is_one_the_program_takes(document: str, words: list[str]) -> None:
    if words[0].startswith("-"):
        assert words[0] in ("--help", "--version", "--install-completion", "--show-completion")
        return
    assert words[0] in COMMANDS, f"{document} names the command {words[0]!r}"
    try:
        COMMANDS[words[0]].make_context(words[0], words[1:])
    except click.exceptions.Exit as done:  # --help
        assert done.exit_code == 0


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_guide_shows_each_command_with_all_its_options(name: str) -> None:
    text = section(read(GUIDE), f"### oriel {name}")
    for param in COMMANDS[name].params:
        if isinstance(param, click.Option) and param.name != "help":
            for option in [*param.opts, *param.secondary_opts]:
                assert re.search(rf"`[^`]*{re.escape(option)}(?![\w-])[^`]*`", text), f"oriel {name} {option}"
    assert f"```sh\noriel {name}" in text, "it has an example"
    known = {option for param in COMMANDS[name].params for option in [*param.opts, *param.secondary_opts]}
    for cells in rows(text):
        for option in re.findall(r"--?[a-z][\w-]*", cells[0]):
            assert option in known, f"oriel {name} has no {option}"


def test_the_readme_begins_with_the_two_commands_that_set_up() -> None:
    first = re.search(r"^```\w*\n(.*?)^```", read(README), re.MULTILINE | re.DOTALL)
    assert first
    assert first[1].splitlines() == ["bash scripts/demo.sh", "bash scripts/test.sh"]
    assert read(ROOT / ".ci/run").splitlines()[-1] == first[1].splitlines()[1]


def test_the_readme_names_every_nox_session() -> None:
    sessions = re.findall(r"^@nox\.session\ndef (\w+)", read(ROOT / "noxfile.py"), re.MULTILINE)
    assert re.findall(r"^\| `nox -s (\w+)`", read(README), re.MULTILINE) == sessions


def test_the_architecture_names_only_modules_that_exist() -> None:
    there = {path.name for path in [*(ROOT / "src").rglob("*.py"), *ROOT.glob("*.py")]}
    named = set(re.findall(r"\b\w+\.py\b", read(ROOT / "docs/architecture.md")))
    assert named <= there, f"gone: {', '.join(sorted(named - there))}"


def test_no_file_names_a_registry() -> None:
    for path in [
        *ROOT.glob("scripts/*"),
        *ROOT.glob("*.txt"),
        *ROOT.glob("*.toml"),
        ROOT / "Dockerfile",
        *DOCUMENTS,
    ]:
        assert not re.search(r"--(extra-)?index-url|pypi\.org|simple/", read(path)), path


# Keys


def models(union: Any) -> list[type[Params]]:
    """The models of a discriminated union."""
    found: list[type[Params]] = []
    for part in get_args(union):
        if isinstance(part, type) and issubclass(part, BaseModel):
            found.append(cast(type[Params], part))
        else:
            found += models(part)
    return found


def kind_of(model: type[Params]) -> str:
    return str(model.model_fields["type"].default)


def key_rows(model: type[Params]) -> dict[str, list[str]]:
    """For each key its cells in the guide's table: the key, its default, and what it takes."""
    schema = model.model_json_schema()["properties"]
    return {
        key: [f"`{key}`", default_cell(facts), values_cell(facts)] for key, facts in schema.items() if key != "type"
    }


def default_cell(facts: dict[str, Any]) -> str:
    default = facts.get("default")
    if default is None:
        return ""
    return f"`{json.dumps(default)}`" if isinstance(default, list | bool) else f"`{default}`"


def values_cell(facts: dict[str, Any]) -> str:
    choices = [choice for choice in facts.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) == 1:
        return values_cell(choices[0])
    if any(choice.get("maximum") == 0xFFFFFF for choice in choices):
        return "colour"
    if choices:
        return " or ".join(dict.fromkeys("a name" if "enum" in c else c["type"] for c in choices)).replace(
            "string", "text"
        )
    if "enum" in facts:
        return ", ".join(f"`{value}`" for value in facts["enum"])
    if facts["type"] == "array":
        return f"{facts['minItems']} to {facts['maxItems']} colours"
    if facts["type"] in ("number", "integer"):
        low = facts["minimum"] if "minimum" in facts else f"more than {facts['exclusiveMinimum']}"
        high = facts["maximum"] if "maximum" in facts else f"less than {facts['exclusiveMaximum']}"
        return f"{low} to {high}"
    return {"boolean": "`true`, `false`", "string": "text"}[facts["type"]]


def assert_table(text: str, expected: dict[str, list[str]]) -> None:
    found = {cells[0]: cells for cells in rows(text) if cells[0].startswith("`")}
    for key, cells in expected.items():
        row = "| " + " | ".join(cells) + " | … |"
        assert found.get(f"`{key}`", [])[:3] == cells, f"docs/guide.md needs this row under it:\n{row}"
        assert len(found[f"`{key}`"]) == 4, f"{key} is not explained"
        assert found[f"`{key}`"][3] not in ("", "…"), f"{key} is not explained"
    gone = found.keys() - {f"`{key}`" for key in expected}
    assert not gone, f"docs/guide.md explains keys that do not exist: {', '.join(sorted(gone))}"


def own_keys(model: type[Params], common: type[Params]) -> dict[str, list[str]]:
    """The model's keys, without those it takes over unchanged from the common ones."""
    shared = key_rows(common) if issubclass(model, common) else {}
    return {key: cells for key, cells in key_rows(model).items() if shared.get(key) != cells}


@pytest.mark.parametrize("model", models(Layer), ids=kind_of)
def test_the_guide_explains_every_key_of_each_layer(model: type[Params]) -> None:
    assert_table(section(read(GUIDE), f"### Layer: {kind_of(model)}"), own_keys(model, Placed))


@pytest.mark.parametrize("model", models(Effect), ids=kind_of)
def test_the_guide_explains_every_key_of_each_effect(model: type[Params]) -> None:
    assert_table(section(read(GUIDE), f"### Effect: {kind_of(model)}"), key_rows(model))


@pytest.mark.parametrize("model", models(Background), ids=kind_of)
def test_the_guide_explains_every_key_of_each_background(model: type[Params]) -> None:
    assert_table(section(read(GUIDE), f"### Background: {kind_of(model)}"), own_keys(model, Motion))


@pytest.mark.parametrize(
    ("model", "heading"),
    [
        (Placed, "### Where a layer stands"),
        (Motion, "### How a background moves"),
        (Output, "### Output"),
        (PaletteSpec, "### Palette and colours"),
        (TagsSpec, "### Tags"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_the_guide_explains_every_common_key(model: type[Params], heading: str) -> None:
    assert_table(section(read(GUIDE), heading), key_rows(model))


def test_the_guide_names_every_key_of_a_config() -> None:
    named = {cells[0] for cells in rows(section(read(GUIDE), "### The whole of it"))}
    assert {f"`{key}`" for key in RenderSpec.model_fields} == named - {"key", "---"}
    classic = section(read(GUIDE), "### The original Oriel config")
    for key in KEYS:
        assert f"`{key}`" in classic
    for name in (*SIZES, *ASPECTS):
        assert f"`{name}`" in read(GUIDE)


@pytest.mark.parametrize("path", [README, GUIDE, CI], ids=lambda path: path.name)
def test_each_config_in_the_documents_is_valid(path: Path) -> None:
    for block in code_blocks(path, "json"):
        data = json.loads(block)
        if "event" not in data:
            RenderSpec.from_config(data)


# Presets, exit codes, links


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_is_in_the_gallery_and_the_readme(name: str) -> None:
    text = section(read(GALLERY), f"## {name}")
    assert f"images/{name}.jpg" in text
    assert presets.describe(name) in text
    assert f"--preset {name}" in text
    assert f"`{name}`" in read(README)
    assert f"docs/images/{name}.jpg" in read(README)


def test_the_exit_codes_are_those_of_the_errors() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, OrielError)]
    expected = {(str(kind.exit_code), f"`{kind.code}`") for kind in kinds}
    found = {(cells[0], cells[1]) for cells in rows(section(read(CI), "## Exit codes")) if cells[0].isdigit()}
    assert found - {("0", "")} == expected


def anchors(path: Path) -> set[str]:
    """A Markdown file's headings as the links to them are written."""
    headings = re.findall(r"^#+ (.*)$", read(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_and_picture_is_there(path: Path) -> None:
    for link in (first or second for first, second in _LINK.findall(read(path))):
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{path.name} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{path.name} links to {link}"


# What is run for real


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of the demo song, as an MP3."""
    folder = tmp_path_factory.mktemp("song")
    write_demo_song(folder / "song.wav", 4.0)
    command: list[str | Path] = [
        find_ffmpeg(),
        "-loglevel",
        "error",
        "-i",
        folder / "song.wav",
        "-b:a",
        "192k",
        folder / "song.mp3",
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return folder / "song.mp3"


def test_the_ci_recipe_runs_as_it_is_written(song: Path) -> None:
    recipe = next(block for block in code_blocks(CI, "sh") if "--frame-hashes" in block)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", recipe],
        cwd=song.parent,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    events = [json.loads(line) for line in (song.parent / "smoke.jsonl").read_text().splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["start", "done"]
    assert events[-1]["n_frames"] == 90
    assert len((song.parent / "smoke.hashes").read_text().splitlines()) == 90
    documented = {cells[0]: cells[1] for cells in rows(section(read(CI), "## Events"))}
    for event in events:
        for key in event.keys() - {"event"}:
            assert f"`{key}`" in documented[f"`{event['event']}`"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_renders(path: Path, song: Path, tmp_path: Path) -> None:
    data = read_config(path)
    data.pop("$schema", None)
    spec = RenderSpec.from_config(data)
    width, height = spec.output.size_px
    small = {"size": f"{width // 8 * 2}x{height // 8 * 2}", "start": 1, "duration": 0.2, "quality": "draft"}
    spec = RenderSpec.from_config(data, {"output": small})
    result = render_video(song, tmp_path / "out.mp4", spec, assets=LocalAssets(path.parent))
    assert result.n_frames == max(1, round(0.2 * spec.output.frames_per_s))


def test_the_library_example_runs(song: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [
        sys.executable,
        ROOT / "examples/library.py",
        song,
        tmp_path / "out.mp4",
        "--size",
        "160x90",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    assert "draw" in ran.stdout


@pytest.mark.parametrize("path", [README, GUIDE], ids=lambda path: path.name)
def test_the_python_in_the_documents_runs(path: Path, song: Path, tmp_path: Path) -> None:
    (block,) = code_blocks(path, "python")
    (tmp_path / "song.mp3").symlink_to(song)
    ran = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert len(list(tmp_path.glob("*.mp4"))) == 1
