"""Who holds which lock, from when to when."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.lockuse import EXCLUSIVE, READER, RECURSIVE_READER, LockUse
from lockwright.core.task import Task
from lockwright.core.timeline import NEVER, Hold
from lockwright.core.world import World
from lockwright.filming.locks import Locks, tells
from lockwright.kernel.bit_spinlock import BitSpinLock
from lockwright.kernel.graceperiod import Domain
from lockwright.kernel.lockuse import Lock

ALONE, SHARED, RECURSIVE = "exclusive", "shared", "recursive"
HOW = {EXCLUSIVE: ALONE, READER: SHARED, RECURSIVE_READER: RECURSIVE}

Key = tuple[int, int, str]
"""Task, lock, how."""


class Holds:
    """Looks at all locks between steps, and hears of acquires: which lock is held in which way.

    Invariant: `open[key]` has the places in `taken` of the holds that have not ended, oldest first;
    `ways` the way in which a task has acquired a lock last; `told` what was acquired and not
    released, oldest first; `bits` who has set a lock bit, by the lock's key.
    """

    def __init__(self, world: World, locks: Locks) -> None:
        self.world = world
        self.locks = locks
        self.taken: list[Hold] = []
        self.open: dict[Key, list[int]] = {}
        self.ways: dict[tuple[int, int], str] = {}
        self.told: list[tuple[int, LockUse]] = []
        self.bits: dict[int, int] = {}
        world.on_acquire += (self.acquired,)
        world.on_release += (self.released,)

    def acquired(self, task: Task, use: LockUse) -> None:
        """A lock told of an acquire."""
        if use.sync:
            return
        self.ways[task.index, use.instance] = HOW[use.read]
        self.told.append((task.index, use))

    def released(self, task: Task, instance: int) -> None:
        """A lock told of a release."""
        for at in range(len(self.told) - 1, -1, -1):
            if self.told[at][0] == task.index and self.told[at][1].instance == instance:
                del self.told[at]
                return

    def look(self, step: int) -> None:
        """See what has changed in a step."""
        now: dict[Key, int] = {}
        for key in self._held():
            now[key] = now.get(key, 0) + 1
        for key, holds in self.open.items():
            for _ in range(len(holds) - now.get(key, 0)):
                at = holds.pop()
                self.taken[at] = self.taken[at]._replace(end=step)
        for key, count in now.items():
            holds = self.open.setdefault(key, [])
            for _ in range(count - len(holds)):
                holds.append(len(self.taken))
                self.taken.append(Hold(*key, step, NEVER))

    def _held(self) -> Iterator[Key]:
        """Who holds what now."""
        for key, lock in self.locks.known.items():
            if isinstance(lock, BitSpinLock):
                index = self._setter(key, lock)
                if index >= 0:
                    yield index, self.locks.number(key), ALONE
            elif isinstance(lock, Lock) and tells(lock):
                for index in lock.holders():
                    if index >= 0:
                        yield index, self.locks.number(key), self._way(lock, index)
        for index, use in self.told:
            if not tells(self.locks.known.get(use.instance)):
                yield index, self.locks.number(use.instance, use), HOW[use.read]

    def _way(self, lock: Lock, index: int) -> str:
        if isinstance(lock, Domain):
            return RECURSIVE
        if lock.held_by(self.world.tasks[index], EXCLUSIVE):
            return ALONE
        # what it was acquired for alone has been downgraded since
        way = self.ways.get((index, lock.address), SHARED)
        return way if way != ALONE else SHARED

    def _setter(self, key: int, lock: BitSpinLock) -> int:
        """Who has set a bit, which does not say so: whoever ran when it was seen to be set."""
        if not lock.value:
            self.bits.pop(key, None)
            return NEVER
        runner = self.world.creator
        return self.bits.setdefault(key, runner.index if isinstance(runner, Task) else NEVER)
