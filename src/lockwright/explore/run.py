"""One finished execution, as every search hands it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lockwright.core.location import Names
from lockwright.core.schedule import Choice
from lockwright.core.world import World

MakeWorld = Callable[[Names], World]
"""Builds a fresh world: listeners attached, scenario set up, tasks spawned."""


@dataclass(slots=True)
class Run:
    """One execution that came to its end.

    `touched[i]` holds the access codes of step i (see `World.step`), `numbers[i]` the task's
    number; `sleeping` tells that the reduction gave it up because every enabled task slept.
    `plain_races` lists (first step, second step, location) of conflicts that only plain accesses
    make and nothing orders: data races.
    """

    world: World
    schedule: list[Choice]
    numbers: list[int]
    touched: list[list[int]]
    sleeping: bool = False
    plain_races: list[tuple[int, int, int]] = field(default_factory=list)


def trace_key(run: Run) -> tuple[object, ...]:
    """The Mazurkiewicz trace of a run: for each location the order of its conflicting accesses.

    Two runs have the same key if and only if one can be turned into the other by swapping
    neighbouring independent steps.  Reads between two writes have no order of their own.
    """
    nth: dict[int, int] = {}
    order: dict[int, list[object]] = {}
    labels: list[tuple[int, int, int]] = []
    for number, (_, choice), codes in zip(run.numbers, run.schedule, run.touched, strict=True):
        at = nth.get(number, 0)
        nth[number] = at + 1
        labels.append((number, at, choice))
        writes = {code >> 1 for code in codes if code >= 0 and code & 1}
        touched = {code >> 1 if code >= 0 else ~code for code in codes}
        for location in sorted(touched):
            entries = order.setdefault(location, [])
            if location in writes:
                entries.append((number, at))
            elif entries and isinstance(entries[-1], list):
                entries[-1].append((number, at))
                entries[-1].sort()
            else:
                entries.append([(number, at)])
    frozen = tuple(
        (location, tuple(tuple(e) if isinstance(e, list) else e for e in entries))
        for location, entries in sorted(order.items())
    )
    return tuple(sorted(labels)), frozen
