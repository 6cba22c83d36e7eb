"""Selectively uniform random walk: one location, and every order of its events equally likely.

Source: Zhao, Wolff, Mathur, Roychoudhury, "Selectively Uniform Concurrency Testing" (ASPLOS 2025),
section 3, algorithm 2, SURW.  A set of events is called interesting; here, in each execution, the
events of one location that several tasks touch and one writes, chosen among all such (of a lock,
its acquires).  A task is intended to do the next interesting event, drawn with a probability
proportional to the number of interesting events that it has left; until it does, the others stop
before their own, and everything else goes on by random priorities (`pickFrom()`).  Where only
stopped tasks could go on, one of them is intended instead, so that every interleaving has a chance.

A task that is made on the way is drawn before it exists; until then the task that leads to it may
do what comes before.  So drawing needs no weights of subtrees, and is uniform all the same.
"""

from __future__ import annotations

from lockwright.core.task import Task
from lockwright.schedule.aim import aim
from lockwright.schedule.pos import Priorities
from lockwright.schedule.profile import Profile, Spot
from lockwright.schedule.sampler import Sampler

MEASURES = 4
NOBODY = -1


class Surw(Sampler):
    """Invariant: `intended` is the number of the task that does the next interesting event, or
    `NOBODY`; `done` has, by task number, how many it has done in this execution, and `tasks` the
    tasks of it that were ever enabled."""

    name = "surw"
    measures = MEASURES

    def __init__(self, seed: int, executions: int, *, first: int = 0) -> None:
        super().__init__(seed, executions, first=first)
        self.profile = Profile()
        self.contended: list[int] = []
        self.location = -1
        self.spot = Spot()
        self.intended = NOBODY
        self.done: dict[int, int] = {}
        self.tasks: dict[int, Task] = {}

    def started(self) -> None:
        self.priorities = Priorities(self.random)
        self.intended = NOBODY
        self.done = {}
        self.tasks = {}
        if self.measuring:
            self.profile.begin()
        elif self.contended:
            self.location = self.random.choice(self.contended)
            self.spot = self.profile.spots[self.location]

    def measured(self) -> None:
        self.profile.close()
        self.contended = self.profile.contended()

    def pick(self, enabled: list[Task]) -> Task:
        if self.measuring:
            task = self.any_of(enabled)
            self.profile.count(task)
            return task
        for task in enabled:
            self.tasks[task.number] = task
        stopped = [task for task in enabled if self._interesting(task)]
        if not stopped:
            task = self.priorities.highest(enabled)
            self.priorities.forget(task)
            return task
        task = self._among(enabled, stopped)
        self.priorities.forget(task)
        if task in stopped:
            self.done[task.number] = self.done.get(task.number, 0) + 1
            self.intended = NOBODY
        return task

    def _among(self, enabled: list[Task], stopped: list[Task]) -> Task:
        if self.intended == NOBODY or self._left(self.intended) <= 0:
            self.intended = self._drawn(list(self.spot.interesting()))
        if self.intended == NOBODY:  # there are more events than were measured
            return self.priorities.highest(enabled)
        free = [task for task in enabled if task not in stopped or self._leads(task)]
        if not free:
            intended = self._drawn([task.number for task in stopped])
            free = [task for task in stopped if task.number == intended] or stopped
        return self.priorities.highest(free)

    def _interesting(self, task: Task) -> bool:
        operation = task.pending
        if operation is None or self.location < 0 or aim(task)[0] != self.location:
            return False
        return not self.spot.blocks or operation.blocking or operation.conditional

    def _leads(self, task: Task) -> bool:
        """Is the next interesting event this task's?"""
        return self._nearest(self.intended) == task.number

    def _nearest(self, number: int) -> int:
        """The task itself if it exists, else the nearest of its ancestors that does."""
        while not self._born(number):
            number = self.profile.parents[number][0]
        return number

    def _born(self, number: int) -> bool:
        if number not in self.profile.parents:
            return True
        parent, nth = self.profile.parents[number]
        made_by = self.tasks.get(parent)
        return made_by is not None and made_by.children_made > nth

    def _left(self, number: int) -> float:
        """How many interesting events are still expected of a task.

        None if it has ended, or if the task that was to lead to it has.
        """
        profile, nearest = self.profile, self._nearest(number)
        task = self.tasks.get(nearest)
        if task is not None and task.pending is None:
            return 0.0
        runs = profile.seen.get(number, 1) if nearest == number else profile.runs
        return self.spot.interesting().get(number, 0) / runs - self.done.get(number, 0)

    def _drawn(self, numbers: list[int]) -> int:
        """One of the tasks, by what it has left; NOBODY if none has anything left."""
        weights = [max(self._left(number), 0.0) for number in numbers]
        point = self.random.random() * sum(weights)
        for number, weight in zip(numbers, weights, strict=True):
            point -= weight
            if point < 0:
                return number
        return NOBODY
