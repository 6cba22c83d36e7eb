"""What comes next where no wakeup tree says it."""

from __future__ import annotations

from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.run import CHOICE_SHIFT
from lockwright.explore.wakeup import Sleep

ENDED = -1
SLEEPING = -2


def choose(world: World, last: int, sleep: Sleep) -> int:
    """The next step where the wakeup tree says nothing: the same task again if it can, else the
    first that can; ENDED if none can, SLEEPING if all that can are asleep."""
    by_number = world.by_number
    if last >= 0:
        task = by_number[last]
        op = task.pending if task is not None else None
        if not sleep and op is not None and (not op.blocking or op.enabled()):
            return last
        key = _key(task, sleep)
        if key >= 0:
            return key
    found = ENDED
    for task in world.tasks:
        key = _key(task, sleep)
        if key >= 0:
            return key
        if key == SLEEPING:
            found = SLEEPING
    return found


def _key(task: Task | None, sleep: Sleep) -> int:
    op = task.pending if task is not None else None
    if task is None or op is None or (op.blocking and not op.enabled()):
        return ENDED
    number = task.number
    if not sleep:
        return number
    for choice in range(op.options() if op.chooses else 1):
        key = number | choice << CHOICE_SHIFT
        if key not in sleep:
            return key
    return SLEEPING
