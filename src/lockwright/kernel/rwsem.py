"""The reader-writer semaphore: sleeping, first come, first served.

Source: kernel/locking/rwsem.c.
Left out: optimistic spinning and lock stealing (whoever comes while others wait may not overtake),
and that the kernel, when it wakes readers, also wakes those who queued behind a later writer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELAXED, RELEASE, SHARED
from lockwright.kernel.context import might_sleep
from lockwright.kernel.fairlock import FREE, FairLock, FairValue, QueuedAcquire

if TYPE_CHECKING:
    from lockwright.core.task import Task


class RwSem(FairLock):
    """A rw_semaphore.  `RwSem(world, "&eventfs_rwsem")`"""

    __slots__ = ()

    def down_read(self) -> Operation:
        """down_read(): queues behind a writer, and behind a queued one."""
        return _DownRead(self)

    def down_read_nested(self, subclass: int) -> Operation:
        """down_read_nested(): the same, in another lockdep subclass."""
        return _DownReadNested(self, subclass)

    def down_read_trylock(self) -> Operation:
        """down_read_trylock(): True if it was taken; fails when somebody is queued."""
        return _DownReadTrylock(self)

    def down_write(self) -> Operation:
        """down_write(): queues unless the semaphore is free."""
        return _DownWrite(self)

    def down_write_nested(self, subclass: int) -> Operation:
        """down_write_nested(): the same, in another lockdep subclass."""
        return _DownWriteNested(self, subclass)

    def down_write_trylock(self) -> Operation:
        """down_write_trylock(): True if it was taken; never queues."""
        return _DownWriteTrylock(self)

    def up_read(self) -> Operation:
        """up_read()"""
        return _UpRead(self)

    def up_write(self) -> Operation:
        """up_write()"""
        return _UpWrite(self)

    def downgrade_write(self) -> Operation:
        """downgrade_write(): go on as a reader, and let the readers at the queue's head in."""
        return _DowngradeWrite(self)

    def poll(self, milliseconds: int) -> Operation:
        """msleep() in `while not await sem.down_write_trylock(): await sem.poll(10)`.

        Waits until the semaphore is free, that is, until it has changed since the attempt failed.
        A poll that comes too early fails and changes nothing, so leaving it out loses no outcome;
        one that comes in time can still lose the race to its trylock.  A semaphore that is never
        free again leaves the task blocked here, where the kernel's would poll for ever.
        """
        return _Poll(self, milliseconds)


class _DownRead(QueuedAcquire):
    __slots__ = ()

    enters = True
    shares = True
    kind = "down_read"

    def run(self, task: Task, touched: list[int]) -> str | None:
        if task.atomic:
            might_sleep(task, self.kind)
        return self.enter(task, touched)


class _DownWrite(QueuedAcquire):
    __slots__ = ()

    enters = True
    kind = "down_write"
    exclusive = True

    def run(self, task: Task, touched: list[int]) -> str | None:
        if task.atomic:
            might_sleep(task, self.kind)
        return self.enter(task, touched)


class _DownReadNested(_DownRead):
    __slots__ = ()

    kind = "down_read_nested"


class _DownWriteNested(_DownWrite):
    __slots__ = ()

    kind = "down_write_nested"


class _RwSemOperation(Operation):
    __slots__ = ("loc",)

    loc: RwSem

    def __init__(self, loc: RwSem) -> None:
        self.loc = loc


class _DownReadTrylock(_RwSemOperation):
    __slots__ = ()

    conditional = True
    orders = ACQUIRE | SHARED
    kind = "down_read_trylock"

    def writes_at(self, value: FairValue) -> bool:
        return FairLock.may_enter(value, writes=False)

    def run(self, task: Task, touched: list[int]) -> bool:
        sem = self.loc
        taken = sem.try_enter(task, touched, writes=False)
        if taken and sem.world.on_acquire:
            sem.taken(task, self.kind, read=1, trylock=True)
        return taken


class _DownWriteTrylock(_RwSemOperation):
    __slots__ = ()

    conditional = True
    orders = ACQUIRE
    kind = "down_write_trylock"

    def writes_at(self, value: FairValue) -> bool:
        return FairLock.may_enter(value, writes=True)

    def run(self, task: Task, touched: list[int]) -> bool:
        sem = self.loc
        taken = sem.try_enter(task, touched, writes=True)
        if taken and sem.world.on_acquire:
            sem.taken(task, self.kind, trylock=True)
        return taken


class _UpRead(_RwSemOperation):
    __slots__ = ()

    orders = RELEASE | SHARED
    leaves = True
    kind = "up_read"

    def run(self, task: Task, touched: list[int]) -> None:
        self.loc.leave(task, touched, writes=False)


class _UpWrite(_RwSemOperation):
    __slots__ = ()

    orders = RELEASE
    leaves = True
    kind = "up_write"

    def run(self, task: Task, touched: list[int]) -> None:
        self.loc.leave(task, touched, writes=True)


class _DowngradeWrite(_RwSemOperation):
    """To the validator: released, and taken again as by a trylock, which waits for nobody."""

    __slots__ = ()

    orders = RELEASE
    kind = "downgrade_write"

    def run(self, task: Task, touched: list[int]) -> None:
        sem = self.loc
        touched.append(sem.writing)
        writer, _, queue, count = sem.value
        if writer != task.index:
            raise sem.not_held(task, does="downgrades", how=" for write")
        sem.value = (FREE, (writer,), queue, count)
        if queue:
            sem.grant(touched)
        if sem.world.on_release:
            sem.released(task)
        if sem.world.on_acquire:
            sem.taken(task, self.kind, read=1, trylock=True)


class _Poll(_RwSemOperation):
    __slots__ = ("milliseconds",)

    blocking = True
    writes = False
    orders = RELAXED
    kind = "msleep"

    def __init__(self, loc: RwSem, milliseconds: int) -> None:
        super().__init__(loc)
        self.milliseconds = milliseconds

    def ready(self, value: FairValue) -> bool:
        writer, readers, _, _ = value
        return writer == FREE and not readers

    def run(self, task: Task, touched: list[int]) -> None:
        touched.append(self.loc.reading)
        if task.atomic:
            might_sleep(task, self.kind)

    def describe(self) -> str:
        return f"msleep({self.milliseconds}) until down_write_trylock({self.loc.name}) can succeed"
