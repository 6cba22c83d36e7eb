"""Replay of one given schedule."""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.errors import UsageError
from lockwright.core.schedule import Choice
from lockwright.core.task import Task


class Replay:
    """One execution along `schedule`; where it ends early the first enabled task goes on.

    Raises UsageError when the schedule asks for what is not there.
    """

    def __init__(self, schedule: Sequence[Choice]) -> None:
        self.schedule = schedule
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
                return task
        raise UsageError(
            f"the schedule does not fit the model: step {self.at} is for task {wanted}, and only "
            f"{', '.join(f'{task.index} ({task.comm})' for task in enabled)} can run"
        )

    def choose(self, options: int) -> int:
        value = self.schedule[self.at][1] if self.at < len(self.schedule) else 0
        if value >= options:
            raise UsageError(
                f"the schedule does not fit the model: step {self.at} takes outcome {value} "
                f"of {options}"
            )
        return value
