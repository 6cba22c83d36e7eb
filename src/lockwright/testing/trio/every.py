"""Every order: depth-first search over whose step is next, without any reduction.

What a step of a Python program touches is not known, so that no two orders can be taken for the
same.  At each step the task that ran goes on first, then the others in order of creation; so the
first execution has no preemption.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lockwright.core.errors import NondeterminismError
from lockwright.core.task import Task
from lockwright.testing.trio.stands import CLOCK


@dataclass(slots=True)
class Node:
    """A step of the current path: the tasks that could take it, those not tried yet, and who ran
    before, with how many preemptions."""

    enabled: tuple[int, ...]
    left: list[int]
    taken: int
    last: int
    preemptions: int
    known: int = field(default=0)


class EveryOrder:
    """All schedules, or those with at most `bound` preemptions.

    Invariant: `path[:depth]` are the steps of the execution that runs.  `pruned` says that the
    bound has kept something out.
    """

    def __init__(self, bound: int | None = None) -> None:
        self.bound = bound
        self.path: list[Node] = []
        self.depth = 0
        self.last = -1
        self.preemptions = 0
        self.begun = False
        self.pruned = False

    def begin(self) -> bool:
        """Is there another schedule?"""
        if self.begun and not self._backtracked():
            return False
        self.begun = True
        self.depth, self.last, self.preemptions = 0, -1, 0
        return True

    def _backtracked(self) -> bool:
        del self.path[self.depth :]
        while self.path:
            node = self.path[-1]
            if node.left:
                node.taken = node.left.pop(0)
                return True
            self.path.pop()
        return False

    def pick(self, enabled: list[Task]) -> Task:
        """The next step of the current path, or of the first that goes on from it."""
        indexes = tuple(task.index for task in enabled)
        if self.depth == len(self.path):
            self.path.append(self._node(indexes))
        node = self.path[self.depth]
        if node.enabled != indexes:
            raise NondeterminismError(
                f"the program does not do the same along the same schedule: at step {self.depth} "
                f"the tasks {_said(indexes)} could run, and {_said(node.enabled)} before; does it "
                "keep something from one run to the next, or draw random numbers?"
            )
        self.depth += 1
        if node.taken != node.last and node.last in indexes:
            self.preemptions += 1
        if node.taken != CLOCK:
            self.last = node.taken
        return enabled[indexes.index(node.taken)]

    def _node(self, enabled: tuple[int, ...]) -> Node:
        order = sorted(enabled, key=lambda index: index != self.last)
        if self.last in enabled and self.bound is not None and self.preemptions >= self.bound:
            self.pruned = self.pruned or len(order) > 1
            order = order[:1]
        return Node(enabled, order[1:], order[0], self.last, self.preemptions, len(order))

    def branching(self) -> list[tuple[int, int]]:
        """For `explore.estimate`: explored and known choices at each depth of the path."""
        return [(node.known - len(node.left) - 1, node.known) for node in self.path]


def _said(indexes: tuple[int, ...]) -> str:
    return ", ".join(map(str, indexes)) or "none"
