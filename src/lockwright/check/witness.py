"""One schedule run again: what it did, who made two accesses, and schedules that show a race.

`Log.of` runs a schedule and writes down what the data-race check wants to know, `look` runs it and
looks at the stacks of two accesses, `witnesses` gives schedules in which nothing comes between two
accesses that are not ordered.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from inspect import CO_COROUTINE
from types import FrameType

from lockwright.check.ordering import OpStep, Ordered, Race
from lockwright.core.frame import Frame
from lockwright.core.location import Names, Value
from lockwright.core.operation import Operation
from lockwright.core.orders import PLAIN
from lockwright.core.race import RaceAccess
from lockwright.core.schedule import STEPS_MAX, Choice
from lockwright.core.task import SYSCALLS, Context, Task, frame_of, shown
from lockwright.core.world import World

MakeWorld = Callable[[Names], World]

WORD = 8
STARTS_MAX = 400
"""How far back a task is stopped to show a race."""
OTHER_ADDRESSES = 0xFFFF888200000000
"""Where places are that are no fields of objects: made up, and the same in every run."""


@dataclass(slots=True)
class Log:
    """One execution as `DataRaces.judge` wants it."""

    world: World
    log: list[OpStep] = field(default_factory=list)
    schedule: list[Choice] = field(default_factory=list)
    shared: int = 0
    ordered: Ordered | None = None

    @classmethod
    def of(cls, make: MakeWorld, names: Names, schedule: Sequence[Choice]) -> Log:
        """The execution along a schedule; a step that cannot be taken is left out, and what is
        not in the schedule comes at the end, the oldest task first."""
        made = cls(make(names))
        world = made.world
        for index, choice in schedule:
            if index < len(world.tasks):
                made.take(world.tasks[index], choice)
        while (enabled := world.enabled()) and len(made.log) < STEPS_MAX:
            made.take(enabled[0], 0)
        world.close()
        return made

    def take(self, task: Task, choice: int) -> None:
        """Take a step, if it can be taken."""
        op = task.pending
        if op is None or (op.blocking and not op.enabled()):
            return
        if op.chooses and choice >= op.options():
            choice = 0
        codes = self.world.step(task, choice)
        self.log.append((task.number, op, self.world.marked, codes))
        self.schedule.append((task.index, choice))


@dataclass(slots=True)
class Seen:
    """What was seen of a race: `task` and `step` are those of the second access."""

    first: RaceAccess
    second: RaceAccess
    address: int
    size: int
    values: tuple[int, int] | None
    task: int
    step: int


def look(make: MakeWorld, names: Names, schedule: Sequence[Choice], race: Race) -> Seen | None:
    """Run a schedule up to the second access of a race, and look at both.

    None if the accesses are not there, which a deterministic model cannot do.
    """
    world = make(names)
    taken = schedule[: race.second + 1]
    places = {race.first: race.first_at, race.second: race.second_at}
    accesses: dict[int, RaceAccess] = {}
    before: Value = None
    for entry, (index, choice) in enumerate(taken):
        task = world.tasks[index]
        if entry not in places:
            world.step(task, choice)
            continue
        before = _value(world, race.location)
        access = _Look(world, task, places[entry]).step(choice)
        if access is None:
            return None
        accesses[entry] = access
    first, second = accesses[race.first], accesses[race.second]
    address, size = _address(world, race.location)
    values = _change(before, _value(world, race.location)) if second.write else None
    index = taken[race.second][0]
    world.close()
    return Seen(first, second, address, size, values, index, race.second)


class _Look:
    """Takes one step, and looks at the stack when a place of its codes is reached.

    An operation's own accesses are made while the task is suspended in it; those of plain code
    while its functions run.  There Python's tracing tells of each line, call and return, and the
    first that finds the place filled says that what was told of before has filled it.
    """

    def __init__(self, world: World, task: Task, at: int) -> None:
        self.world = world
        self.task = task
        self.at = at
        self.stack: tuple[Frame, ...] = ()
        self.last: tuple[Frame, ...] = ()
        self.marked = False
        self.found = False

    def step(self, choice: int) -> RaceAccess | None:
        """Take the step."""
        world, task = self.world, self.task
        listeners, tracing = world.on_step, sys.gettrace()
        world.on_step = (*listeners, self.ran)
        try:
            codes = world.step(task, choice)
        finally:
            sys.settrace(tracing)
            world.on_step = listeners
        if self.at >= len(codes):
            return None
        return RaceAccess(
            bool(codes[self.at] & 1),
            self.marked,
            task.comm,
            task.pid,
            task.index,
            task.context in (Context.SOFTIRQ, Context.HARDIRQ),
            self.stack if self.found else self.last,
        )

    def ran(self, task: Task, operation: Operation, result: Value) -> None:
        """The operation is done, and the plain code after it comes next."""
        own = len(self.world.acc)
        if self.at < own:
            self.marked = is_marked(operation.orders, own, self.at)
            self.last = task.call_chain()
        else:
            sys.settrace(self._traced)

    def _traced(self, frame: FrameType, event: str, arg: Value) -> Callable[..., Value] | None:
        if not self.found and len(self.world.acc) > self.at:
            self.found = True
            self.stack = self.last
        if self.found:
            return None
        at = frame.f_back if event == "return" else frame
        self.last = _running(self.task, at)
        return self._traced


def is_marked(orders: int, own: int, at: int) -> bool:
    """Is the access at this place of a step's codes, of which `own` are its operation's, marked?"""
    if at >= own or orders == PLAIN:
        return False
    return not orders & PLAIN or at == own - 1


def _running(task: Task, frame: FrameType | None) -> tuple[Frame, ...]:
    """The model functions that a task is in while it runs, innermost first, and then those that
    its handler has interrupted."""
    frames: list[Frame] = []
    outermost = getattr(task.coro, "cr_frame", None)
    at = frame
    while at is not None:
        code = at.f_code
        ours = str(at.f_globals.get("__name__", "")).startswith("lockwright.")
        if shown(code.co_name) and (not ours or code.co_flags & CO_COROUTINE):
            frames.append(frame_of(at))
            if code.co_name.startswith(SYSCALLS):
                break
        if at is outermost:
            break
        at = at.f_back
    return (*frames, *task.chain_beneath())


def _value(world: World, location: int) -> Value:
    """What a field holds; None for what is no field."""
    for obj in world.objects:
        if 2 * location in obj._codes:
            return obj._values[obj._codes.index(2 * location)]
    return None


def _address(world: World, location: int) -> tuple[int, int]:
    """Address and size: a model does not know the types of the C, so each field is one word."""
    for obj in world.objects:
        if 2 * location in obj._codes:
            return obj.address + WORD * obj._codes.index(2 * location), WORD
    return OTHER_ADDRESSES + WORD * location, WORD


def _change(before: Value, after: Value) -> tuple[int, int] | None:
    """Both values as numbers, if both are and they differ."""
    if isinstance(before, int) and isinstance(after, int) and before != after:
        return int(before), int(after)
    return None


def witnesses(
    log: Sequence[OpStep], schedule: Sequence[Choice], race: Race, world: World
) -> Iterator[list[Choice]]:
    """Schedules in which one of two accesses may be made while nothing has come after the other.

    Once the first is made, its task rests until the second is; or the second comes first, and its
    task rests until the first is made.  Where that cannot be, because of what the resting task
    holds, it rests before the operation that it would rest after, and the other one goes on.
    """
    index = [task.index if task is not None else -1 for task in world.by_number]
    one, other = index[log[race.first][0]], index[log[race.second][0]]
    steps = list(schedule)
    yield steps
    for start in range(race.first + 1, max(race.first - STARTS_MAX, -1), -1):
        # the task of the first access rests from here on
        head, tail = steps[:start], steps[start:]
        rest = [step for step in tail if step[0] == one]
        yield [*head, *(step for step in tail if step[0] != one), *rest]
    for start in range(race.second, max(race.second - STARTS_MAX, -1), -1):
        head, tail = steps[:start], steps[start : race.second + 1]
        yield [
            *head,
            *(step for step in tail if step[0] == other),
            *(step for step in tail if step[0] != other),
            *steps[race.second + 1 :],
        ]
