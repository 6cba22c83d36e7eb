"""What each execution of an exploration covers, gathered into its `Coverage`.

The races of an execution are those of the exploration's own clocks (`explore/clocks.py`): two
conflicting steps of different tasks with nothing between them, which another schedule can have the
other way round.  Of a step that can be held up, as an acquire, the race is with the last step
before which it could have gone on; of a task that waits for ever, it is that of the operation it
waits in.  A search that finds races out for itself tells them (`Run.races`), and of any other they
are worked out here.

Since which steps race does not depend on the order of independent ones, a search that has one
execution of each trace covers what one of all interleavings does.
"""

from __future__ import annotations

from typing import NamedTuple

from lockwright.check.coverage import (
    LIFE,
    Watched,
    class_of,
    folded,
    function_of,
    kind_of,
    locations_of,
)
from lockwright.core.coverage import Coverage, Orders, Pair
from lockwright.core.location import Names, Value
from lockwright.core.operation import Operation
from lockwright.core.world import World
from lockwright.explore.clocks import Past
from lockwright.explore.run import Run

READ, WRITE = "read", "write"
UNNAMED = "something"
"""Stands for a location that no object of the world leads to."""
Seen = tuple[Pair, bool]
"""A pair, and was its `one` first?"""


class _Event(NamedTuple):
    """One side of a race: what is done, and by which task, by its place among all."""

    doing: str
    task: str


class Covering:
    """Gathers what the runs of one search cover.

    It is told of every run, in order.  Invariant: `memo` has the pairs of the races of the run
    before, by their steps; those among what the next run shares with it need no second look.
    `orders` and `states` are what the run before has covered: its pairs, each with which way round
    it was, and the values of things.
    """

    def __init__(self) -> None:
        self.coverage = Coverage()
        self.orders: dict[Seen, None] = {}
        self.states: dict[tuple[str, str], None] = {}
        self.memo: dict[tuple[int, int], tuple[Seen, ...]] = {}

    def world(self, names: Names) -> World:
        """A world whose execution can be told of."""
        return Watched(names)

    def export(self) -> dict[str, Value]:
        """What was covered, as JSON."""
        return self.coverage.as_json()

    def add(self, told: Value) -> None:
        """Add what `export` told, of another part of the search or of before.  Raises KeyError,
        TypeError or ValueError for anything else."""
        self.coverage.add(Coverage.from_json(told))

    def judge(self, run: Run) -> None:
        """An execution has ended, or was left.  Its world is one of ours."""
        world = run.world
        assert isinstance(world, Watched)
        world.ended()
        coverage = self.coverage
        coverage.executions += 1
        self.states = world.states
        self.orders = self._seen(run, world)
        for what, value in self.states:
            values = coverage.states.setdefault(what, {})
            values[value] = values.get(value, 0) + 1
        for pair, forwards in self.orders:
            one, other = coverage.pairs.get(pair, Orders())
            coverage.pairs[pair] = Orders(one + forwards, other + (not forwards))

    def _seen(self, run: Run, world: Watched) -> dict[Seen, None]:
        """The pairs of an execution, each order of each once."""
        look = _Look(run, world)
        races, held_off = run.races, run.held_off
        if races is None:
            self.memo = {}
            races, held_off = _raced(run, world)
        memo, kept = self.memo, {}
        for race in races:
            known = memo.get(race) if look.end_of(race[1]) <= run.shared else None
            kept[race] = look.pairs(*race) if known is None else known
        self.memo = kept
        seen: dict[Seen, None] = {}
        for pairs in kept.values():
            seen.update(dict.fromkeys(pairs))
        for first, number in held_off:
            seen.update(dict.fromkeys(look.held_off(first, number)))
        return seen


