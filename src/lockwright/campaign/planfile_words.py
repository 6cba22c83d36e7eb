"""What is wrong in a plan's file: where, what, and what was expected; one line for each fault.

A place is written as `explore[0].strategies[1]`: tables and lists count from 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.options import check_name

FAULTS: Final = "faults"
"""The type of an error that says several faults of one table."""
SHOWN_MAX = 60
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_TYPES = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a number that is finite",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
Fault = tuple[str, str]
"""The place in a table, "" for the table itself, and what is wrong there."""


def several(faults: Sequence[Fault]) -> PydanticCustomError:
    """The error of a table that has these faults."""
    return PydanticCustomError(FAULTS, "several faults", {FAULTS: list(faults)})


def known(what: str, names: Iterable[str]) -> Callable[[str], str]:
    """A validator of names that are in a list."""
    there = tuple(names)

    def check(name: str) -> str:
        try:
            check_name(what, name, there)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return name

    return check


def shown(value: Value) -> str:
    """A value as a plan's file has it, shortened."""
    if isinstance(value, Mapping):
        text = "a table"
    elif isinstance(value, list):
        text = "a list" if value else "an empty list"
    else:
        text = json.dumps(value, ensure_ascii=False) if _plain(value) else str(value)
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 3]}..."


def _plain(value: Value) -> bool:
    return isinstance(value, bool | int | str)


def at(place: str, key: str | int) -> str:
    """The place of what is in a table or a list."""
    if isinstance(key, int):
        return f"{place}[{key}]"
    name = key if _BARE_KEY.match(key) else json.dumps(key, ensure_ascii=False)
    return f"{place}.{name}" if place else name


def report(source: str, faults: Sequence[str]) -> UsageError:
    """The one error that tells of all faults of a file."""
    if len(faults) == 1:
        return UsageError(f"{source}: {faults[0]}")
    lines = "\n".join(f"  {fault}" for fault in faults)
    return UsageError(f"{source}: {len(faults)} faults\n{lines}")


def faults_in(error: ValidationError, data: Value, model: type[BaseModel]) -> list[str]:
    """The faults that a model of the whole file has found in it, in the order of the file's
    tables."""
    lines: list[str] = []
    for detail in error.errors(include_url=False):
        lines += _lines(detail, data, model)
    return lines


def _lines(detail: ErrorDetails, data: Value, model: type[BaseModel]) -> list[str]:
    place, table = _place(detail["loc"], data, missing=detail["type"] == "missing")
    if detail["type"] == FAULTS:
        faults: list[Fault] = detail["ctx"][FAULTS]
        return [f"{'.'.join(filter(None, (place, key)))}: {said}" for key, said in faults]
    return [f"{place}: {_said(detail, table, model)}" if place else _said(detail, table, model)]


def _place(loc: tuple[int | str, ...], data: Value, *, missing: bool) -> tuple[str, list[str]]:
    """A place in the file, as far as the file has it, and the same without the numbers.

    A single value may stand for a list of it, and a name for a table: what the models make of it
    is not in the file.
    """
    place, keys = "", []
    for nth, key in enumerate(loc):
        there = isinstance(key, int) and isinstance(data, list)
        if isinstance(key, str) and isinstance(data, Mapping):
            there = key in data or (missing and nth == len(loc) - 1)
        if isinstance(key, str):
            keys.append(key)
        if not there:
            continue
        place = at(place, key)
        data = data.get(key) if isinstance(data, Mapping) else data[key]
    return place, keys


def _said(detail: ErrorDetails, keys: list[str], model: type[BaseModel]) -> str:
    kind, value, ctx = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return f"is missing{_hint(keys, model)}"
    if kind == "extra_forbidden":
        return _unknown(keys, model)
    if kind == "value_error":
        return str(ctx["error"])
    if kind == "list_type" and isinstance(value, Mapping):
        return f"is one table: write [[{keys[-1]}]], in two pairs of brackets, for each"
    if kind in _TYPES:
        return f"expected {_TYPES[kind]}, not {shown(value)}"
    if kind == "greater_than_equal":
        return f"expected {ctx['ge']} or more, not {shown(value)}"
    if kind == "greater_than":
        return f"expected more than {ctx['gt']:g}, not {shown(value)}"
    if kind in ("too_short", "string_too_short"):
        return "is empty: expected one or more"
    return f"{detail['msg']}, not {shown(value)}"


def _hint(keys: list[str], model: type[BaseModel]) -> str:
    """What is to be in a key that is missing: the first sentence about it."""
    field = _table(keys[:-1], model).model_fields.get(keys[-1])
    return f": {field.description}" if field is not None and field.description else ""


def _unknown(keys: list[str], model: type[BaseModel]) -> str:
    try:
        check_name("key", keys[-1], _table(keys[:-1], model).model_fields)
    except UsageError as error:
        return str(error)
    return "unknown key"  # a name that stands for what is no table


def _table(keys: list[str], model: type[BaseModel]) -> type[BaseModel]:
    """The model of a table, by the keys that lead to it."""
    for key in keys:
        field = model.model_fields.get(key)
        inner = [] if field is None else _models(field.annotation)
        if inner:
            model = inner[0]
    return model


def _models(annotation: Value) -> list[type[BaseModel]]:
    """The models in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models(part)]
