"""Every trace of a program, found without DPOR: by looking at every prefix of every trace once.

A prefix of a trace is the set of its events; an event is a task's step, the value chosen in it,
and the events that come right before it: the task's own last one and those that it conflicts
with.  Two schedules lead to the same set if and only if they differ in the order of independent
steps only (Mazurkiewicz; as events: Nielsen, Plotkin, Winskel, "Petri nets, event structures and
domains", 1981).  So each set is gone on from once, which is far less than every interleaving, and
nothing is known here of races, sleep sets or wakeup trees.  That the footprints are true it takes
for granted; plain search does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.rounds import Rounds
from lockwright.explore.run import CHOICE_SHIFT, TASK_MASK, MakeWorld, Run

Trace = frozenset[int]
State = Callable[[World], Any]
Event = tuple[int, frozenset[int]]
Search = Callable[[MakeWorld], Dpor | Rounds]


class Events:
    """Numbers for events: (key of the step, events right before it) -> number."""

    def __init__(self) -> None:
        self.numbers: dict[Event, int] = {}

    def trace(self, run: Run) -> Trace:
        """The trace of an execution."""
        prefix = Prefix(self)
        for key, codes in zip(run.keys, run.touched, strict=True):
            prefix.add(key, codes)
        return frozenset(prefix.events)


class Prefix:
    """The events of one execution so far."""

    def __init__(self, known: Events) -> None:
        self.known = known
        self.events: list[int] = []
        self.last: dict[int, int] = {}
        self.wrote: dict[int, int] = {}
        self.reads: dict[int, list[int]] = {}

    def add(self, key: int, codes: list[int]) -> None:
        """The next step, and what it touched."""
        task = key & TASK_MASK
        before = {self.last[task]} if task in self.last else set()
        writes = {code >> 1 for code in codes if code >= 0 and code & 1}
        reads = {code >> 1 if code >= 0 else ~code for code in codes} - writes
        for location in (*writes, *reads):
            if location in self.wrote:
                before.add(self.wrote[location])
        for location in writes:
            before.update(self.reads.pop(location, ()))
        numbers = self.known.numbers
        event = numbers.setdefault((key, frozenset(before)), len(numbers))
        self.events.append(event)
        self.last[task] = event
        for location in writes:
            self.wrote[location] = event
        for location in reads:
            self.reads.setdefault(location, []).append(event)


def every_trace(
    make: MakeWorld, names: Names, state: State, events: Events, most: int
) -> dict[Trace, Any] | None:
    """Every complete trace, with the state that it ends in; None if there are more than `most`
    prefixes."""
    ends: dict[Trace, Any] = {}
    seen: set[Trace] = set()
    todo: list[tuple[int, ...]] = [()]
    while todo:
        keys = list(todo.pop())
        world, prefix = make(names), Prefix(events)
        for key in keys:
            _take(world, prefix, key)
        while (reached := frozenset(prefix.events)) not in seen:
            seen.add(reached)
            if len(seen) > most:
                world.close()
                return None
            following = _following(world)
            if not following:
                ends[reached] = state(world)
                break
            todo.extend((*keys, key) for key in following[1:])
            keys.append(following[0])
            _take(world, prefix, following[0])
        world.close()
    return ends


def _take(world: World, prefix: Prefix, key: int) -> None:
    task = world.by_number[key & TASK_MASK]
    assert task is not None
    prefix.add(key, world.step(task, key >> CHOICE_SHIFT))


def _following(world: World) -> list[int]:
    keys: list[int] = []
    for task in world.enabled():
        op = task.pending
        options = op.options() if op is not None and op.chooses else 1
        keys.extend(task.number | choice << CHOICE_SHIFT for choice in range(options))
    return keys


def compare(
    make: MakeWorld, names: Names, state: State, most: int, search: Search = Dpor
) -> list[str] | None:
    """How a search by DPOR differs from every trace: empty if it does not, None if there is too
    much to do.

    `names` are those of the worlds that `make` makes.
    """
    events = Events()
    expected = every_trace(make, names, state, events, most)
    if expected is None:
        return None
    searching, got = search(make), dict[Trace, Any]()
    dpor = searching.dpor if isinstance(searching, Rounds) else searching
    dpor.names = names
    asleep = again = 0
    for run in searching:
        if run.sleeping:
            asleep += 1
            continue
        trace = events.trace(run)
        again += trace in got
        got[trace] = state(run.world)
    dpor.close()
    found = []
    if asleep:
        found.append(f"{asleep} executions were blocked by their sleep sets")
    if again:
        found.append(f"{again} traces were explored again")
    if missing := len(expected.keys() - got.keys()):
        found.append(f"{missing} of {len(expected)} traces are missing")
    if unknown := len(got.keys() - expected.keys()):
        found.append(f"{unknown} traces are none")
    if wrong := [trace for trace in expected.keys() & got.keys() if expected[trace] != got[trace]]:
        found.append(f"{len(wrong)} traces end in two states")
    return found


def interleaved(
    make: MakeWorld, names: Names, state: State, events: Events, most: int
) -> dict[Trace, set[Any]] | None:
    """The same by plain search, with all states that the interleavings of a trace end in."""
    ends: dict[Trace, set[Any]] = {}
    for count, run in enumerate(plain_search(lambda _: make(names))):
        if count == most:
            run.world.close()
            return None
        ends.setdefault(events.trace(run), set()).add(state(run.world))
        run.world.close()
    return ends
