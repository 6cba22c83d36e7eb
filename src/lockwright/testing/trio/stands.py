"""A trio task as the strategies see it, and what it is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lockwright.core.task import Task

if TYPE_CHECKING:
    from trio.lowlevel import Task as TrioTask

CLOCK = 0
"""The index of the clock, which takes a step when time passes; the tasks count from 1."""


class Stand(Task):
    """Stands for one trio task, or for the clock, where a strategy chooses among tasks.

    Strategies look at a task's place in the order of creation.  Nothing else of the kernel's
    machine is here: no coroutine of ours, and no pending operation that would tell what it is
    about to touch.
    """

    def __init__(self, index: int, comm: str, task: TrioTask | None) -> None:
        # not Task.__init__: there is no world and no coroutine of a model
        self.index = index
        self.number = index
        self.comm = comm
        self.pending = None
        self.children_made = 0
        self.ended = False
        self.task = task
        self.since = -1
        """The step after which it has stood where it stands."""


def comm_of(name: str) -> str:
    """The last part of the name that trio gives a task: of `bank.main.<locals>.pay`, `pay`."""
    return name.rpartition(".")[2] or name


class Crowd:
    """All tasks of a run that has come to its end, and what they are called in its report.

    A task is called after its function, or `function:index` where two tasks have the same one.
    """

    def __init__(self, stands: dict[TrioTask, Stand]) -> None:
        self.stands = stands
        comms = [stand.comm for stand in stands.values()]
        self.heads = {
            task: stand.comm if comms.count(stand.comm) == 1 else f"{stand.comm}:{stand.index}"
            for task, stand in stands.items()
        }

    def head(self, stand: Stand) -> str:
        """What one task is called."""
        return self.heads[stand.task] if stand.task is not None else stand.comm

    def names(self, tasks: Iterable[TrioTask]) -> list[str]:
        """What some tasks are called, in order of creation."""
        known = [task for task in tasks if task in self.stands]
        known.sort(key=lambda task: self.stands[task].index)
        return [self.heads[task] for task in known]
