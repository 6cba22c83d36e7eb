"""The mutex: one owner, sleeping waiters, any of whom may win it.

Source: kernel/locking/mutex.c.  Optimistic spinning and hand-off mean that no order among the
waiters may be relied upon, so the model promises none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.location import Location, Value
from lockwright.core.native import mypyc_attr
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELEASE
from lockwright.kernel.context import might_sleep
from lockwright.kernel.lockuse import Lock, LockClass, LockUse, as_lock

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

FREE = -1


@mypyc_attr(allow_interpreted_subclasses=True)
class Mutex(Lock):
    """A sleeping lock.  Invariant: `value` is the index of the owner, or FREE."""

    __slots__ = ()

    def __init__(self, world: World, name: str, *, cls: LockClass | None = None) -> None:
        super().__init__(world, name, value=FREE, cls=cls)

    def lock(self) -> Operation:
        """mutex_lock()"""
        return MutexLock(self)

    def lock_nested(self, subclass: int) -> Operation:
        """mutex_lock_nested(): the same, in another lockdep subclass."""
        return MutexLockNested(self, subclass)

    def trylock(self) -> Operation:
        """mutex_trylock(): True if it was taken.  A failed one is only a read of the mutex."""
        return _Trylock(self)

    def unlock(self) -> Operation:
        """mutex_unlock()"""
        return _Unlock(self)

    def holders(self) -> list[int]:
        return [] if self.value == FREE else [self.value]


@mypyc_attr(allow_interpreted_subclasses=True)
class MutexLock(Operation):
    """mutex_lock(): waits while the mutex is owned."""

    __slots__ = ("loc", "subclass")

    blocking = True
    enters = True
    orders = ACQUIRE
    kind = "mutex_lock"
    loc: Location  # a Mutex

    def __init__(self, loc: Location, subclass: int = 0) -> None:
        self.loc = loc
        self.subclass = subclass

    def enabled(self) -> bool:
        value: int = self.loc.value
        return value == FREE

    def ready(self, value: Value) -> bool:
        return bool(value == FREE)

    def attempt(self, task: Task) -> LockUse:
        """What the validator is told before the task waits."""
        lock = as_lock(self.loc)
        return LockUse(lock.cls, self.subclass, lock.address, 0, False, self.kind)

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.loc
        touched.append(lock.writing)
        if task.atomic:
            might_sleep(task, self.kind)
        lock.value = task.index
        if lock.world.on_acquire:
            as_lock(lock).taken(task, self.kind, subclass=self.subclass)


@mypyc_attr(allow_interpreted_subclasses=True)
class MutexLockNested(MutexLock):
    """mutex_lock_nested(): the same in another lockdep subclass."""

    __slots__ = ()

    kind = "mutex_lock_nested"


@mypyc_attr(allow_interpreted_subclasses=True)
class _Trylock(Operation):
    __slots__ = ("loc",)

    conditional = True
    orders = ACQUIRE
    kind = "mutex_trylock"
    loc: Location  # a Mutex

    def __init__(self, loc: Location) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> bool:
        lock = self.loc
        if lock.value != FREE:
            touched.append(lock.reading)
            return False
        touched.append(lock.writing)
        lock.value = task.index
        if lock.world.on_acquire:
            as_lock(lock).taken(task, self.kind, trylock=True)
        return True

    def writes_at(self, value: Value) -> bool:
        return bool(value == FREE)


@mypyc_attr(allow_interpreted_subclasses=True)
class _Unlock(Operation):
    __slots__ = ("loc",)

    orders = RELEASE
    leaves = True
    kind = "mutex_unlock"
    loc: Location  # a Mutex

    def __init__(self, loc: Location) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.loc
        touched.append(lock.writing)
        if lock.world.on_release:
            as_lock(lock).released(task)
        if lock.value != task.index:
            raise as_lock(lock).not_held(task)
        lock.value = FREE
