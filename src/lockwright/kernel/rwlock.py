"""The spinning reader-writer lock.

Source: kernel/locking/qrwlock.c, include/linux/rwlock.h.
Left out: the variants that switch interrupts or bottom halves off (see irqflags.py).

A writer and, in process context, a reader queue first come, first served.  A reader in interrupt
context, or one that is said to be recursive, waits for the writer who holds the lock and for
nobody else.  With `queued=False` the lock is the old one without a queue: whoever finds it open
gets in, in one step, and every reader is recursive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.buffering import DRAINS, STORES
from lockwright.core.lockuse import LockKey, LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELEASE, SHARED
from lockwright.kernel.context import SLEEPLESS
from lockwright.kernel.fairlock import FREE, FairLock, FairValue, QueuedAcquire

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World


class RwLock(FairLock):
    """A rwlock_t: holding it forbids sleeping.  `RwLock(world, "&tasklist_lock")`"""

    __slots__ = ("queued",)

    wait_inner = 2

    def __init__(
        self, world: World, name: str, cls: LockKey | None = None, *, queued: bool = True
    ) -> None:
        super().__init__(world, name, cls=cls)
        self.queued = queued

    def read_lock(self, *, recursive: bool = False) -> Operation:
        """read_lock(): fair to queued writers, unless `recursive` or in interrupt context."""
        return _QueuedRead(self, recursive=recursive) if self.queued else _PlainRead(self)

    def write_lock(self) -> Operation:
        """write_lock()"""
        return _QueuedWrite(self) if self.queued else _PlainWrite(self)

    def read_trylock(self) -> Operation:
        """read_trylock(): True if it was taken; a queued writer does not matter."""
        return _Trylock(self, exclusive=False)

    def write_trylock(self) -> Operation:
        """write_trylock(): True if it was taken."""
        return _Trylock(self, exclusive=True)

    def read_unlock(self) -> Operation:
        """read_unlock()"""
        return _Unlock(self, exclusive=False)

    def write_unlock(self) -> Operation:
        """write_unlock()"""
        return _Unlock(self, exclusive=True)


class _QueuedRead(QueuedAcquire):
    __slots__ = ("recursive",)

    enters = True
    shares = True
    kind = "read_lock"

    def __init__(self, loc: RwLock, *, recursive: bool) -> None:
        super().__init__(loc)
        self.recursive = recursive

    def run(self, task: Task, touched: list[int]) -> str | None:
        task.atomic += 1
        if task.context in SLEEPLESS:
            self.recursive = True
        return self.enter(task, touched, barges=self.recursive)

    def use(self, task: Task) -> LockUse:
        lock = self.loc
        read = 2 if self.recursive else 1
        return LockUse(lock.cls, 0, lock.address, read, False, self.kind)


class _QueuedWrite(QueuedAcquire):
    __slots__ = ()

    enters = True
    kind = "write_lock"
    exclusive = True

    def run(self, task: Task, touched: list[int]) -> str | None:
        task.atomic += 1
        return self.enter(task, touched)


class _Plain(Operation):
    """Base of the acquires of a lock without a queue."""

    __slots__ = ("loc",)

    blocking = True
    enters = True
    loc: RwLock

    def __init__(self, loc: RwLock) -> None:
        self.loc = loc


class _PlainRead(_Plain):
    __slots__ = ()

    orders = ACQUIRE | SHARED

    shares = True
    kind = "read_lock"

    def ready(self, value: FairValue) -> bool:
        return value[0] == FREE

    def attempt(self, task: Task) -> LockUse:
        """What the validator is told before the task waits."""
        lock = self.loc
        return LockUse(lock.cls, 0, lock.address, 2, False, self.kind)

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.loc
        lock.enter(task, touched, writes=False)
        task.atomic += 1
        if lock.world.on_acquire:
            lock.taken(task, self.kind, read=2)


class _PlainWrite(_Plain):
    __slots__ = ()

    orders = ACQUIRE

    kind = "write_lock"

    def ready(self, value: FairValue) -> bool:
        writer, readers, _, _ = value
        return writer == FREE and not readers

    def attempt(self, task: Task) -> LockUse:
        """What the validator is told before the task waits."""
        lock = self.loc
        return LockUse(lock.cls, 0, lock.address, 0, False, self.kind)

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.loc
        lock.enter(task, touched, writes=True)
        task.atomic += 1
        if lock.world.on_acquire:
            lock.taken(task, self.kind)


class _Trylock(Operation):
    __slots__ = ("exclusive", "kind", "loc", "orders")

    conditional = True
    loc: RwLock

    def __init__(self, loc: RwLock, *, exclusive: bool) -> None:
        self.loc = loc
        self.exclusive = exclusive
        self.kind = "write_trylock" if exclusive else "read_trylock"  # type: ignore[misc]  # two
        self.orders = ACQUIRE if exclusive else ACQUIRE | SHARED  # type: ignore[misc]  # two

    def writes_at(self, value: FairValue) -> bool:
        return FairLock.may_enter(value, writes=self.exclusive, barges=not self.exclusive)

    def run(self, task: Task, touched: list[int]) -> bool:
        lock = self.loc
        exclusive = self.exclusive
        if not lock.try_enter(task, touched, writes=exclusive, barges=not exclusive):
            return False
        task.atomic += 1
        if lock.world.on_acquire:
            lock.taken(task, self.kind, read=0 if exclusive else 2, trylock=True)
        return True


class _Unlock(Operation):
    """read_unlock() is a read-modify-write, write_unlock() a store, which a buffer can delay."""

    __slots__ = ("exclusive", "kind", "loc", "orders")

    leaves = True

    loc: RwLock

    def __init__(self, loc: RwLock, *, exclusive: bool) -> None:
        self.loc = loc
        self.exclusive = exclusive
        self.kind = "write_unlock" if exclusive else "read_unlock"  # type: ignore[misc]  # two
        self.orders = RELEASE if exclusive else RELEASE | SHARED  # type: ignore[misc]  # two

    def run(self, task: Task, touched: list[int]) -> None:
        self.loc.leave(task, touched, writes=self.exclusive)
        task.atomic -= 1

    @property
    def buffering(self) -> int:  # type: ignore[override]  # one class serves both calls
        return STORES if self.exclusive else DRAINS

    def retire(self, task: Task, touched: list[int]) -> bool:
        """What is done at once: the writer holds the lock no more."""
        self.loc.retire(task, touched)
        task.atomic -= 1
        return True

    def land(self, task: Task, touched: list[int]) -> None:
        """Others find the lock free."""
        self.loc.free(task, touched)

    def target(self) -> int:
        """The number of the location that it stores to."""
        return self.loc.number
