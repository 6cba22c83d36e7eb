"""What measuring executions tell of a program: how many events each task has, and where.

Tasks go by their numbers, which are the same in every execution of a search.  Everything is kept
in the order in which the measuring executions met it, which does not depend on what else the
search has run: so each process that measures gets the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lockwright.core.task import Task
from lockwright.schedule.aim import aim


@dataclass(slots=True)
class Spot:
    """The events of one location: `all` by task, and among them those that can be held up by
    another task or fail, `acquires`."""

    all: dict[int, int] = field(default_factory=dict)
    acquires: dict[int, int] = field(default_factory=dict)
    blocks: bool = False
    written: bool = False

    def interesting(self) -> dict[int, int]:
        """What is to be ordered, by task.  Of a lock, the acquires: where the releases come is
        decided by these."""
        return self.acquires if self.blocks else self.all


@dataclass(slots=True)
class Profile:
    """Sums over all measuring executions.

    `runs` counts the executions; `seen[n]` those in which task n took a step, `steps[n]` its steps
    in all.  `parents[n]` says that n is the given child, from 0, of the given task; the tasks that
    are there from the beginning have none.
    """

    runs: int = 0
    seen: dict[int, int] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)
    parents: dict[int, tuple[int, int]] = field(default_factory=dict)
    spots: dict[int, Spot] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)

    def begin(self) -> None:
        """An execution begins that is measured."""
        self._close()
        self.runs += 1

    def count(self, task: Task) -> None:
        """The task takes a step."""
        number, operation = task.number, task.pending
        self.tasks[number] = task
        self.steps[number] = self.steps.get(number, 0) + 1
        location, written = aim(task)
        if operation is None or location < 0:
            return
        spot = self.spots.setdefault(location, Spot())
        spot.all[number] = spot.all.get(number, 0) + 1
        if operation.blocking or operation.conditional:
            spot.acquires[number] = spot.acquires.get(number, 0) + 1
        spot.blocks = spot.blocks or operation.blocking
        spot.written = spot.written or written

    def close(self) -> None:
        """The last execution has ended."""
        self._close()

    def _close(self) -> None:
        for number, task in self.tasks.items():
            self.seen[number] = self.seen.get(number, 0) + 1
            for nth, child in enumerate(task.name.children[: task.children_made]):
                self.parents[child.number] = (number, nth)
        self.tasks = {}

    def mean(self, number: int) -> float:
        """The steps of a task that exists."""
        return self.steps.get(number, 0) / self.seen.get(number, 1)

    def unborn(self) -> dict[int, list[float]]:
        """By task, for each number of children that it has made: the steps that are expected of
        those it has yet to make, with their own children's."""
        tree = {number: steps / self.runs for number, steps in self.steps.items()}
        for number in reversed(self.steps):  # a child takes its first step after its parent
            if number in self.parents:
                tree[self.parents[number][0]] += tree[number]
        found: dict[int, list[float]] = {}
        for number, (parent, nth) in self.parents.items():
            each = found.setdefault(parent, [])
            each.extend([0.0] * (nth + 1 - len(each)))
            each[nth] += tree.get(number, 0.0)
        for each in found.values():
            for nth in reversed(range(len(each) - 1)):
                each[nth] += each[nth + 1]
        return found

    def contended(self) -> list[int]:
        """The locations whose interesting events are of several tasks, one of them to write."""
        return [
            number
            for number, spot in self.spots.items()
            if spot.written and len(spot.interesting()) > 1
        ]
