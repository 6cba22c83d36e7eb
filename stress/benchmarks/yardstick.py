"""The yardstick: the same operations through the same coroutines, and nothing else.

It follows the schedules that DPOR took: no enabled checks, no footprints, no search, and worlds
whose objects stand ready before the clock starts, where the search has to build each of its own.
What a machine is doing besides falls on both, so that the ratio of the two times is steadier than
either.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from lockwright.core.location import Location, TaskName, Value
from lockwright.core.schedule import Choice
from lockwright.core.task import Context, Task
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.run import MakeWorld
from stress.benchmarks.cases import Case

SECONDS_MIN = 0.25
BATCH = 500
UNNAMED = TaskName(-1)


@dataclass(frozen=True, slots=True)
class Measured:
    """The best times of a case, in seconds for one search."""

    name: str
    executions: int
    steps: int
    search: float
    bare: float
    floor: float | None

    @property
    def ratio(self) -> float:
        """How many bare loops the search costs."""
        return self.search / self.bare

    @property
    def over(self) -> bool:
        """Is it more than it may?"""
        return self.floor is not None and self.ratio > self.floor


def schedules_of(make: MakeWorld) -> list[list[Choice]]:
    """The schedules of all traces."""
    return [run.schedule for run in Dpor(make)]


def search(make: MakeWorld) -> None:
    """Explore every trace."""
    for run in Dpor(make):
        run.world.close()


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
        task = Task(UNNAMED, len(self.tasks), coro)
        task.comm, task.pid, task.context = comm, pid or 0, context
        task.done = Location(self, value=False)
        self.tasks.append(task)
        if self.started:
            _resume(task, None)
        return task


def bare(build: Callable[[World], None], schedules: Sequence[Sequence[Choice]]) -> float:
    """Seconds to run the coroutines of a fresh world along each schedule."""
    seconds = 0.0
    for at in range(0, len(schedules), BATCH):
        batch = schedules[at : at + BATCH]
        worlds = [BareWorld() for _ in batch]
        for world in worlds:
            build(world)
        begin = perf_counter()
        for world, schedule in zip(worlds, batch, strict=True):
            _run(world, schedule)
        seconds += perf_counter() - begin
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
            task.done.value = True


def _resume(task: Task, value: Value) -> None:
    try:
        task.pending = task.send(value)
    except StopIteration:
        task.done.value = True


def measure(case: Case, repetitions: int) -> Measured:
    """The best of several interleaved repetitions, each long enough for the clock."""
    schedules = schedules_of(case.make)
    steps = sum(map(len, schedules))
    loops = 1 + int(SECONDS_MIN / max(_search_seconds(1, case.make), 1e-9))
    searches, bares = [], []
    for _ in range(repetitions):
        searches.append(_search_seconds(loops, case.make))
        bares.append(sum(bare(case.build, schedules) for _ in range(loops)))
    best, best_bare = min(searches) / loops, min(bares) / loops
    return Measured(case.name, len(schedules), steps, best, best_bare, case.floor)


def _search_seconds(loops: int, make: MakeWorld) -> float:
    begin = perf_counter()
    for _ in range(loops):
        search(make)
    return perf_counter() - begin
