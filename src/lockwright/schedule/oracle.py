"""What a strategy is: an oracle of three questions.  It knows nothing of locks."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from lockwright.core.task import Task


class Oracle(Protocol):
    """Asked in this order: once `begin` an execution, then `pick` and perhaps `choose` a step.

    It may look at what a task is about to do (`aim.py`): the number of its location, and whether
    it writes.
    """

    def begin(self) -> bool:
        """Is there another execution?"""
        ...

    def pick(self, enabled: list[Task]) -> Task:
        """Which task takes the next step?  `enabled` is in order of creation, never empty."""
        ...

    def choose(self, options: int) -> int:
        """Which of the step's outcomes, below `options`?"""
        ...


@runtime_checkable
class Tossing(Protocol):
    """An oracle that says by itself how likely an interrupt is that can come at many places."""

    def arrives(self, step: int) -> int:
        """Does it come now (1), at this step of the execution, or not now (0)?"""
        ...


def arrival(oracle: Oracle, step: int) -> int:
    """An oracle's word on an interrupt that can come now; one that says nothing of interrupts is
    asked which of two outcomes."""
    return oracle.arrives(step) if isinstance(oracle, Tossing) else oracle.choose(2)


@runtime_checkable
class Ranged(Protocol):
    """An oracle of executions that have numbers, made for a range of them.

    Execution i is the same whatever the range, so that several processes can share one search.
    Some oracles have to measure the program first: in executions whose numbers come before all
    others, and which each process runs, those that are not of its range unseen.
    """

    owned: bool
    """Is the execution that was begun of the range?  If not, it is there to be measured."""
