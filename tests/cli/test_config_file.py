"""Config files of every kind: what is read, and what is said of those that are broken, foreign or hostile."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from oriel_fx.cli.config_file import read_config
from oriel_fx.cli.options import read_spec
from oriel_fx.errors import SpecError

BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{below}'] * 10)}]\n" for below, name in zip("abcdefg", "bcdefgh", strict=True)
)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '\ufeff{"seed": 7}'),
        ("a.txt", '{"seed": 7}'),
        ("a.yaml", "seed: 7"),
        ("A.YML", "seed: 7"),
        ("a.toml", "seed = 7"),
    ],
)
def test_all_kinds_are_read(tmp_path: Path, name: str, content: str) -> None:
    assert read_config(write(tmp_path, name, content)) == {"seed": 7}


@pytest.mark.parametrize("name", ["a.yaml", "a.toml"])
def test_a_file_of_comments_says_nothing(tmp_path: Path, name: str) -> None:
    assert read_config(write(tmp_path, name, "# nothing yet\n")) == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.yaml", "tags: {date: 2024-05-01, title: x}\n1: 2"), ("a.toml", '1 = 2\n[tags]\ndate = 2024-05-01\ntitle="x"')],
)
def test_dates_and_keys_are_text_as_in_json(tmp_path: Path, name: str, content: str) -> None:
    assert read_config(write(tmp_path, name, content)) == {"tags": {"date": "2024-05-01", "title": "x"}, "1": 2}


def test_a_date_in_yaml_and_a_value_on_the_command_line_go_together(tmp_path: Path) -> None:
    spec = read_spec(write(tmp_path, "a.yaml", "tags: {date: 2024-05-01}"), None, {}, ["seed=3"])
    assert (spec.tags.date, spec.seed) == ("2024-05-01", 3)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", "", "is empty."),
        ("a.json", " \n", "is empty."),
        ("a.json", b"\xff\xfe{\0}\0", "is not text in UTF-8."),
        ("a.json", "[7]", "is not one object."),
        ("a.yaml", "- 7", "is not one object."),
        ("a.json", '{"seed": 7,\n}', "line 2, column 1: "),
        ("a.yaml", "preset: halo\n\tseed: 3", "line 2, column 1: "),
        ("a.toml", "seed = x", "line 1"),
        ("a.json", '{"seed": 1, "seed": 2}', "says 'seed' twice"),
        ("a.yaml", "output: {fps: 30, fps: 60}", "says 'fps' twice"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", '{"a":' * 60 + "1" + "}" * 60, "nested too deeply"),
        ("a.yaml", "a: " + "[" * 3000, "nested too deeply"),
        ("a.toml", "a = " + "[" * 3000, "nested too deeply"),
        ("a.yaml", BOMB, "too many values"),
        ("a.yaml", "a: &a\n  b: *a", "nested too deeply"),
        ("a.json", '{"seed": ' + "9" * 5000 + "}", "too many digits"),
        ("a.yaml", "date: 2024-13-45", "month must be in 1..12"),
        ("a.yaml", "a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(SpecError) as raised:
        read_config(write(tmp_path, name, content))
    assert sentence in raised.value.message
    assert name in raised.value.message
    assert "\n" not in raised.value.message
    assert raised.value.message.endswith(".")
    assert raised.value.hint


def test_places_that_are_no_config(tmp_path: Path) -> None:
    for place, sentence in [
        (tmp_path, "is a folder"),
        (tmp_path / "no.json", "There is no config file"),
        (Path("/dev/zero"), "is larger than 5 MB"),
        (tmp_path / ("x" * 300), "File name too long"),
    ]:
        with pytest.raises(SpecError, match=sentence):
            read_config(place)


def test_a_config_may_come_through_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=['{"seed": 7}'])
    writer.start()
    assert read_config(pipe) == {"seed": 7}
    writer.join()


@pytest.mark.parametrize("output", ["null", "[]", '"720p"'])
def test_an_option_does_not_hide_a_fault_in_the_config(tmp_path: Path, output: str) -> None:
    config = write(tmp_path, "a.json", f'{{"output": {output}}}')
    with pytest.raises(SpecError, match="output takes an object"):
        read_spec(config, None, {"size": "720p"}, None)
