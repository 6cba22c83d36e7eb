"""One task goes on as long as it can: an execution without preemptions."""

from __future__ import annotations

from lockwright.core.task import Task


class Steady:
    """One execution in which the task that runs goes on until it ends or waits; then the first
    that can.  `last` is the number of the task that ran before."""

    def __init__(self, last: int = -1) -> None:
        self.begun = False
        self.last = last

    def begin(self) -> bool:
        first = not self.begun
        self.begun = True
        return first

    def pick(self, enabled: list[Task]) -> Task:
        found = next((task for task in enabled if task.index == self.last), enabled[0])
        self.last = found.index
        return found

    def choose(self, options: int) -> int:
        return 0
