"""Replay of one given schedule."""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.errors import UsageError
from lockwright.core.schedule import Choice, mark
from lockwright.core.task import Task


class Misfit(UsageError):
    """The schedule asks for what is not there.  `why` is empty if the task cannot run."""

    def __init__(self, step: int, task: int, why: str = "") -> None:
        super().__init__(
            f"the schedule does not fit the model: step {step} "
            + (why or f"is for task {task}, which cannot run there")
        )
        self.step = step
        self.task = task
        self.why = why


class Replay:
    """One execution along `schedule`; where it ends early the first enabled task goes on.

    `marks` says what each step did when the schedule was taken, if that is known, `seen` what each
    one does now; `difference` tells of the first that does something else, at step `matching`.
    Raises Misfit when the schedule asks for what is not there.
    """

    def __init__(self, schedule: Sequence[Choice], marks: str = "") -> None:
        self.schedule = schedule
        self.marks = marks
        self.seen: list[str] = []
        self.matching = 0
        self.difference = ""
        self.at = -1
        self.begun = False

    def begin(self) -> bool:
        first = not self.begun
        self.begun = True
        return first

    def pick(self, enabled: list[Task]) -> Task:
        self.at += 1
        if self.at >= len(self.schedule):
            return enabled[0]
        wanted = self.schedule[self.at][0]
        for task in enabled:
            if task.index == wanted:
                self._compare(task)
                return task
        raise Misfit(self.at, wanted)

    def _compare(self, task: Task) -> None:
        """Is the step what it was when the schedule was taken?"""
        now = task.pending.describe() if task.pending is not None else ""
        self.seen.append(mark(now))
        if self.difference:
            return
        if self.at < len(self.marks) and self.seen[-1] != self.marks[self.at]:
            self.difference = (
                f"step {self.at}, of {task.comm}, is {now} now; it was something else when the "
                "token was made"
            )
        else:
            self.matching += 1

    def choose(self, options: int) -> int:
        if self.at >= len(self.schedule):
            return 0
        task, value = self.schedule[self.at]
        if value >= options:
            self.seen.pop()
            self.matching = min(self.matching, self.at)
            raise Misfit(self.at, task, f"takes outcome {value} of {options}")
        return value
