"""Config files: JSON, YAML or TOML read into plain data, and a fault in one said with its place."""

from __future__ import annotations

import json
import stat
from datetime import date, time
from pathlib import Path
from typing import Any

from oriel_fx.errors import SpecError

LARGEST_BYTES = 5_000_000
# No config needs more. YAML's references can make a small file stand for any number of values, or for itself.
DEEPEST, MOST_VALUES = 40, 100_000


def read_config(path: Path) -> dict[str, Any]:
    """A config file as plain data: objects, lists, text, numbers. Raises SpecError saying what is wrong and where."""
    text = _read_text(path)
    suffix = path.suffix.lower()
    try:
        data = _parse(text, suffix)
    except SpecError as error:
        raise SpecError(f"The config {str(path)!r} {error.message}", error.hint) from None
    except RecursionError:
        raise _too_much(path) from None
    except ValueError as error:
        raise SpecError(f"The config {str(path)!r} is not well formed: {_place(error)}.", _hint_for(suffix)) from None
    if not isinstance(data, dict):
        raise SpecError(f"The config {str(path)!r} is not one object.", 'It should look like {"preset": "halo"}.')
    try:
        plain: dict[str, Any] = _Plain().of(data, 0)
    except RecursionError:
        raise _too_much(path) from None
    return plain


def _read_text(path: Path) -> str:
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            raise SpecError(f"The config {str(path)!r} is a folder.", "Name the file in it.")
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise SpecError(
            f"There is no config file {str(path)!r}.", "Check the path, or write one with `oriel init`."
        ) from None
    except OSError as error:
        raise SpecError(
            f"The config {str(path)!r} cannot be read: {error.strerror}.", "Check its name and its permissions."
        ) from None
    if len(data) > LARGEST_BYTES:
        raise SpecError(
            f"The config {str(path)!r} is larger than {LARGEST_BYTES // 1_000_000} MB.", "Is it another file's name?"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecError(f"The config {str(path)!r} is not text in UTF-8.", "Save it as UTF-8 and try again.") from None


def _parse(text: str, suffix: str) -> Any:
    """Raises ValueError, RecursionError, and SpecError whose message goes on after the file's name."""
    if suffix in (".yaml", ".yml"):
        return _parse_yaml(text)
    if suffix == ".toml":
        import tomllib

        return tomllib.loads(text)
    if not text.strip():
        raise SpecError("is empty.", "Write {} to take the preset as it is, or start with `oriel init`.")
    return json.loads(text, object_pairs_hook=_object)


def _parse_yaml(text: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """As YAML's own, but a key that stands twice is a fault."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            _refuse_twins([key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
            mapping: dict[Any, Any] = super().construct_mapping(node, deep)
            return mapping

    try:
        # A SafeLoader, whatever its name.
        return yaml.load(text, Loader) or {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{place}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_twins([key for key, _ in pairs])
    return dict(pairs)


def _refuse_twins(keys: list[str]) -> None:
    twin = next((key for key in keys if keys.count(key) > 1), None)
    if twin is not None:
        raise SpecError(f"says {twin!r} twice in one object.", "Keep one of the two.")


def _place(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    # Python's own limit, told in words about Python.
    return "a number has too many digits" if "digits" in str(error) else str(error).rstrip(".")


def _hint_for(suffix: str) -> str:
    if suffix == ".toml":
        return "Mend that place and try again."
    if suffix in (".yaml", ".yml"):
        return "Mend that place and try again. Colours need quotes, and no line starts with a tab."
    hint = "Look there for a comma too many or too few, or a missing quote or bracket; JSON has no comments."
    return hint if suffix == ".json" else f"{hint} A YAML or TOML file ends in .yaml or .toml."


def _too_much(path: Path) -> SpecError:
    return SpecError(f"The config {str(path)!r} is nested too deeply, or has too many values.", "Check its lists.")


class _Plain:
    """Copies parsed data as JSON would hold it: text for dates and keys. Raises RecursionError where it is too much."""

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if depth > DEEPEST or self._left < 0:
            raise RecursionError
        if isinstance(value, dict):
            return {str(key): self.of(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | set):
            return [self.of(item, depth + 1) for item in value]
        return str(value) if isinstance(value, date | time) else value
