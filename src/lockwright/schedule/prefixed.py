"""A strategy that takes an execution up from where a schedule has led."""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.errors import UsageError
from lockwright.core.schedule import Choice
from lockwright.core.task import Task
from lockwright.schedule.oracle import Oracle, Ranged, arrival


class Prefixed:
    """The executions of `then`, each after the steps of `prefix`.

    `then` is asked for no step of the prefix, so that what it counts are its own steps.  Raises
    UsageError for a prefix that asks for what is not there.
    """

    def __init__(self, prefix: Sequence[Choice], then: Oracle) -> None:
        self.prefix = prefix
        self.then = then
        self.at = -1

    @property
    def owned(self) -> bool:
        """As `Ranged` has it; what has no range owns all its executions."""
        return self.then.owned if isinstance(self.then, Ranged) else True

    def begin(self) -> bool:
        self.at = -1
        return self.then.begin()

    def pick(self, enabled: list[Task]) -> Task:
        self.at += 1
        if self.at >= len(self.prefix):
            return self.then.pick(enabled)
        wanted = self.prefix[self.at][0]
        for task in enabled:
            if task.index == wanted:
                return task
        raise UsageError(
            f"the schedule cannot be followed: step {self.at} is for task {wanted}, which cannot "
            "run there"
        )

    def arrives(self, step: int) -> int:
        if self.at >= len(self.prefix):
            return arrival(self.then, step)
        return self.choose(2)

    def choose(self, options: int) -> int:
        if self.at >= len(self.prefix):
            return self.then.choose(options)
        value = self.prefix[self.at][1]
        if value >= options:
            raise UsageError(
                f"the schedule cannot be followed: step {self.at} takes outcome {value} of "
                f"{options}"
            )
        return value
