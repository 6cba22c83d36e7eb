"""Which lock classes the shrinkers of a world take."""

from __future__ import annotations

from lockwright.check.held import HeldLocks
from lockwright.core.lockuse import LockUse
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.reclaim import FS_RECLAIM, Reclaim

SHRINKS = Reclaim.shrink_slab.__name__


class Reclaimed(HeldLocks):
    """Hears what is taken under fs_reclaim, by shrinkers of the world.  Judges nothing.

    `classes` has all that was taken in any execution.
    """

    name = "reclaimed"

    def __init__(self) -> None:
        super().__init__()
        self.classes: dict[str, None] = {}

    def _acquired(self, task: Task, use: LockUse) -> None:
        inside = any(held.key.name == FS_RECLAIM.name for held in self.of(task))
        if inside and any(frame.function == SHRINKS for frame in task.call_chain()):
            self.classes[use.class_name] = None
        super()._acquired(task, use)

    def finish(self, world: World) -> None:
        """Who waits for ever has not told of the acquire yet."""
        for task in world.blocked():
            attempt = getattr(task.pending, "attempt", None)
            if attempt is not None:
                self._acquired(task, attempt(task))
