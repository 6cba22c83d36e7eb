"""What a strategy is: an oracle of three questions.  It knows nothing of locks."""

from __future__ import annotations

from typing import Protocol

from lockwright.core.task import Task


class Oracle(Protocol):
    """Asked in this order: once `begin` an execution, then `pick` and perhaps `choose` a step."""

    def begin(self) -> bool:
        """Is there another execution?"""
        ...

    def pick(self, enabled: list[Task]) -> Task:
        """Which task takes the next step?  `enabled` is in order of creation, never empty."""
        ...

    def choose(self, options: int) -> int:
        """Which of the step's outcomes, below `options`?"""
        ...
