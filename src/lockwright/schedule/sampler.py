"""What the random strategies share: numbered executions, each with its own random numbers.

Execution i of a strategy depends on the seed, on i and, for a strategy that measures, on what the
measuring executions showed.  These are the executions 0 .. measures - 1, which depend on the seed
and their number alone.  So a range of executions can be made anywhere: it begins with those
measuring executions that it needs, unseen if they are not of the range.
"""

from __future__ import annotations

from random import Random
from typing import ClassVar

from lockwright.core.errors import UsageError
from lockwright.core.task import Task


class Sampler:
    """Base of the random strategies: executions `first` .. `first + executions - 1`.

    A subclass defines `pick`, and perhaps `started` and `measured`; it sets `measures` before it
    calls this constructor.
    Invariant: `at` is the number of the execution that was begun last, -1 before the first, and
    `following` that of the next one.
    """

    name: ClassVar[str] = ""
    measures: int = 0

    def __init__(self, seed: int, executions: int, *, first: int = 0) -> None:
        if executions < 0 or first < 0:
            raise UsageError(
                f"strategy {self.name}: executions {first} to {first + executions - 1} are no range"
            )
        self.seed = seed
        self.first = first
        self.end = first + executions
        self.at = -1
        self.owned = True
        needs = executions > 0 and self.end > self.measures > 0
        self.following = 0 if needs else first
        self.random = Random()

    def begin(self) -> bool:
        if 0 <= self.at == self.measures - 1:
            self.measured()
        if self.following >= self.end:
            return False
        self.at = at = self.following
        self.owned = at >= self.first
        self.following = max(at + 1, self.first) if at + 1 >= self.measures else at + 1
        self.random = Random(f"{self.name} {self.seed} {at}")
        self.started()
        return True

    @property
    def measuring(self) -> bool:
        """Is the execution that was begun one of those that are measured?"""
        return self.at < self.measures

    def started(self) -> None:
        """An execution begins."""

    def measured(self) -> None:
        """All that is to be measured was."""

    def pick(self, enabled: list[Task]) -> Task:
        raise NotImplementedError

    def choose(self, options: int) -> int:
        return self.random.randrange(options)

    def arrives(self, step: int) -> int:
        """Does an interrupt come now?  The later, the less likely: tossed for with a coin, it would
        hardly ever come late; so the chance to have come by step n falls with a power of n only."""
        return int(self.random.randrange(2 + step) == 1)

    def any_of(self, enabled: list[Task]) -> Task:
        """Each task with the same probability."""
        return enabled[self.random.randrange(len(enabled))] if len(enabled) > 1 else enabled[0]
