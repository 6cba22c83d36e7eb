"""Wakeup trees: the sequences that still have to be explored from a point.

Source: Abdulla, Aronis, Jonsson, Sagonas, "Source Sets: A Foundation for Optimal Dynamic Partial
Order Reduction" (JACM 64(4), 2017), sections 6 and 7.  A footprint is a pair of bit masks over
locations, (read, written).  `v` is a sequence of steps to insert; a step is a weak initial of v
if it could come first in some equivalent sequence, or could be put before v altogether.
"""

from __future__ import annotations

from lockwright.explore.run import TASK_MASK

Step = tuple[int, int, int]
"""(key, read mask, write mask); the key holds the task's number and the value chosen."""

Sleep = dict[int, tuple[int, int]]
"""Sleeping steps: key -> (read mask, write mask)."""


class Branch:
    """A node of a wakeup tree: a step, and what has to follow it, in order of insertion."""

    __slots__ = ("children", "key", "read", "write")

    def __init__(self, key: int, read: int, write: int) -> None:
        self.key = key
        self.read = read
        self.write = write
        self.children: list[Branch] = []


def awake(sleep: Sleep, key: int, read: int, write: int) -> Sleep:
    """What still sleeps after a step: what does not depend on it."""
    task = key & TASK_MASK
    either = read | write
    return {
        other: footprint
        for other, footprint in sleep.items()
        if other & TASK_MASK != task and not (footprint[1] & either or footprint[0] & write)
    }


def sleeps(v: list[Step], sleep: Sleep) -> bool:
    """Is some weak initial of v asleep?  Then all that v leads to has been explored already."""
    seen: set[int] = set()
    read = write = 0
    for key, step_read, step_write in v:
        task = key & TASK_MASK
        if task not in seen:
            seen.add(task)
            if key in sleep and not (step_write & (read | write) or step_read & write):
                return True
        read |= step_read
        write |= step_write
    either = read | write
    for key, (step_read, step_write) in sleep.items():
        if (key & TASK_MASK) not in seen and not (step_write & either or step_read & write):
            return True
    return False


def insert(branches: list[Branch], v: list[Step]) -> bool:
    """Add v below `branches` unless what is there covers it.  True if the tree grew."""
    while True:
        for branch in branches:
            at = _initial(branch, v)
            if at is None:
                continue
            if at >= 0:
                v = v[:at] + v[at + 1 :]
            if not branch.children or not v:
                return False
            branches = branch.children
            break
        else:
            for key, read, write in v:
                new = Branch(key, read, write)
                branches.append(new)
                branches = new.children
            return True


def _initial(branch: Branch, v: list[Step]) -> int | None:
    """Where in v the branch's step stands if it is a weak initial of v (-1: nowhere), else None."""
    key = branch.key
    task = key & TASK_MASK
    read = write = 0
    for at, (other, other_read, other_write) in enumerate(v):
        if other & TASK_MASK == task:
            if other != key or other_write & (read | write) or other_read & write:
                return None
            return at
        read |= other_read
        write |= other_write
    if branch.write & (read | write) or branch.read & write:
        return None
    return -1