def _raced(run: Run, world: Watched) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The races of an execution whose steps are single operations, as `Run` has them."""
    past = Past()
    races = []
    for step, (number, operation, marked, codes) in enumerate(run.log):
        note = world.notes[step]
        announced = (operation if operation.varies else None, note.value, note.location)
        past.record(number, codes, marked, announced)
        races += [(first, step) for first in past.analyse(step)]
    held_off = [
        (first, task.number)
        for task in world.blocked()
        if task.pending is not None
        for first in past.races_of_blocked(task.number, task.name.done, task.pending)
    ]
    return races, held_off


class _Look:
    """Names the events of one execution."""

    def __init__(self, run: Run, world: Watched) -> None:
        self.run = run
        self.world = world
        self.names: dict[int, str] = {}

    def end_of(self, step: int) -> int:
        """How many entries of the log there are up to a step."""
        ends = self.run.ends
        return step + 1 if ends is None else ends[step]

    def _entries(self, step: int) -> range:
        ends = self.run.ends
        if ends is None:
            return range(step, step + 1)
        return range(ends[step - 1] if step else 0, ends[step])

    def pairs(self, first: int, second: int) -> tuple[Seen, ...]:
        """The pairs of two steps that race, the first of which came first.

        Where the second one could be held up by the first, that is the race; what the two touch
        besides comes after it.
        """
        before, after = self._entries(first), self._entries(second)
        for entry in after:
            operation = self.run.log[entry][1]
            location = operation.loc.number
            if not (operation.blocking or operation.enters) or location < 0:
                continue
            mine = self._own(entry, location)
            theirs = [at for at in before if self._own(at, location)]
            if theirs and mine and mine | self._own(theirs[0], location) > 1:
                return (self._pair(location, self._event(theirs[0]), self._event(entry)),)
        one, other = self._touched(before), self._touched(after)
        return tuple(
            self._pair(location, self._event(*one[location]), self._event(*other[location]))
            for location in one
            if location in other and WRITE in (one[location][1], other[location][1])
        )

    def held_off(self, first: int, number: int) -> tuple[Seen, ...]:
        """The pairs of a step and of the operation that a task waits in for ever."""
        task = self.world.by_number[number]
        if task is None or task.pending is None:
            return ()
        location = task.pending.loc.number
        event = _Event(_doing(function_of(task), task.pending.kind), task.name.label)
        self.names[location] = class_of(task.pending.loc)
        theirs = [at for at in self._entries(first) if self._own(at, location)]
        return tuple(self._pair(location, self._event(at), event) for at in theirs[:1])

    def _own(self, entry: int, location: int) -> int:
        """How an operation itself touches a location: 2 to write it, 1 to read it, 0 not at all."""
        _, _, marked, codes = self.run.log[entry]
        own = codes[:marked]
        return 2 if 2 * location + 1 in own else int(2 * location in own)

    def _touched(self, entries: range) -> dict[int, tuple[int, str, str]]:
        """By location, the first write of it, or the first read if there is none: its entry, which
        of the two it is, and what does it, the operation or the plain code after it."""
        found: dict[int, tuple[int, str, str]] = {}
        for entry in entries:
            _, operation, marked, codes = self.run.log[entry]
            for at, code in enumerate(codes):
                how = WRITE if code & 1 else READ
                known = found.get(code >> 1)
                if code >= 0 and (known is None or known[1] == READ != how):
                    found[code >> 1] = entry, how, operation.kind if at < marked else how
        return found

    def _event(self, entry: int, _how: str = "", what: str = "") -> _Event:
        number, operation, _, _ = self.run.log[entry]
        task = self.world.by_number[number]
        label = task.name.label if task is not None else ""
        return _Event(_doing(self.world.notes[entry].function, what or operation.kind), label)

    def _pair(self, location: int, first: _Event, second: _Event) -> Seen:
        name = self._name(location)
        if first.doing == second.doing:
            return Pair(name, first.doing, first.doing), _place(first.task) < _place(second.task)
        if first.doing < second.doing:
            return Pair(name, first.doing, second.doing), True
        return Pair(name, second.doing, first.doing), False

    def _name(self, location: int) -> str:
        if not self.names:
            self._fill()
        if location not in self.names and location in self.world.names.fields:
            return folded(self.world.names.fields[location])
        if location not in self.names:
            for loc in locations_of(self.world):
                self.names.setdefault(loc.number, class_of(loc))
        return self.names.setdefault(location, UNNAMED)

    def _fill(self) -> None:
        """The names of all locations that have one of their own."""
        world, names = self.world, self.names
        for task in world.tasks:
            names[task.name.done] = "a task's begin and end"
        for obj in world.objects:
            names[obj.life.number] = f"{kind_of(obj)}: {LIFE}"
        operations: list[Operation] = [entry[1] for entry in self.run.log]
        for operation in operations:
            if operation.loc.number >= 0:
                names.setdefault(operation.loc.number, class_of(operation.loc))


def _doing(function: str, what: str) -> str:
    """What is done, and where; a function that is one operation is called so once."""
    return function if function == f"{what}()" else f"{function} {what}"


def _place(label: str) -> tuple[int, ...]:
    """A task's place among all: the label says whose child it is, and the how manyth."""
    return tuple(int(nth) for nth in label.split(".") if nth)
