"""The yardsticks, and the measurement.

The bare loop runs the same operations through the same coroutines along the schedules that DPOR
took: no enabled checks, no footprints, no search, and worlds whose objects stand ready before the
clock starts, where the search has to build each of its own.  It changes with this project.

The plain loop does not: coroutines of its own that await objects of its own.  The cost of a search
in plain steps can be held against that of another release and of the compiled build.

What a machine is doing besides falls on all of them alike, so that the ratio of two times of one
run is steadier than either; the best of several rounds counts.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import process_time
from typing import Any

from lockwright.core.location import TaskName, Value
from lockwright.core.schedule import Choice
from lockwright.core.task import Context, Task
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from stress.benchmarks.cases import Case

SECONDS_MIN = 0.25
EXECUTIONS_MAX = 50_000
BARE_MAX = 4_000
BATCH = 500
UNNAMED = TaskName(-1, -1)


@dataclass(frozen=True, slots=True)
class Measured:
    """The best times of a case, in seconds for one step; `whole` if the search came to its end."""

    name: str
    executions: int
    steps: int
    whole: bool
    search: float
    bare: float
    plain: float
    floor: float | None

    @property
    def rate(self) -> float:
        """Executions in a second."""
        return self.executions / (self.search * self.steps)

    @property
    def ratio(self) -> float:
        """How many bare loops the search costs."""
        return self.search / self.bare

    @property
    def cost(self) -> float:
        """How many plain steps an execution costs."""
        return self.search * self.steps / (self.plain * self.executions)

    @property
    def over(self) -> bool:
        """Is it more than it may?"""
        return self.floor is not None and self.ratio > self.floor


def search(case: Case, executions_max: int = EXECUTIONS_MAX) -> int:
    """Explore every trace, up to a number of executions; returns how many there were."""
    done = 0
    for run in islice(Dpor(case.make, granularity=case.granularity), executions_max):
        done += 1
        run.world.discard()
    return done


def schedules_of(case: Case, executions: int) -> tuple[int, list[list[Choice]]]:
    """The number of all steps, and the schedules of at most BARE_MAX executions, evenly taken."""
    stride = -(-executions // BARE_MAX)
    steps, schedules = 0, []
    for at, run in enumerate(islice(Dpor(case.make, granularity=case.granularity), executions)):
        steps += len(run.log)
        if at % stride == 0:
            schedules.append(run.schedule)
        run.world.discard()
    return steps, schedules


class BareWorld(World):
    """A world that keeps no books: tasks are coroutines with an index, nothing is numbered."""

    started = False

    def spawn(
        self,
        coro: Coroutine[Any, Any, Any],
        comm: str,
        *,
        context: Context = Context.PROCESS,
        pid: int | None = None,
    ) -> Task:
        """Make a task; those of the scenario itself are brought to their first operation later."""
        task = Task(self, UNNAMED, len(self.tasks), coro, comm)
        task.pid, task.context = pid or 0, context
        self.tasks.append(task)
        if self.started:
            _resume(task, None)
        return task


def bare(build: Callable[[World], None], schedules: Sequence[Sequence[Choice]]) -> float:
    """Seconds of CPU time to run the coroutines of a fresh world along each schedule."""
    seconds = 0.0
    for at in range(0, len(schedules), BATCH):
        batch = schedules[at : at + BATCH]
        worlds = [BareWorld() for _ in batch]
        for world in worlds:
            build(world)
        begin = process_time()
        for world, schedule in zip(worlds, batch, strict=True):
            _run(world, schedule)
        seconds += process_time() - begin
    return seconds


def _run(world: BareWorld, schedule: Sequence[Choice]) -> None:
    tasks, scratch = world.tasks, world.acc
    for task in tasks:
        task.pending = task.send(None)
    world.started = True
    for index, choice in schedule:
        task = tasks[index]
        world.choice = choice
        value = task.pending.run(task, scratch)  # type: ignore[union-attr]  # it was enabled
        try:
            task.pending = task.send(value)
        except StopIteration:
            _end(task)


def _resume(task: Task, value: Value) -> None:
    try:
        task.pending = task.send(value)
    except StopIteration:
        _end(task)


def _end(task: Task) -> None:
    task.ended = True
    if task.flag is not None:
        task.flag.value = True


class _Plain:
    """An awaitable of the plain loop."""

    __slots__ = ("cell", "value")

    def __init__(self, cell: list[int], value: int) -> None:
        self.cell = cell
        self.value = value

    def run(self, seen: list[int]) -> int:
        seen.append(self.value)
        self.cell[0] = self.value
        return self.value

    def __await__(self) -> Generator[_Plain, Any, Any]:
        return (yield self)


PLAIN_TASKS = 20
PLAIN_STEPS = 50


def plain() -> float:
    """Seconds for one step of the plain loop."""

    async def task(cell: list[int]) -> None:
        for value in range(PLAIN_STEPS):
            await _Plain(cell, value)

    cell = [0]
    begin = process_time()
    for _ in range(PLAIN_TASKS):
        seen: list[int] = []
        send = task(cell).send
        pending = send(None)
        for _ in range(PLAIN_STEPS - 1):
            pending = send(pending.run(seen))
    return (process_time() - begin) / (PLAIN_TASKS * PLAIN_STEPS)


def measure(case: Case, repetitions: int) -> Measured:
    """The best of several rounds, in each of which all that is compared takes its turn."""
    executions = search(case)
    steps, schedules = schedules_of(case, executions)
    bare_steps = sum(map(len, schedules))
    loops = 1 + int(SECONDS_MIN / max(_search_seconds(1, case), 1e-9))
    searches, bares, plains = [], [], []
    for _ in range(repetitions):
        plains.append(min(plain() for _ in range(20)))
        searches.append(_search_seconds(loops, case) / loops)
        bares.append(bare(case.build, schedules))
    return Measured(
        case.name,
        executions,
        steps,
        executions < EXECUTIONS_MAX,
        min(searches) / steps,
        min(bares) / bare_steps,
        min(plains),
        case.floor,
    )


def _search_seconds(loops: int, case: Case) -> float:
    begin = process_time()
    for _ in range(loops):
        search(case)
    return process_time() - begin
