"""Partial order sampling.

Source: Yuan, Yang, Gu, "Partial Order Aware Concurrency Sampling" (CAV 2018), section 3, POS.
Each pending event has a random priority, and the enabled one with the highest runs.  The enabled
events that race with it, which touch the same location, one of the two to write it, get new
priorities.  So how late an independent event comes has no influence on the order of the others,
and each partial order of n events has a probability that does not shrink with what is around it.
"""

from __future__ import annotations

from random import Random

from lockwright.core.task import Task
from lockwright.schedule.aim import aim, races
from lockwright.schedule.sampler import Sampler


class Priorities:
    """A random priority for the pending event of each task, by the task's index; -1 until drawn."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.of: list[float] = []

    def highest(self, enabled: list[Task]) -> Task:
        """The task whose event has the highest priority; those without one get one."""
        of = self.of
        while len(of) <= enabled[-1].index:
            of.append(-1.0)
        best, top = enabled[0], -1.0
        for task in enabled:
            mine = of[task.index]
            if mine < 0:
                of[task.index] = mine = self.random.random()
            if mine > top:
                best, top = task, mine
        return best

    def forget(self, task: Task) -> None:
        """The task's next event, or this one if it has not run, draws anew."""
        self.of[task.index] = -1.0


class Pos(Sampler):
    """Execution number i depends on the seed and i alone."""

    name = "pos"

    def started(self) -> None:
        self.priorities = Priorities(self.random)

    def pick(self, enabled: list[Task]) -> Task:
        best = self.priorities.highest(enabled)
        done = aim(best)
        for task in enabled:
            if task is best or (done[0] >= 0 and races(aim(task), done)):
                self.priorities.forget(task)
        return best
