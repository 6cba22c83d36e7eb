"""Two searches of one program, and what has to be the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from lockwright.check.datarace import DataRaces
from lockwright.check.deadlock import Deadlock
from lockwright.check.held import HeldLocks
from lockwright.check.leak import Leak
from lockwright.check.rule import Rule
from lockwright.check.sections import Sections
from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.rounds import Rounds
from lockwright.explore.run import MakeWorld, Run, trace_key
from lockwright.lockorder import LockOrder

State = Callable[[World], Any]
Search = Callable[[MakeWorld], Iterable[Run]]


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


def _what(finding: Finding) -> tuple[str, ...]:
    """What a finding is about.  The validator says each thing once in a search, in whatever
    execution comes first, so that only the kind and the classes of what it says can be compared."""
    if finding.classes or finding.report is not None:
        return tuple(sorted(finding.classes))
    return (finding.signature,)


@dataclass(slots=True)
class Judged:
    """What a search saw under the rules.

    `findings` has the kind of each finding and what it is about; `orders` the
    edges of the lock graph; `races` the signatures of the data races, if they were asked for.
    """

    executions: int = 0
    states: set[Any] = field(default_factory=set)
    findings: set[tuple[str, tuple[str, ...]]] = field(default_factory=set)
    orders: set[tuple[str, str]] = field(default_factory=set)
    races: set[str] = field(default_factory=set)
    sleeping: int = 0

    def difference(self, other: Judged) -> list[str]:
        """What only one of two searches saw; empty if they agree."""
        found = []
        for what in ("states", "findings", "orders"):
            for item in sorted(getattr(self, what) - getattr(other, what)):
                found.append(f"only the first has {what}: {item}")
            for item in sorted(getattr(other, what) - getattr(self, what)):
                found.append(f"only the second has {what}: {item}")
        return found


def judged(
    search: Search,
    build: Callable[[World], None],
    state: State,
    most: int,
    *,
    world_of: Callable[[Names], World] = World,
    racing: bool = True,
) -> Judged | None:
    """Everything that a search sees under the rules that need no promises; None if it takes more
    than `most` executions."""
    seen = Judged()
    rules: list[Rule] = []
    orders: list[LockOrder] = []

    def anew() -> None:
        held, order = HeldLocks(), LockOrder("test")
        orders[:] = [order]
        rules[:] = (held, Deadlock(held), order, Sections(), Leak())

    def bare(names: Names) -> World:
        world = world_of(names)
        build(world)
        return world

    anew()

    def make(names: Names) -> World:
        world = world_of(names)
        for rule in rules:
            rule.begin(world)
        build(world)
        return world

    races = DataRaces(bare)
    searching = search(make)
    if isinstance(searching, (Dpor, Rounds)):
        dpor = searching.dpor if isinstance(searching, Rounds) else searching
        dpor.bare, searching.on_restart = bare, anew
    for run in searching:
        if run.fresh:
            seen = Judged()
        if racing:
            seen.races.update(race.signature for race in races.judge(run))
        if run.sleeping:
            seen.sleeping += 1
            continue
        if seen.executions == most:
            return None
        seen.executions += 1
        world = run.world
        world.acc = []  # what the rules read belongs to no step
        seen.states.add(state(world))
        for rule in rules:
            rule.finish(world)
        for finding in world.findings:
            seen.findings.add((finding.kind, _what(finding)))
        world.close()
    seen.orders = {(edge["held"], edge["new"]) for edge in orders[0].graph()}
    return seen
