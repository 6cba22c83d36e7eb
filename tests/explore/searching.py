"""Two searches of one program, and what has to be the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld, trace_key

State = Callable[[World], Any]


@dataclass(slots=True)
class Seen:
    """What a search saw.  `keys` has one trace for each execution, in order."""

    keys: list[Any] = field(default_factory=list)
    states: set[Any] = field(default_factory=set)
    sleeping: int = 0


def brute_force(make: MakeWorld, state: State, most: int) -> Seen | None:
    """Every interleaving; None if there are more than `most`."""
    seen = Seen()
    for run in plain_search(make):
        if len(seen.keys) == most:
            return None
        seen.keys.append(trace_key(run))
        seen.states.add(state(run.world))
    return seen


def reduced(make: MakeWorld, state: State, names: Names) -> Seen:
    """Every trace, by DPOR; `names` are those of the worlds that `make` makes."""
    seen = Seen()
    dpor = Dpor(make)
    dpor.names = names
    for run in dpor:
        if run.sleeping:
            seen.sleeping += 1
            continue
        seen.keys.append(trace_key(run))
        seen.states.add(state(run.world))
    return seen


def difference(make: MakeWorld, state: State, names: Names, most: int) -> str | None:
    """How DPOR differs from brute force: empty if it does not, None if there is too much to do."""
    plain = brute_force(make, state, most)
    if plain is None:
        return None
    dpor = reduced(make, state, names)
    found = []
    if dpor.sleeping:
        found.append(f"{dpor.sleeping} executions were blocked by their sleep sets")
    if len(set(dpor.keys)) < len(dpor.keys):
        found.append(f"{len(dpor.keys) - len(set(dpor.keys))} traces were explored again")
    if missing := len(set(plain.keys) - set(dpor.keys)):
        found.append(f"{missing} of {len(set(plain.keys))} traces are missing")
    if unknown := len(set(dpor.keys) - set(plain.keys)):
        found.append(f"{unknown} traces are none")
    if plain.states != dpor.states:
        found.append(f"{plain.states ^ dpor.states} are final states of one of them only")
    return "; ".join(found)
