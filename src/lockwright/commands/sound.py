"""Whether data that was read from a file is what it says to be, before a report is made of it.

`from_json` of the records takes values as they come.  What a result file says is told to people
and drawn, so that each value must be of its type, and each number that points to something must
point to something that is there.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from lockwright.core.location import Value
from lockwright.core.timeline import NEVER, Timeline


def check_types(value: Value, where: str = "") -> None:
    """Raise ValueError, which says where, for a record with a field that is not of its type."""
    hints = _hints(type(value))  # type: ignore[arg-type]  # a class can be hashed
    for name, hint in hints.items():
        _check(getattr(value, name), hint, f"{where}.{name}" if where else name)
    if isinstance(value, Timeline):
        check_timeline(value, where)


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
