"""The bit spinlock: one bit of a word, spun for with preemption off.

Source: include/linux/bit_spinlock.h.
lockdep knows nothing of it: there is no room for a map, and any task may clear the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.errors import KernelOops
from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELAXED, RELEASE

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World


class BitSpinLock(Location):
    """One bit that is used as a lock.  `BitSpinLock(world, "&b->first")`

    Invariant: `value` is 1 while it is set, else 0.
    """

    __slots__ = ()

    value: int

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, 0, name)

    def lock(self) -> Operation:
        """bit_spin_lock()"""
        return _Lock(self)

    def trylock(self) -> Operation:
        """bit_spin_trylock(): True if it was taken."""
        return _Trylock(self)

    def unlock(self) -> Operation:
        """bit_spin_unlock()"""
        return _Unlock(self)

    def is_locked(self) -> Operation:
        """bit_spin_is_locked()"""
        return _IsLocked(self)


class _BitOperation(Operation):
    __slots__ = ("loc",)

    loc: BitSpinLock

    def __init__(self, loc: BitSpinLock) -> None:
        self.loc = loc


class _Lock(_BitOperation):
    __slots__ = ()

    blocking = True
    orders = ACQUIRE
    kind = "bit_spin_lock"

    def ready(self, value: int) -> bool:
        return not value

    def run(self, task: Task, touched: list[int]) -> None:
        touched.append(self.loc.writing)
        self.loc.value = 1
        task.atomic += 1


class _Trylock(_BitOperation):
    __slots__ = ()

    conditional = True
    orders = ACQUIRE
    kind = "bit_spin_trylock"

    def writes_at(self, value: int) -> bool:
        return not value

    def run(self, task: Task, touched: list[int]) -> bool:
        lock = self.loc
        if lock.value:
            touched.append(lock.reading)
            return False
        touched.append(lock.writing)
        lock.value = 1
        task.atomic += 1
        return True


class _Unlock(_BitOperation):
    __slots__ = ()

    orders = RELEASE
    kind = "bit_spin_unlock"

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.loc
        touched.append(lock.writing)
        if not lock.value:
            message = f"{task.comm} releases {lock.name}, which nobody holds"
            raise KernelOops("bad unlock balance", message, lock.name)
        lock.value = 0
        task.atomic -= 1


class _IsLocked(_BitOperation):
    __slots__ = ()

    writes = False
    orders = RELAXED
    kind = "bit_spin_is_locked"

    def run(self, task: Task, touched: list[int]) -> bool:
        touched.append(self.loc.reading)
        return bool(self.loc.value)
