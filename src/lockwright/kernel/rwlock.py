"""The spinning reader-writer lock.

Source: kernel/locking/qrwlock.c, include/linux/rwlock.h, include/linux/rwlock_api_smp.h;
kernel/locking/lockdep.c, read_lock_is_recursive().

A writer and, in process context, a reader queue first come, first served.  A reader in interrupt
context, which is also where bottom halves are off, or one that is said to be recursive, waits for
the writer who holds the lock and for nobody else.  With `queued=False` the lock is the old one
without a queue: whoever finds it open gets in, in one step, and every reader is recursive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.buffering import DRAINS, STORES
from lockwright.core.lockuse import WAIT_CONFIG, LockKey, LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELEASE, SHARED
from lockwright.kernel.context import SLEEPLESS
from lockwright.kernel.fairlock import FREE, FairLock, FairValue, QueuedAcquire
from lockwright.kernel.irqflags import EVENTS, OFF, ON

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World


class RwLock(FairLock):
    """A rwlock_t: holding it forbids sleeping.  `RwLock(world, "&tasklist_lock")`"""

    __slots__ = ("queued",)

    wait_inner = WAIT_CONFIG

    def __init__(
        self, world: World, name: str, cls: LockKey | None = None, *, queued: bool = True
    ) -> None:
        super().__init__(world, name, cls=cls)
        self.queued = queued

    def read_lock(self, *, recursive: bool = False) -> Operation:
        """read_lock(): fair to queued writers, unless `recursive` or in interrupt context."""
        return self._read("", recursive=recursive)

    def read_lock_irqsave(self) -> Operation:
        """read_lock_irqsave(): with interrupts off until read_unlock_irqrestore(); nests."""
        return self._read("_irqsave")

    def read_lock_irq(self) -> Operation:
        """read_lock_irq(): with interrupts off."""
        return self._read("_irq")

    def read_lock_bh(self) -> Operation:
        """read_lock_bh(): with bottom halves off, and so never behind a queued writer."""
        return self._read("_bh")

    def _read(self, form: str, *, recursive: bool = False) -> Operation:
        if self.queued:
            return _QueuedRead(self, form, recursive=recursive)
        return _PlainRead(self, f"read_lock{form}", form)

    def write_lock(self) -> Operation:
        """write_lock()"""
        return self._write("")

    def write_lock_nested(self, subclass: int) -> Operation:
        """write_lock_nested(): the same, in another lockdep subclass."""
        return self._write("", subclass)

    def write_lock_irqsave(self) -> Operation:
        """write_lock_irqsave(): with interrupts off until write_unlock_irqrestore(); nests."""
        return self._write("_irqsave")

    def write_lock_irq(self) -> Operation:
        """write_lock_irq(): with interrupts off."""
        return self._write("_irq")

    def write_lock_bh(self) -> Operation:
        """write_lock_bh(): with bottom halves off."""
        return self._write("_bh")

    def _write(self, form: str, subclass: int = 0) -> Operation:
        if self.queued:
            return _QueuedWrite(self, form, subclass)
        nesting = "_nested" if subclass else ""
        return _PlainWrite(self, f"write_lock{form}{nesting}", form, subclass)

    def read_trylock(self) -> Operation:
        """read_trylock(): True if it was taken; a queued writer does not matter."""
        return _Trylock(self, "read_trylock")

    def write_trylock(self) -> Operation:
        """write_trylock(): True if it was taken."""
        return _Trylock(self, "write_trylock")

    def write_trylock_irqsave(self) -> Operation:
        """write_trylock_irqsave(): interrupts are off if it was taken."""
        return _Trylock(self, "write_trylock", "_irqsave")

    def read_unlock(self) -> Operation:
        """read_unlock()"""
        return _Unlock(self, "read_unlock")

    def read_unlock_irqrestore(self) -> Operation:
        """read_unlock_irqrestore()"""
        return _Unlock(self, "read_unlock", "_irqrestore")

    def read_unlock_irq(self) -> Operation:
        """read_unlock_irq(): interrupts are on afterwards."""
        return _Unlock(self, "read_unlock", "_irq")

    def read_unlock_bh(self) -> Operation:
        """read_unlock_bh()"""
        return _Unlock(self, "read_unlock", "_bh")

    def write_unlock(self) -> Operation:
        """write_unlock()"""
        return _Unlock(self, "write_unlock")

    def write_unlock_irqrestore(self) -> Operation:
        """write_unlock_irqrestore()"""
        return _Unlock(self, "write_unlock", "_irqrestore")

    def write_unlock_irq(self) -> Operation:
        """write_unlock_irq(): interrupts are on afterwards."""
        return _Unlock(self, "write_unlock", "_irq")

    def write_unlock_bh(self) -> Operation:
        """write_unlock_bh()"""
        return _Unlock(self, "write_unlock", "_bh")


def in_interrupt(task: Task) -> bool:
    """Is it in a handler, or are its bottom halves off?  C: in_interrupt()."""
    return task.context in SLEEPLESS or task.bhs_off > 0


def _off(task: Task, form: str) -> None:
    switch = OFF[form]
    if switch is not None:
        switch(task)


def _on(task: Task, form: str) -> None:
    switch = ON[form]
    if switch is not None:
        switch(task)


def _switched(form: str) -> int | None:
    off = OFF[form]
    return None if off is None else EVENTS[off]


class _QueuedRead(QueuedAcquire):
    __slots__ = ("form", "recursive")

    enters = True
    shares = True

    def __init__(self, loc: RwLock, form: str, *, recursive: bool) -> None:
        super().__init__(loc)
        self.form = form
        self.recursive = recursive

    @property
    def kind(self) -> str:  # type: ignore[override]  # one class serves all forms
        return f"read_lock{self.form}"

    def run(self, task: Task, touched: list[int]) -> str | None:
        _off(task, self.form)
        task.atomic += 1
        if in_interrupt(task):
            self.recursive = True
        return self.enter(task, touched, barges=self.recursive)

    def use(self, task: Task) -> LockUse:
        return self.loc.use(self.kind, read=2 if self.recursive else 1)


class _QueuedWrite(QueuedAcquire):
    __slots__ = ("form",)

    enters = True
    exclusive = True

    def __init__(self, loc: RwLock, form: str, subclass: int) -> None:
        super().__init__(loc, subclass)
        self.form = form

    @property
    def kind(self) -> str:  # type: ignore[override]  # one class serves all forms
        return f"write_lock{self.form}{'_nested' if self.subclass else ''}"

    def run(self, task: Task, touched: list[int]) -> str | None:
        _off(task, self.form)
        task.atomic += 1
        return self.enter(task, touched)


class _Plain(Operation):
    """Base of the acquires of a lock without a queue."""

    __slots__ = ("form", "kind", "loc", "subclass")

    blocking = True
    enters = True
    loc: RwLock

    def __init__(self, loc: RwLock, kind: str, form: str, subclass: int = 0) -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.form = form
        self.subclass = subclass

    def switched(self) -> int | None:
        """What is switched off before the task waits: an event of `World.on_irq`."""
        return _switched(self.form)

    def attempt(self, task: Task) -> LockUse:
        """What the validator is told before the task waits."""
        return self.loc.use(self.kind, read=2 if self.shares else 0, subclass=self.subclass)

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.loc
        lock.enter(task, touched, writes=not self.shares)
        _off(task, self.form)
        task.atomic += 1
        if lock.world.on_acquire:
            lock.told(task, self.attempt(task))


class _PlainRead(_Plain):
    __slots__ = ()

    orders = ACQUIRE | SHARED

    shares = True

    def ready(self, value: FairValue) -> bool:
        return value[0] == FREE


class _PlainWrite(_Plain):
    __slots__ = ()

    orders = ACQUIRE

    def ready(self, value: FairValue) -> bool:
        writer, readers, _, _ = value
        return writer == FREE and not readers


class _Trylock(Operation):
    __slots__ = ("exclusive", "form", "kind", "loc", "orders")

    conditional = True
    loc: RwLock

    def __init__(self, loc: RwLock, call: str, form: str = "") -> None:
        self.loc = loc
        self.form = form
        self.exclusive = call == "write_trylock"
        self.kind = f"{call}{form}"  # type: ignore[misc]  # one class serves all calls
        self.orders = ACQUIRE if self.exclusive else ACQUIRE | SHARED  # type: ignore[misc]  # two

    def writes_at(self, value: FairValue) -> bool:
        return FairLock.may_enter(value, writes=self.exclusive, barges=not self.exclusive)

    def run(self, task: Task, touched: list[int]) -> bool:
        lock = self.loc
        exclusive = self.exclusive
        taken = lock.try_enter(task, touched, writes=exclusive, barges=not exclusive)
        _off(task, self.form)
        if not taken:
            _on(task, self.form)
            return False
        task.atomic += 1
        if lock.world.on_acquire:
            lock.taken(task, self.kind, read=0 if exclusive else self._read(task), trylock=True)
        return True

    def _read(self, task: Task) -> int:
        return 2 if not self.loc.queued or in_interrupt(task) else 1


class _Unlock(Operation):
    """read_unlock() is a read-modify-write, write_unlock() a store, which a buffer can delay."""

    __slots__ = ("exclusive", "form", "kind", "loc", "orders")

    leaves = True

    loc: RwLock

    def __init__(self, loc: RwLock, call: str, form: str = "") -> None:
        self.loc = loc
        self.form = form
        self.exclusive = call == "write_unlock"
        self.kind = f"{call}{form}"  # type: ignore[misc]  # one class serves all calls
        self.orders = RELEASE if self.exclusive else RELEASE | SHARED  # type: ignore[misc]  # two

    def run(self, task: Task, touched: list[int]) -> None:
        self.loc.leave(task, touched, writes=self.exclusive)
        self._done(task)

    def _done(self, task: Task) -> None:
        task.atomic -= 1
        if self.form:
            _on(task, self.form)

    @property
    def buffering(self) -> int:  # type: ignore[override]  # one class serves all calls
        return STORES if self.exclusive else DRAINS

    def retire(self, task: Task, touched: list[int]) -> bool:
        """What is done at once: the writer holds the lock no more."""
        self.loc.retire(task, touched)
        self._done(task)
        return True

    def land(self, task: Task, touched: list[int]) -> None:
        """Others find the lock free."""
        self.loc.free(task, touched)

    def target(self) -> int:
        """The number of the location that it stores to."""
        return self.loc.number
