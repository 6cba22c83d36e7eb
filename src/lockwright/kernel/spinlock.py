"""The spinlock: one owner, who may not sleep, and waiters who spin.

Source: include/linux/spinlock.h, kernel/locking/spinlock.c.
Left out: the queue of a qspinlock; any waiter may win, so the model promises no more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.buffering import STORES
from lockwright.core.lockuse import LockKey, LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELEASE
from lockwright.kernel import irqflags
from lockwright.kernel.lockuse import Lock

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

FREE = -1

BEFORE_LOCK = {
    "spin_lock_irqsave": irqflags.irqs_save,
    "spin_lock_irq": irqflags.irqs_save,
    "spin_lock_bh": irqflags.bhs_disable,
}
AFTER_UNLOCK = {
    "spin_unlock_irqrestore": irqflags.irqs_restore,
    "spin_unlock_irq": irqflags.irqs_enable,
    "spin_unlock_bh": irqflags.bhs_enable,
}


class SpinLock(Lock):
    """A spinlock_t.  Invariant: `value` is the index of the owner, or FREE."""

    __slots__ = ()

    wait_inner = 2

    def __init__(self, world: World, name: str, cls: LockKey | None = None) -> None:
        super().__init__(world, name, value=FREE, cls=cls)

    def lock(self) -> Operation:
        """spin_lock()"""
        return SpinLockLock(self, "spin_lock")

    def lock_nested(self, subclass: int) -> Operation:
        """spin_lock_nested(): the same, in another lockdep subclass."""
        return SpinLockLock(self, "spin_lock_nested", subclass)

    def trylock(self) -> Operation:
        """spin_trylock(): True if it was taken.  A failed one is only a read of the lock."""
        return _Trylock(self, "spin_trylock")

    def unlock(self) -> Operation:
        """spin_unlock()"""
        return _Unlock(self, "spin_unlock")

    def lock_irqsave(self) -> Operation:
        """spin_lock_irqsave(): with interrupts off until unlock_irqrestore(); nests."""
        return SpinLockLock(self, "spin_lock_irqsave")

    def unlock_irqrestore(self) -> Operation:
        """spin_unlock_irqrestore()"""
        return _Unlock(self, "spin_unlock_irqrestore")

    def lock_irq(self) -> Operation:
        """spin_lock_irq(): with interrupts off."""
        return SpinLockLock(self, "spin_lock_irq")

    def unlock_irq(self) -> Operation:
        """spin_unlock_irq(): interrupts are on afterwards, even if an outer section wants not."""
        return _Unlock(self, "spin_unlock_irq")

    def lock_bh(self) -> Operation:
        """spin_lock_bh(): with bottom halves off until unlock_bh(); nests."""
        return SpinLockLock(self, "spin_lock_bh")

    def unlock_bh(self) -> Operation:
        """spin_unlock_bh()"""
        return _Unlock(self, "spin_unlock_bh")

    def holders(self) -> list[int]:
        return [] if self.value == FREE else [self.value]


class _SpinLockOperation(Operation):
    __slots__ = ("kind", "loc")

    loc: SpinLock

    def __init__(self, loc: SpinLock, kind: str) -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # each call has its own name


class SpinLockLock(_SpinLockOperation):
    """spin_lock() and its variants: waits while the lock is owned."""

    __slots__ = ("subclass",)

    blocking = True
    enters = True
    orders = ACQUIRE

    def __init__(self, loc: SpinLock, kind: str, subclass: int = 0) -> None:
        super().__init__(loc, kind)
        self.subclass = subclass

    def enabled(self) -> bool:
        return bool(self.loc.value == FREE)

    def ready(self, value: int) -> bool:
        return value == FREE

    def attempt(self, task: Task) -> LockUse:
        """What the validator is told before the task waits."""
        lock = self.loc
        return LockUse(lock.cls, self.subclass, lock.address, 0, False, self.kind)

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.loc
        touched.append(lock.writing)
        lock.value = task.index
        task.atomic += 1
        before = BEFORE_LOCK.get(self.kind)
        if before is not None:
            before(task)
        if lock.world.on_acquire:
            lock.taken(task, self.kind, subclass=self.subclass)


class _Trylock(_SpinLockOperation):
    __slots__ = ()

    conditional = True
    orders = ACQUIRE

    def writes_at(self, value: int) -> bool:
        return value == FREE

    def run(self, task: Task, touched: list[int]) -> bool:
        lock = self.loc
        if lock.value != FREE:
            touched.append(lock.reading)
            return False
        touched.append(lock.writing)
        lock.value = task.index
        task.atomic += 1
        if lock.world.on_acquire:
            lock.taken(task, self.kind, trylock=True)
        return True


class _Unlock(_SpinLockOperation):
    """spin_unlock() and its variants.

    With a store buffer the lock word is freed when the store lands; the task, the validator and
    the rules are done with the lock before.
    """

    __slots__ = ()

    orders = RELEASE
    leaves = True
    buffering = STORES

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.loc
        touched.append(lock.writing)
        if lock.world.on_release:
            lock.released(task)
        if lock.value != task.index:
            raise lock.not_held(task)
        lock.value = FREE
        task.atomic -= 1
        after = AFTER_UNLOCK.get(self.kind)
        if after is not None:
            after(task)

    def retire(self, task: Task, touched: list[int]) -> bool:
        """What is done at once: the task holds the lock no more."""
        lock = self.loc
        touched.append(lock.reading)
        if lock.world.on_release:
            lock.released(task)
        if lock.value != task.index:
            raise lock.not_held(task)
        task.atomic -= 1
        after = AFTER_UNLOCK.get(self.kind)
        if after is not None:
            after(task)
        return True

    def land(self, task: Task, touched: list[int]) -> None:
        """Others find the lock free."""
        lock = self.loc
        touched.append(lock.writing)
        if lock.value != task.index:
            raise lock.not_held(task)
        lock.value = FREE

    def target(self) -> int:
        """The number of the location that it stores to."""
        return self.loc.number
