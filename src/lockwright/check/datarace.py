"""Data races: conflicting accesses, not both marked, that nothing orders.

What orders is what the operations say (core/orders.py), not what happened to come first: so a race
is seen in whatever order a schedule has its two accesses, as long as no synchronisation comes
between them.  It is judged under sequential consistency: a program without data races behaves, by
its plain accesses, as if memory were.

A race is one finding for each place and pair of functions, as the kernel's detector titles it,
whoever came first.  What it says of the accesses, it learns by running the schedule once more.

Where an exploration takes critical sections as one step, it leaves out orders of sections that do
not conflict, and with them the schedules in which a race shows.  `ordered` says which orders it
stands for; a race that only the arbitrary ones hide is reported with a schedule that shows it.

Source: kernel/kcsan; tools/memory-model/Documentation/explanation.txt, "Plain accesses and data
races".  Left out: that the kernel's detector, as it is mostly configured, says nothing of plain
writes that keep the value, or of plain accesses up to the word size beside marked ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from lockwright.check.interrupted import Interrupted
from lockwright.check.ordering import OpStep, Ordered, Ordering, Race
from lockwright.check.witness import Log, Seen, is_marked, look, witnesses
from lockwright.core.finding import Finding
from lockwright.core.location import Names, Value
from lockwright.core.race import RaceReport
from lockwright.core.schedule import Choice
from lockwright.core.world import World

MakeWorld = Callable[[Names], World]

TRIES_MAX = 8
"""In how many executions a race is looked for that could not be shown in the first."""


class Execution(Protocol):
    """What there is to know of one execution of a search: `explore.run.Run`.

    `log` has an entry for each operation that ran; the first `shared` are those of the execution
    that the search gave before.  `ordered` is None where what came first counts.
    """

    @property
    def world(self) -> World: ...
    @property
    def log(self) -> Sequence[OpStep]: ...
    @property
    def shared(self) -> int: ...
    @property
    def ordered(self) -> Ordered | None: ...
    @property
    def schedule(self) -> Sequence[Choice]: ...


Side = tuple[str, str, bool, bool, int]
"""Task and handler, kind of operation, does it write, is it marked, place in the codes."""


class _Key(NamedTuple):
    """What tells races apart without a look at the stacks: the same accesses of the same tasks.

    It says the same in every process, whatever numbers the places have there.
    """

    field: str
    one: Side
    other: Side


class DataRaces:
    """The data-race rule of one exploration.

    It is told of every execution, in order, also of those that the reduction gave up: what one
    shares with the one before is not looked at again.  `make` makes a world that nobody listens
    to.  `unshown` has the places of races for which no schedule was found that shows them: an
    exploration with one of these has proved nothing.
    What is `known`, and how often a race was `missed`, is forgotten where a piece of the search
    begins: a piece is judged the same whoever explores it.  `predicted` and `shown` are of all.
    Invariant: `ordering` has the entries of the execution judged last, up to where a task died;
    so has `interrupted` (`interrupted.py`), if there is anything that can interrupt a task.
    """

    def __init__(self, make: MakeWorld) -> None:
        self.make = make
        self.ordering: Ordering | None = None
        self.interrupted: Interrupted | None = None
        self.known: dict[_Key, Finding | None] = {}
        self.missed: dict[_Key, int] = {}
        self.predicted: dict[_Key, None] = {}
        self.shown: dict[_Key, None] = {}

    @property
    def unshown(self) -> list[str]:
        """The places, in alphabetical order."""
        return sorted({key.field for key in self.predicted if key not in self.shown})

    def begin_piece(self) -> None:
        """What follows is another piece of the search."""
        self.known.clear()
        self.missed.clear()

    def export(self) -> dict[str, Value]:
        """What was learnt, as JSON; of the reports only the schedules, as `look_again` says."""
        return {
            "known": [
                [key, finding.as_json() if finding is not None else None]
                for key, finding in self.known.items()
            ],
            "missed": list(self.missed.items()),
            "predicted": list(self.predicted),
            "shown": list(self.shown),
        }

    def restore(self, told: dict[str, Value]) -> None:
        """Know what `export` told.  Raises KeyError, TypeError or ValueError for anything else."""
        self.known = {
            _key_of(key): Finding.from_json({**found, "report": None}) if found else None
            for key, found in told["known"]
        }
        self.missed = {_key_of(key): int(count) for key, count in told["missed"]}
        self.add(told)

    def add(self, told: dict[str, Value]) -> None:
        """Add what another piece of the search has predicted and shown."""
        self.predicted.update(_keys_of(told["predicted"]))
        self.shown.update(_keys_of(told["shown"]))

    def judge(self, run: Execution) -> list[Finding]:
        """The data races of an execution, each place and pair of functions once.

        A finding that needs another schedule than the execution's own has it in `schedule`.
        """
        world = run.world
        if world.memory is not None:
            return []
        found: dict[str, Finding] = {}
        for race in self._follow(run):
            key = self._key(run, race)
            if key not in self.known:
                self._learn(run, race, key)
            known = self.known.get(key)
            if known is not None and known.signature not in found:
                found[known.signature] = replace(known)
        return list(found.values())

    def _follow(self, run: Execution) -> list[Race]:
        """The races up to the end of an execution, or to where a task died: what comes after that
        may be its consequence."""
        world, log = run.world, run.log
        ordering = self.ordering
        if ordering is None or ordering.fields is not world.names.fields:
            ordering = self.ordering = Ordering(world.names.fields)
            self.interrupted = None if world.lines is None else Interrupted(ordering)
        interrupted = self.interrupted
        ordering.ordered = run.ordered
        ordering.starts = {2 * task.name.done + 1 for task in world.tasks}
        end = min((found.step for found in world.findings if found.fatal), default=len(log))
        end = min(end, len(log))
        ordering.truncate(min(run.shared, end))
        if interrupted is not None:
            interrupted.truncate(len(ordering))
        for entry in range(len(ordering), end):
            ordering.add(log[entry])
            if interrupted is not None:
                interrupted.add(log[entry])
        return ordering.races if interrupted is None else ordering.races + interrupted.races

    def _key(self, run: Execution, race: Race) -> _Key:
        one = self._side(run, race.first, race.first_at)
        other = self._side(run, race.second, race.second_at)
        return _Key(run.world.names.fields[race.location], min(one, other), max(one, other))

    def _side(self, run: Execution, entry: int, at: int) -> Side:
        number, operation, own, codes = run.log[entry]
        task = run.world.by_number[number]
        comm = task.comm if task is not None else ""
        if self.interrupted is not None:
            comm += self.interrupted.handler(entry)
        return comm, operation.kind, bool(codes[at] & 1), is_marked(operation.orders, own, at), at

    def _learn(self, run: Execution, race: Race, key: _Key) -> None:
        """Look at a race that is new; what this execution cannot show, another one may."""
        if any(obj.life.number == race.location for obj in run.world.objects):
            self.known[key] = None  # no place of the kernel's: it is judged as a use-after-free
            return
        missed = self.missed.get(key, 0)
        if missed >= TRIES_MAX:
            return
        found = self._look(run, race)
        self.predicted[key] = None
        if found is None:
            self.missed[key] = missed + 1
        else:
            self.known[key] = found
            self.shown[key] = None

    def _look(self, run: Execution, race: Race) -> Finding | None:
        """The finding of a race, from another run of a schedule that shows it."""
        log, names = run.log, run.world.names
        schedule = list(run.schedule)
        if run.ordered is None:
            seen = look(self.make, names, schedule, race)
            return _finding(seen, names.fields[race.location]) if seen is not None else None
        for other in witnesses(log, schedule, race, run.world):
            shown = self._shows(other, run, race)
            if shown is not None:
                return shown
        return None

    def _shows(self, schedule: list[Choice], run: Execution, race: Race) -> Finding | None:
        """The finding of a race of the same accesses in another schedule, if it is there."""
        names = run.world.names
        log = Log.of(self.make, names, schedule)
        wanted = self._key(run, race)
        judge = DataRaces(self.make)
        for other in judge._follow(log):
            if other.location == race.location and judge._key(log, other) == wanted:
                taken = list(log.schedule)
                seen = look(self.make, names, taken, other)
                if seen is None:
                    return None
                finding = _finding(seen, names.fields[race.location])
                finding.schedule = tuple(taken)
                return finding
        return None


def races_along(make: MakeWorld, schedule: Sequence[Choice]) -> list[Finding]:
    """The data races of one execution along a schedule.  For replays, and for the stacks of a
    finding whose schedule has changed."""
    return DataRaces(make).judge(Log.of(make, Names(), schedule))


def look_again(make: MakeWorld, finding: Finding) -> bool:
    """Make a finding say what its schedule shows, when the schedule has changed or its stacks were
    seen in another one; False if the schedule does not show the race."""
    for other in races_along(make, finding.schedule):
        if other.signature == finding.signature:
            for name in ("message", "task", "comm", "chain", "report", "step"):
                setattr(finding, name, getattr(other, name))
            return True
    return False


def _key_of(told: Value) -> _Key:
    """The key that JSON has made a list of."""
    field, one, other = told
    return _Key(str(field), _side_of(one), _side_of(other))


def _keys_of(told: Iterable[Value]) -> dict[_Key, None]:
    return {_key_of(key): None for key in told}


def _side_of(told: Value) -> Side:
    comm, kind, write, marked, at = told
    return str(comm), str(kind), bool(write), bool(marked), int(at)


def _finding(seen: Seen, field: str) -> Finding:
    report = RaceReport(field, seen.address, seen.size, seen.first, seen.second, seen.values)
    one, other = report.functions
    first, second = report.first, report.second
    who = second.comm if second.cpu != first.cpu else "an interrupt on top of it"
    return Finding(
        "data race",
        f"{field}: {first.how} by {first.comm} in {first.function}() and {second.how} by "
        f"{who} in {second.function}(), with nothing to order them",
        f"{field}: {one} / {other}",
        seen.task,
        second.comm,
        second.stack,
        report=report,
        fatal=False,
        step=seen.step,
    )
