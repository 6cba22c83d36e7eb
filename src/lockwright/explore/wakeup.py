"""Wakeup trees: the sequences that still have to be explored from a point.

Source: Abdulla, Aronis, Jonsson, Sagonas, "Source Sets: A Foundation for Optimal Dynamic Partial
Order Reduction" (JACM 64(4), 2017), sections 6 and 7.  A footprint is a pair of bit masks over
locations, (read, written).  `v` is a sequence of steps to insert; a step is a weak initial of v
if it could come first in some equivalent sequence, or could be put before v altogether.

What the last step of v would touch at its new place is not always known: that may depend on what
it reads there.  It is asked for (`Probe`) only where the answer makes a difference, that is, where
touching just what is certain and touching everything lead to different decisions.  So every
sequence that is inserted conflicts with all that sleeps, which is what keeps executions from being
blocked.
"""

from __future__ import annotations

from collections.abc import Callable

from lockwright.explore.run import TASK_MASK

Step = tuple[int, int, int]
"""(key, read mask, write mask); the key holds the task's number and the value chosen."""

Footprint = tuple[int, int]
"""(read mask, write mask)"""

Sleep = dict[int, Footprint]
"""Sleeping steps by key."""

Probe = Callable[[list[int]], Footprint]
"""Runs the steps of these keys from the node, and tells the footprint of the last."""

EVERYTHING = -1
"""The mask of all locations."""

ANYTHING = (0, EVERYTHING)

NOT_INITIAL = -2
UNSURE = -3


class Branch:
    """A node of a wakeup tree: a step, and what has to follow it, in order of insertion.

    Where not `exact`, the footprint is only what it touches for certain.
    """

    __slots__ = ("children", "exact", "key", "read", "write")

    def __init__(self, key: int, read: int, write: int, *, exact: bool = True) -> None:
        self.key = key
        self.read = read
        self.write = write
        self.exact = exact
        self.children: list[Branch] = []


class Sequence:
    """A sequence to insert.

    Where not `exact`, the last step's footprint is only what it touches for certain: `least`.
    """

    __slots__ = ("exact", "keys", "least", "steps")

    def __init__(self, steps: list[Step], *, exact: bool = True) -> None:
        self.steps = steps
        self.exact = exact
        self.least: Footprint = steps[-1][1:]
        self.keys = [step[0] for step in steps] if not exact else []

    def assume(self, footprint: Footprint) -> None:
        """Let the last step have this footprint."""
        self.steps[-1] = (self.steps[-1][0], *footprint)

    def resolve(self, probe: Probe) -> None:
        """Find out what the last step touches."""
        self.assume(probe(self.keys))
        self.exact = True


def paths(branches: list[Branch]) -> list[tuple[list[Step], bool]]:
    """All ways down a wakeup tree, and whether the last footprint of each is exact; one that is
    empty if there are no branches."""
    if not branches:
        return [([], True)]
    return [
        ([(branch.key, branch.read, branch.write), *rest], exact if rest else branch.exact)
        for branch in branches
        for rest, exact in paths(branch.children)
    ]


def independent(steps: list[Step], key: int, read: int, write: int) -> list[Step]:
    """Those of the steps that do not happen after a step before them."""
    tasks = {key & TASK_MASK}
    left: list[Step] = []
    for step in steps:
        other, step_read, step_write = step
        if other & TASK_MASK in tasks or step_write & (read | write) or step_read & write:
            tasks.add(other & TASK_MASK)
            read |= step_read
            write |= step_write
        else:
            left.append(step)
    return left


def awake(sleep: Sleep, key: int, read: int, write: int) -> Sleep:
    """What still sleeps after a step: what does not depend on it."""
    task = key & TASK_MASK
    either = read | write
    return {
        other: footprint
        for other, footprint in sleep.items()
        if other & TASK_MASK != task and not (footprint[1] & either or footprint[0] & write)
    }


def asleep(v: Sequence, sleep: Sleep, probe: Probe) -> bool:
    """Is some weak initial of v asleep?  Then all that v leads to has been explored already."""
    if v.exact:
        return sleeps(v.steps, sleep)
    v.assume(ANYTHING)
    if sleeps(v.steps, sleep):
        return True
    v.assume(v.least)
    if not sleeps(v.steps, sleep):
        return False
    v.resolve(probe)
    return sleeps(v.steps, sleep)


def sleeps(v: list[Step], sleep: Sleep) -> bool:
    """Is some weak initial of these steps asleep?"""
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


def insert(branches: list[Branch], v: Sequence, probe: Probe) -> bool:
    """Add v below `branches` unless what is there covers it.  True if the tree grew.

    Uses v up.
    """
    above: list[int] = []
    start, steps = 0, v.steps
    while branches:
        for branch in branches:
            if v.exact and branch.exact:
                at = initial(branch.key, branch.read, branch.write, steps, start)
            else:
                at = _place(branch, v, start, above, probe)
            if at != NOT_INITIAL:
                break
        else:
            break
        if at >= 0:
            if at == len(steps) - 1:
                v.exact = True
            if at == start:
                start += 1
            else:
                del steps[at]
        if not branch.children or start == len(steps):
            return False
        above.append(branch.key)
        branches = branch.children
    for key, read, write in steps[start:]:
        new = Branch(key, read, write)
        branches.append(new)
        branches = new.children
    new.exact = v.exact
    return True


def _place(branch: Branch, v: Sequence, start: int, above: list[int], probe: Probe) -> int:
    """`initial`, having found out about footprints as far as that makes a difference."""
    if not v.exact:
        v.assume(ANYTHING)
        most = _at(branch, v.steps, start)
        v.assume(v.least)
        if most == _at(branch, v.steps, start) != UNSURE:
            return most
        v.resolve(probe)
    at = _at(branch, v.steps, start)
    if at == UNSURE:
        branch.read, branch.write = probe([*above, branch.key])
        branch.exact = True
        at = _at(branch, v.steps, start)
    return at


def _at(branch: Branch, v: list[Step], start: int) -> int:
    least = initial(branch.key, branch.read, branch.write, v, start)
    if branch.exact or least == initial(branch.key, *ANYTHING, v, start):
        return least
    return UNSURE


def initial(key: int, key_read: int, key_write: int, v: list[Step], start: int = 0) -> int:
    """Where in v, from `start` on, the step stands if it is a weak initial of that (-1: nowhere),
    else NOT_INITIAL."""
    task = key & TASK_MASK
    read = write = 0
    for at in range(start, len(v)):
        other, other_read, other_write = v[at]
        if other & TASK_MASK == task:
            if other != key or other_write & (read | write) or other_read & write:
                return NOT_INITIAL
            return at
        read |= other_read
        write |= other_write
    if key_write & (read | write) or key_read & write:
        return NOT_INITIAL
    return -1
