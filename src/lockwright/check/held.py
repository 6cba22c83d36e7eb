"""Which task holds which locks, from the acquire and release events."""

from __future__ import annotations

from lockwright.check.rule import Rule
from lockwright.core.locknote import DOWNGRADED, LockNote
from lockwright.core.lockuse import READER, LockUse
from lockwright.core.task import Task
from lockwright.core.world import World


class HeldLocks(Rule):
    """The locks each task holds, oldest first.  Judges nothing; other rules ask it."""

    name = "held"

    def __init__(self) -> None:
        self.held: list[list[LockUse]] = []

    def begin(self, world: World) -> None:
        self.held = []
        world.on_acquire += (self._acquired,)
        world.on_release += (self._released,)
        world.on_note += (self._noted,)

    def of(self, task: Task) -> list[LockUse]:
        """The uses of the locks that the task holds."""
        return self.held[task.index] if task.index < len(self.held) else []

    def _acquired(self, task: Task, use: LockUse) -> None:
        if use.sync:
            return
        while len(self.held) <= task.index:
            self.held.append([])
        self.held[task.index].append(use)

    def _noted(self, task: Task, note: LockNote) -> None:
        if note.what == DOWNGRADED:
            held = self.of(task)
            for at, use in enumerate(held):
                if use.instance == note.instance:
                    held[at] = use._replace(read=READER, function=note.function)

    def _released(self, task: Task, address: int) -> None:
        held = self.of(task)
        for at in range(len(held) - 1, -1, -1):
            if held[at].instance == address:
                del held[at]
                return
