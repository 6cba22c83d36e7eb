"""The yardstick: the same operations through the same coroutines, and nothing else.

It follows the schedules that DPOR took: no enabled checks, no footprints, no search.  What a
machine is doing besides falls on both, so that the ratio of the two times is steadier than either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from lockwright.core.location import Names
from lockwright.core.schedule import Choice
from lockwright.explore.dpor import Dpor
from lockwright.explore.run import MakeWorld
from stress.benchmarks.cases import Case

SECONDS_MIN = 0.25


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


def bare(make: MakeWorld, schedules: Sequence[Sequence[Choice]]) -> None:
    """Send the operations of each schedule through a fresh world's coroutines."""
    names = Names()
    for schedule in schedules:
        world = make(names)
        tasks, scratch = world.tasks, world.acc
        for index, choice in schedule:
            task = tasks[index]
            world.creator = task
            world.choice = choice
            value = task.pending.run(task, scratch)  # type: ignore[union-attr]  # it was enabled
            try:
                task.pending = task.send(value)
            except StopIteration:
                task.pending = None
                task.ended = task.done.value = True
        world.close()


def measure(case: Case, repetitions: int) -> Measured:
    """The best of several interleaved repetitions, each long enough for the clock."""
    schedules = schedules_of(case.make)
    steps = sum(map(len, schedules))
    loops = 1 + int(SECONDS_MIN / max(_time(1, case.make), 1e-9))
    searches, bares = [], []
    for _ in range(repetitions):
        searches.append(_time(loops, case.make))
        bares.append(_time(loops, case.make, schedules))
    best, best_bare = min(searches) / loops, min(bares) / loops
    return Measured(case.name, len(schedules), steps, best, best_bare, case.floor)


def _time(loops: int, make: MakeWorld, schedules: list[list[Choice]] | None = None) -> float:
    begin = perf_counter()
    for _ in range(loops):
        if schedules is None:
            search(make)
        else:
            bare(make, schedules)
    return perf_counter() - begin
