"""A schedule that is followed as far as it can be."""

from __future__ import annotations

from collections.abc import Iterable

from lockwright.core.schedule import Choice
from lockwright.core.task import Task
from lockwright.schedule.steady import Steady


class Wishes(Steady):
    """One execution: the first wish whose task can run is granted; without one, as `Steady` goes.

    So every list of wishes is some execution: a task that must wait gets its steps later, and a
    wish of a task that has ended is passed over.
    """

    def __init__(self, wishes: Iterable[Choice]) -> None:
        super().__init__()
        self.left = list(wishes)
        self.value = 0

    def pick(self, enabled: list[Task]) -> Task:
        tasks = {task.index: task for task in enabled}
        self.value = 0
        for at, (index, value) in enumerate(self.left):
            if index in tasks:
                del self.left[at]
                self.last, self.value = index, value
                return tasks[index]
        return super().pick(enabled)

    def choose(self, options: int) -> int:
        return min(self.value, options - 1)
