"""Whether data that was read from a file is what it says to be, before a report is made of it.

`from_json` of the records takes values as they come, and fails somewhere within on what is no list.
What a result file says is told to people and drawn, so that each value must be of its type, no
count negative, and each number that points to something must point to something that is there.

`check_form` looks at the JSON before a record is made of it, `check_types` at the record.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.nearest import Nearest
from lockwright.core.prediction import Link, Prediction
from lockwright.core.result import Result
from lockwright.core.timeline import NEVER, Timeline

COUNTS = (
    *("executions", "estimated", "deadlocked", "sleep_set_blocked", "steps", "steps_longest"),
    *("restarts", "attempts", "outcomes", "address"),
)
"""Fields that hold no negative numbers."""
OWN_FORM = ("schedule", "by", "coverage", "deadlock", "report")
"""Fields whose JSON form is another than their type: `from_json` knows it."""

NEEDED: dict[type[Value], tuple[str, ...]] = {
    Result: ("verdict", "findings"),
    Finding: ("chain", "lines", "classes", "schedule", "events"),
    Nearest: ("events",),
    Timeline: tuple(each.name for each in fields(Timeline)),
    Prediction: ("links", "attempts", "deadlock"),
    Link: ("by",),
}
"""Fields with a default that must be there all the same."""


def check_form(kind: type[Value], data: Value, where: str = "") -> None:
    """Raise ValueError, which says where, for JSON data that no record of this kind has."""
    if not is_dataclass(kind):
        _check_array(kind, data, where)
        return
    if not isinstance(data, dict):
        raise ValueError(f"{where or 'it'} is {_short(data)}")
    required = _required(kind)
    for name in required:
        if name not in data:
            raise ValueError(f"{_within(where, name)} is missing")
    for name, hint in _hints(kind).items():
        if name == "schedule" and name in required:
            _check(data[name], str, _within(where, name))
        elif name in data and name not in OWN_FORM:
            _check_form(data[name], hint, _within(where, name))


def _check_array(kind: type[Value], data: Value, where: str) -> None:
    """Of a named tuple, whose JSON form is a list."""
    hints = list(_hints(kind).values())  # type: ignore[arg-type]  # a class can be hashed
    short = len(hints) - len(kind._field_defaults)
    if not isinstance(data, list) or not short <= len(data) <= len(hints):
        raise ValueError(f"{where} is {_short(data)}")
    for at, (each, hint) in enumerate(zip(data, hints, strict=False)):
        _check_form(each, hint, f"{where}[{at}]")


def _check_form(data: Value, hint: object, where: str) -> None:
    """Of a field: what is a list or an object has to be one; `check_types` sees the rest."""
    kinds = [each for each in _kinds(hint) if each is not types.NoneType]
    if data is None and len(kinds) < len(_kinds(hint)):
        return
    known, inner = _class_of(kinds[0]), get_args(kinds[0])
    if known in (list, tuple):
        if not isinstance(data, list):
            raise ValueError(f"{where} is {_short(data)}")
        if inner[1:] == (...,) or known is list:
            for at, each in enumerate(data):
                _check_form(each, inner[0], f"{where}[{at}]")
    elif known is dict and not isinstance(data, dict):
        raise ValueError(f"{where} is {_short(data)}")
    elif _hints(known):  # type: ignore[arg-type]  # the same
        check_form(known, data, where)


@cache
def _required(kind: type[Value]) -> tuple[str, ...]:
    """The fields that must be there: those without a default, and what `from_json` asks for."""
    names = [each.name for each in fields(kind) if _plain(each)]
    return *names, *(name for name in NEEDED.get(kind, ()) if name not in names)


def _plain(field: Field[Value]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _within(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def check_types(value: Value, where: str = "") -> None:
    """Raise ValueError, which says where, for a record with a field that is not of its type."""
    hints = _hints(type(value))  # type: ignore[arg-type]  # a class can be hashed
    for name, hint in hints.items():
        found = getattr(value, name)
        _check(found, hint, _within(where, name))
        if name in COUNTS:
            _check_counts(found, _within(where, name))
    if isinstance(value, Timeline):
        check_timeline(value, where)


def _check_counts(found: Value, where: str) -> None:
    """Numbers: one, or some with names."""
    if isinstance(found, dict):
        for key, each in found.items():
            _check_counts(each, f"{where}[{_short(key)}]")
    elif isinstance(found, int) and found < 0:
        raise ValueError(f"{where} is {found}")


@cache
def _hints(kind: type[Value]) -> dict[str, object]:
    """The fields of a dataclass or a named tuple, with their types; none of anything else."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return {field.name: hints[field.name] for field in fields(kind)}
    return get_type_hints(kind) if hasattr(kind, "_fields") else {}


def _check(value: Value, hint: object, where: str) -> None:
    if hint is Any:
        return
    fitting = [each for each in _kinds(hint) if isinstance(value, _class_of(each))]
    if not fitting or (isinstance(value, bool) and bool not in map(_class_of, fitting)):
        raise ValueError(f"{where} is {_short(value)}")
    inner = get_args(fitting[0])
    if not inner:
        check_types(value, where)
    elif isinstance(value, dict):
        for key, each in value.items():
            _check(key, inner[0], where)
            _check(each, inner[1], f"{where}[{_short(key)}]")
    elif isinstance(value, list) or inner[1:] == (...,):
        for at, each in enumerate(value):
            _check(each, inner[0], f"{where}[{at}]")
    elif len(value) != len(inner):
        raise ValueError(f"{where} is {_short(value)}")
    else:
        for at, (each, kind) in enumerate(zip(value, inner, strict=True)):
            _check(each, kind, f"{where}[{at}]")


def _kinds(hint: object) -> tuple[object, ...]:
    """The types that a hint allows."""
    if get_origin(hint) in (Union, types.UnionType):
        return get_args(hint)
    return (hint,)


def _class_of(kind: object) -> type[object]:
    """The class of a type, without what is in it."""
    known = get_origin(kind) or kind
    return known if isinstance(known, type) else types.NoneType


def _short(value: Value) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def check_timeline(timeline: Timeline, where: str = "timeline") -> None:
    """Raise ValueError for one that points to what is not there."""
    locks, things = range(len(timeline.locks)), timeline.things
    places, tasks = range(len(timeline.places)), {lane.task for lane in timeline.lanes}
    _all(places, (at for chain in timeline.chains for at in chain), where, "place")
    _all(locks, (hold.lock for hold in timeline.holds), where, "lock")
    _all(locks, (wait.lock for wait in timeline.waits if wait.lock != NEVER), where, "lock")
    for records in (timeline.holds, timeline.waits, timeline.grace_periods):
        _all(tasks, (record.task for record in records), where, "task")
    _all(tasks, (task for wait in timeline.waits for task in wait.on), where, "task")
    readers = (task for period in timeline.grace_periods for task in period.readers)
    _all(tasks, readers, where, "task")
    _all(range(len(things)), (change.thing for change in timeline.changes), where, "thing")
    for change in timeline.changes:
        known: Sequence[int] = range(len(things[change.thing].fields))
        _all(known, (change.field,), where, "field")


def _all(known: Sequence[int] | set[int], numbers: Iterable[int], where: str, what: str) -> None:
    for number in numbers:
        if number not in known:
            raise ValueError(f"{where} has no {what} {number}")
