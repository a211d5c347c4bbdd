"""Faults in a spec, said so that the person who wrote it can mend it."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError

from oriel_fx.errors import SpecError


def describe(error: ValidationError) -> SpecError:
    """The first fault as one sentence with its path, and as hint the nearest valid names."""
    faults = error.errors(include_url=False)
    # An unknown key explains the faults that follow from it.
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    path, model = _locate(fault["loc"])
    where = path or "the config"
    more = f" ({len(faults) - 1} more faults after this one.)" if len(faults) > 1 else ""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        key = str(fault["loc"][-1])
        names = list(model.model_fields) if model else []
        parent = path.rpartition(".")[0]
        inside = f" in {parent}" if parent else ""
        return SpecError(f"Unknown key {key!r}{inside}.", _nearest(key, names) + more, path)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        names = [name.strip(" '") for name in str(context.get("expected_tags", "")).split(",")] or _tags(
            model, fault["loc"]
        )
        tag = str(context.get("tag", ""))
        if kind == "union_tag_not_found":
            return SpecError(f"{where} has no type.", _tag_hint(fault), f"{path}.type")
        return SpecError(f"{where}: unknown type {tag!r}.", _nearest(tag, names) + more, f"{path}.type")
    if kind == "literal_error":
        names = [name.strip(" '") for name in str(context["expected"]).replace(" or ", ",").split(",")]
        return SpecError(
            f"{where}: {fault['input']!r} is not one of its values.",
            _nearest(str(fault["input"]), names) + more,
            path,
        )
    message = fault["msg"].removeprefix("Value error, ").rstrip(".")
    given = "" if kind == "value_error" else f", not {_short(fault['input'])}"
    return SpecError(
        f"{where}: {message[0].lower() + message[1:] if given else message}{given}.",
        f"`oriel schema` lists what is allowed.{more}",
        path,
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest(word: str, names: list[str]) -> str:
    close = difflib.get_close_matches(word.lower(), names, 1, 0.5)
    guess = f"Did you mean {close[0]!r}? " if close else ""
    return f"{guess}Known: {', '.join(names)}."


def _tag_hint(fault: Any) -> str:
    return 'Say what it is, as in {"type": "bars"}; `oriel schema` lists the types.'


def _tags(model: type[BaseModel] | None, loc: tuple[int | str, ...]) -> list[str]:
    return []


def _locate(loc: tuple[int | str, ...]) -> tuple[str, type[BaseModel] | None]:
    """The path as the user writes it (without pydantic's union tags), and the model the last key was looked up in."""
    from oriel_fx.render.spec import RenderSpec

    path: list[str] = []
    model: Any = RenderSpec
    owner: type[BaseModel] | None = RenderSpec
    choices: dict[str, type[BaseModel]] = {}
    for part in loc:
        if choices and part in choices:
            owner = choices[str(part)]
            choices = {}
            continue
        path.append(str(part))
        if isinstance(part, int):
            continue
        field = owner.model_fields.get(part) if owner else None
        if field is None:
            continue
        models = _models(field.annotation, field.metadata)
        choices = {m.model_fields["type"].default: m for m in models if "type" in m.model_fields}
        if len(models) == 1:
            owner = models[0]
    del model
    return ".".join(path), owner


def _models(annotation: Any, metadata: list[Any]) -> list[type[BaseModel]]:
    """The models an annotation can hold, through lists, unions and Annotated."""
    from typing import get_args

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part, metadata)]
