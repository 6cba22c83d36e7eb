"""Uniform random walk: every interleaving with the same probability.

Source: Zhao, Wolff, Mathur, Roychoudhury, "Selectively Uniform Concurrency Testing" (ASPLOS 2025),
section 3.1, algorithm 1, URW, and its treatment of tasks that are made on the way.  The next step
is a task's with a probability proportional to the number of events that it has left, its unborn
children's among them: so many of the interleavings that are left begin with it.

The walk is uniform for a program whose tasks never wait for each other, if the numbers of events
are right.  They are the means over the first executions, which are plain random walks.
"""

from __future__ import annotations

from lockwright.core.task import Task
from lockwright.schedule.profile import Profile
from lockwright.schedule.sampler import Sampler

MEASURES = 4


class Urw(Sampler):
    """`left[i]` is the number of steps that the i-th task of this execution has left, as far as
    is known; one that still runs has at least one."""

    name = "urw"
    measures = MEASURES

    def __init__(self, seed: int, executions: int, *, first: int = 0) -> None:
        super().__init__(seed, executions, first=first)
        self.profile = Profile()
        self.unborn: dict[int, list[float]] = {}
        self.left: dict[int, float] = {}

    def started(self) -> None:
        self.left = {}
        if self.measuring:
            self.profile.begin()

    def measured(self) -> None:
        self.profile.close()
        self.unborn = self.profile.unborn()

    def pick(self, enabled: list[Task]) -> Task:
        if self.measuring:
            task = self.any_of(enabled)
            self.profile.count(task)
            return task
        task = self._drawn(enabled) if len(enabled) > 1 else enabled[0]
        self.left[task.index] = self._own(task) - 1.0
        return task

    def _own(self, task: Task) -> float:
        left = self.left.get(task.index)
        return max(self.profile.mean(task.number) if left is None else left, 1.0)

    def _drawn(self, enabled: list[Task]) -> Task:
        weights = []
        for task in enabled:
            weight = self._own(task)
            unborn = self.unborn.get(task.number)
            if unborn is not None and task.children_made < len(unborn):
                weight += unborn[task.children_made]
            weights.append(weight)
        point = self.random.random() * sum(weights)
        for task, weight in zip(enabled, weights, strict=True):
            point -= weight
            if point < 0:
                return task
        return enabled[-1]
