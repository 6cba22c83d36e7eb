"""The spinlock: one owner, who may not sleep, and waiters who spin.

Source: include/linux/spinlock.h, include/linux/spinlock_api_smp.h, kernel/locking/spinlock.c.
Left out: the queue of a qspinlock; any waiter may win, so the model promises no more than that.

`SpinLock` is spinlock_t, `RawSpinLock` raw_spinlock_t, which spins on PREEMPT_RT too: the same but
for the names of the calls and for the wait type.  What a form of the call switches off is off
before the lock is waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lockwright.core.buffering import STORES
from lockwright.core.lockuse import WAIT_CONFIG, WAIT_SPIN, LockKey, LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELAXED, RELEASE
from lockwright.kernel.irqflags import EVENTS, OFF, ON
from lockwright.kernel.lockuse import Lock

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

FREE = -1


class SpinLock(Lock):
    """A spinlock_t.  Invariant: `value` is the index of the owner, or FREE."""

    __slots__ = ()

    wait_inner = WAIT_CONFIG
    lock_call: ClassVar[str] = "spin_lock"
    trylock_call: ClassVar[str] = "spin_trylock"
    unlock_call: ClassVar[str] = "spin_unlock"
    is_locked_call: ClassVar[str] = "spin_is_locked"

    def __init__(self, world: World, name: str, cls: LockKey | None = None) -> None:
        super().__init__(world, name, value=FREE, cls=cls)

    def lock(self) -> Operation:
        """spin_lock()"""
        return SpinLockLock(self, self.lock_call)

    def lock_nested(self, subclass: int) -> Operation:
        """spin_lock_nested(): the same, in another lockdep subclass."""
        return SpinLockLock(self, f"{self.lock_call}_nested", "", subclass)

    def lock_nest_lock(self, nest: Lock) -> Operation:
        """spin_lock_nest_lock(): the same, under a lock that serialises all such nesting."""
        return SpinLockLock(self, f"{self.lock_call}_nest_lock", "", 0, nest)

    def trylock(self) -> Operation:
        """spin_trylock(): True if it was taken.  A failed one is only a read of the lock."""
        return _Trylock(self, self.trylock_call)

    def unlock(self) -> Operation:
        """spin_unlock()"""
        return _Unlock(self, self.unlock_call)

    def lock_irqsave(self) -> Operation:
        """spin_lock_irqsave(): with interrupts off until unlock_irqrestore(); nests."""
        return SpinLockLock(self, f"{self.lock_call}_irqsave", "_irqsave")

    def lock_irqsave_nested(self, subclass: int) -> Operation:
        """spin_lock_irqsave_nested(): the same, in another lockdep subclass."""
        return SpinLockLock(self, f"{self.lock_call}_irqsave_nested", "_irqsave", subclass)

    def trylock_irqsave(self) -> Operation:
        """spin_trylock_irqsave(): interrupts are off if it was taken."""
        return _Trylock(self, f"{self.trylock_call}_irqsave", "_irqsave")

    def unlock_irqrestore(self) -> Operation:
        """spin_unlock_irqrestore()"""
        return _Unlock(self, f"{self.unlock_call}_irqrestore", "_irqrestore")

    def lock_irq(self) -> Operation:
        """spin_lock_irq(): with interrupts off."""
        return SpinLockLock(self, f"{self.lock_call}_irq", "_irq")

    def trylock_irq(self) -> Operation:
        """spin_trylock_irq(): interrupts are off if it was taken, and on if it was not."""
        return _Trylock(self, f"{self.trylock_call}_irq", "_irq")

    def unlock_irq(self) -> Operation:
        """spin_unlock_irq(): interrupts are on afterwards, even if an outer section wants not."""
        return _Unlock(self, f"{self.unlock_call}_irq", "_irq")

    def lock_bh(self) -> Operation:
        """spin_lock_bh(): with bottom halves off until unlock_bh(); nests."""
        return SpinLockLock(self, f"{self.lock_call}_bh", "_bh")

    def trylock_bh(self) -> Operation:
        """spin_trylock_bh(): bottom halves are off if it was taken."""
        return _Trylock(self, f"{self.trylock_call}_bh", "_bh")

    def unlock_bh(self) -> Operation:
        """spin_unlock_bh()"""
        return _Unlock(self, f"{self.unlock_call}_bh", "_bh")

    def is_locked(self) -> Operation:
        """spin_is_locked(): does anybody hold it now?"""
        return _IsLocked(self)

    def holders(self) -> list[int]:
        return [] if self.value == FREE else [self.value]


class RawSpinLock(SpinLock):
    """A raw_spinlock_t: raw_spin_lock() and its forms."""

    __slots__ = ()

    wait_inner = WAIT_SPIN
    lock_call = "raw_spin_lock"
    trylock_call = "raw_spin_trylock"
    unlock_call = "raw_spin_unlock"
    is_locked_call = "raw_spin_is_locked"


class _SpinLockOperation(Operation):
    __slots__ = ("form", "kind", "loc")

    loc: SpinLock

    def __init__(self, loc: SpinLock, kind: str, form: str = "") -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.form = form


class SpinLockLock(_SpinLockOperation):
    """spin_lock() and its variants: waits while the lock is owned."""

    __slots__ = ("nest", "subclass")

    blocking = True
    enters = True
    orders = ACQUIRE

    def __init__(
        self,
        loc: SpinLock,
        kind: str,
        form: str = "",
        subclass: int = 0,
        nest: Lock | None = None,
    ) -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.form = form
        self.subclass = subclass
        self.nest = nest

    def enabled(self) -> bool:
        return bool(self.loc.value == FREE)

    def ready(self, value: int) -> bool:
        return value == FREE

    def attempt(self, task: Task) -> LockUse:
        """What the validator is told before the task waits."""
        return self.loc.use(self.kind, subclass=self.subclass, nest=self.nest)

    def switched(self) -> int | None:
        """What is switched off before the task waits: an event of `World.on_irq`."""
        off = OFF[self.form]
        return None if off is None else EVENTS[off]

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.loc
        touched.append(lock.writing)
        lock.value = task.index
        if self.form:
            switch = OFF[self.form]
            if switch is not None:
                switch(task)
        task.atomic += 1
        if lock.world.on_acquire:
            lock.taken(task, self.kind, subclass=self.subclass, nest=self.nest)


class _Trylock(_SpinLockOperation):
    __slots__ = ()

    conditional = True
    orders = ACQUIRE

    def writes_at(self, value: int) -> bool:
        return value == FREE

    def run(self, task: Task, touched: list[int]) -> bool:
        lock = self.loc
        free = bool(lock.value == FREE)
        touched.append(lock.writing if free else lock.reading)
        switch = OFF[self.form]
        if switch is not None:
            switch(task)
        if not free:
            switch = ON[self.form]
            if switch is not None:
                switch(task)
            return False
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
        self._done(task)
        lock.value = FREE

    def _done(self, task: Task) -> None:
        lock = self.loc
        if lock.world.on_release:
            lock.released(task)
        if lock.value != task.index:
            raise lock.not_held(task)
        task.atomic -= 1
        if self.form:
            switch = ON[self.form]
            if switch is not None:
                switch(task)

    def retire(self, task: Task, touched: list[int]) -> bool:
        """What is done at once: the task holds the lock no more."""
        touched.append(self.loc.reading)
        self._done(task)
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


class _IsLocked(_SpinLockOperation):
    __slots__ = ()

    writes = False
    orders = RELAXED

    def __init__(self, loc: SpinLock) -> None:
        super().__init__(loc, loc.is_locked_call)

    def run(self, task: Task, touched: list[int]) -> bool:
        touched.append(self.loc.reading)
        return bool(self.loc.value != FREE)
