"""Faults in a spec, said so that the person who wrote it can mend it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel

from oriel_fx.errors import SpecError
from oriel_fx.render.nearest import nearest

_SEE_SCHEMA = "`oriel schema` lists what is allowed."
_NEEDS_TYPE = 'Say what it is, as in {"type": "bars"}; `oriel schema` lists the types.'
# What each of pydantic's errors wanted instead.
_WANTED = {
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "an object such as {{...}}",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "more than {gt:.10g}",
    "greater_than_equal": "{ge:.10g} or more",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "less than {lt:.10g}",
    "less_than_equal": "{le:.10g} or less",
    "list_type": "a list such as [...]",
    "model_attributes_type": "an object such as {{...}}",
    "model_type": "an object such as {{...}}",
    "string_too_long": "text of at most {max_length} characters",
    "string_type": "text",
    "too_long": "a list of at most {max_length}",
    "too_short": "a list of at least {min_length}",
}


@dataclass(frozen=True)
class _Place:
    """Where a fault is: its path as the user writes it, the model its last key belongs to, that model's rivals."""

    path: str
    model: type[BaseModel]
    rivals: dict[str, type[BaseModel]]


def describe(
    faults: Sequence[Any], known: Sequence[SpecError] = (), written: Mapping[str, str] | None = None
) -> SpecError:
    """The first fault as one sentence with its path, and as hint the nearest valid names; the rest as its `others`.

    `faults` are pydantic's; `known` those found before it looked, which come first. There is one at least. `written`
    gives the paths that the user wrote in another way.
    """
    # An unknown key explains the faults that follow from it.
    ordered = sorted(faults, key=lambda fault: bool(fault["type"] != "extra_forbidden"))
    first, *others = [*known, *(_describe_one(fault, written or {}) for fault in ordered)]
    if others:
        first.hint += f" ({len(others)} more fault{'s' if len(others) > 1 else ''} after this one.)"
    first.others = tuple(others)
    return first


def _describe_one(fault: Any, written: Mapping[str, str]) -> SpecError:
    place = _locate(fault["loc"])
    path = written.get(place.path, place.path)
    message, hint = _say(fault, place, path or "the config")
    if fault["type"] in ("union_tag_not_found", "union_tag_invalid"):
        path += ".type"
    return SpecError(message, hint, path)


def _say(fault: Any, place: _Place, where: str) -> tuple[str, str]:
    """A fault's message and hint."""
    kind, given, context = fault["type"], fault["input"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(str(fault["loc"][-1]), place)
    if kind == "union_tag_not_found":
        return f"{where} has no type.", _NEEDS_TYPE
    if kind == "union_tag_invalid":
        return f"{where}: unknown type {_short(context['tag'])}.", _known(context["tag"], list(place.rivals))
    if kind == "literal_error":
        names = [name.strip(" '") for name in context["expected"].replace(" or ", ",").split(",")]
        return f"{where}: {_short(given)} is not one of its values.", _known(str(given), names)
    if isinstance(given, dict) and given.keys() & {"landscape", "square", "portrait"}:
        return (
            f"{where} is not chosen for every aspect ratio.",
            'Write {"landscape": …, "portrait": …}; "square" may be left out.',
        )
    if kind in _WANTED:
        return f"{where} takes {_WANTED[kind].format(**context)}, not {_short(given)}.", _SEE_SCHEMA
    return f"{where}: {fault['msg'].removeprefix('Value error, ').rstrip('.')}.", _SEE_SCHEMA


def _unknown_key(key: str, place: _Place) -> tuple[str, str]:
    parent = place.path.rpartition(".")[0]
    message = f"Unknown key {_short(key)} in {parent}." if parent else f"Unknown key {_short(key)}."
    own = place.model.model_fields
    kin = [f"{name!r}" for name, model in place.rivals.items() if key in model.model_fields]
    if kin:
        # A partial object merges over the preset's, which may be of another type than its writer thinks.
        close = nearest(key, own)
        guess = f"Did you mean {close!r}? " if close else ""
        hint = f"{guess}{key!r} goes with type {' or '.join(kin)}. Known here: {', '.join(own)}."
        return f"{message[:-1]}, which is of type {own['type'].default!r}.", hint
    inside = [name for name in own if any(key in m.model_fields for m in _models(own[name].annotation))]
    if not parent and inside:
        return message, f"Did you mean {f'{inside[0]}.{key}'!r}? Known: {', '.join(own)}."
    return message, _known(key, list(own))


def _known(word: str, names: list[str]) -> str:
    close = nearest(word, names)
    guess = f"Did you mean {close!r}? " if close else ""
    return f"{guess}Known: {', '.join(names)}."


def _short(value: Any) -> str:
    """A value as JSON writes it, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else repr(value)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _locate(loc: tuple[int | str, ...]) -> _Place:
    """The place pydantic names, without its union tags."""
    from oriel_fx.render.spec import RenderSpec

    path: list[str] = []
    owner: type[BaseModel] = RenderSpec
    rivals: dict[str, type[BaseModel]] = {}
    tags: dict[str, type[BaseModel]] = {}
    for part in loc:
        if part in tags:
            owner, rivals, tags = tags[str(part)], tags, {}
            continue
        path.append(str(part))
        field = owner.model_fields.get(part) if isinstance(part, str) else None
        if field is None:
            continue
        models = _models(field.annotation)
        tags = {m.model_fields["type"].default: m for m in models if "type" in m.model_fields}
        if len(models) == 1 and not tags:
            owner = models[0]
    return _Place(".".join(path), owner, tags or rivals)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models an annotation can hold, through lists, unions and Annotated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
