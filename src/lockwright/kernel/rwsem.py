"""The reader-writer semaphore: sleeping, first come, first served.

Source: kernel/locking/rwsem.c.
Left out: optimistic spinning and lock stealing (whoever comes while others wait may not overtake),
and that the kernel, when it wakes readers, also wakes those who queued behind a later writer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.locknote import DOWNGRADED, LockNote
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELAXED, RELEASE, SHARED
from lockwright.kernel.context import might_sleep, scheduling
from lockwright.kernel.fairlock import (
    FREE,
    FairLock,
    FairValue,
    InterruptibleAcquire,
    QueuedAcquire,
)
from lockwright.kernel.signal import FATAL

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.kernel.lockuse import Lock


class RwSem(FairLock):
    """A rw_semaphore.  `RwSem(world, "&eventfs_rwsem")`"""

    __slots__ = ()

    def down_read(self) -> Operation:
        """down_read(): queues behind a writer, and behind a queued one."""
        return _DownRead(self)

    def down_read_nested(self, subclass: int) -> Operation:
        """down_read_nested(): the same, in another lockdep subclass."""
        return _DownReadNested(self, subclass)

    def down_read_interruptible(self) -> Operation:
        """down_read_interruptible(): 0, or -EINTR if a signal comes while it waits."""
        return _DownReadInterruptible(self)

    def down_read_killable(self) -> Operation:
        """down_read_killable(): 0, or -EINTR if a fatal signal comes while it waits."""
        return _DownReadKillable(self)

    def down_read_killable_nested(self, subclass: int) -> Operation:
        """down_read_killable_nested(): the same, in another lockdep subclass."""
        return _DownReadKillableNested(self, subclass)

    def down_read_trylock(self) -> Operation:
        """down_read_trylock(): True if it was taken; fails when somebody is queued."""
        return _DownReadTrylock(self)

    def down_read_non_owner(self) -> Operation:
        """down_read_non_owner(): another task may release it, and lockdep is not told."""
        return _DownReadNonOwner(self)

    def down_write(self) -> Operation:
        """down_write(): queues unless the semaphore is free."""
        return _DownWrite(self)

    def down_write_nested(self, subclass: int) -> Operation:
        """down_write_nested(): the same, in another lockdep subclass."""
        return _DownWriteNested(self, subclass)

    def down_write_nest_lock(self, nest: Lock) -> Operation:
        """down_write_nest_lock(): the same, under a lock that serialises all such nesting."""
        return _DownWriteNestLock(self, 0, nest)

    def down_write_killable(self) -> Operation:
        """down_write_killable(): 0, or -EINTR if a fatal signal comes while it waits."""
        return _DownWriteKillable(self)

    def down_write_killable_nested(self, subclass: int) -> Operation:
        """down_write_killable_nested(): the same, in another lockdep subclass."""
        return _DownWriteKillableNested(self, subclass)

    def down_write_trylock(self) -> Operation:
        """down_write_trylock(): True if it was taken; never queues."""
        return _DownWriteTrylock(self)

    def up_read(self) -> Operation:
        """up_read()"""
        return _UpRead(self)

    def up_read_non_owner(self) -> Operation:
        """up_read_non_owner(): ends what down_read_non_owner() began, by whomever."""
        return _UpReadNonOwner(self)

    def up_write(self) -> Operation:
        """up_write()"""
        return _UpWrite(self)

    def downgrade_write(self) -> Operation:
        """downgrade_write(): go on as a reader, and let the readers at the queue's head in."""
        return _DowngradeWrite(self)

    def is_locked(self) -> Operation:
        """rwsem_is_locked(): does anybody hold it now?"""
        return _IsLocked(self)

    def poll(self, milliseconds: int) -> Operation:
        """msleep() in `while not await sem.down_write_trylock(): await sem.poll(10)`.

        Waits until the semaphore is free, that is, until it has changed since the attempt failed.
        A poll that comes too early fails and changes nothing, so leaving it out loses no outcome;
        one that comes in time can still lose the race to its trylock.  A semaphore that is never
        free again leaves the task blocked here, where the kernel's would poll for ever.
        """
        return _Poll(self, milliseconds)


class Down(QueuedAcquire):
    """Base of the acquires that sleep."""

    __slots__ = ()

    enters = True
    sleeps = True

    def run(self, task: Task, touched: list[int]) -> str | None:
        if task.atomic:
            might_sleep(task, self.kind)
        return self.enter(task, touched)


class _DownRead(Down):
    __slots__ = ()

    shares = True
    kind = "down_read"


class _DownWrite(Down):
    __slots__ = ()

    kind = "down_write"
    exclusive = True


class _DownReadNested(_DownRead):
    __slots__ = ()

    kind = "down_read_nested"


class _DownWriteNested(_DownWrite):
    __slots__ = ()

    kind = "down_write_nested"


class _DownWriteNestLock(_DownWrite):
    __slots__ = ()

    kind = "down_write_nest_lock"


class _DownReadNonOwner(_DownRead):
    __slots__ = ()

    kind = "down_read_non_owner"

    def tell(self, task: Task) -> None:
        pass


class _DownReadInterruptible(InterruptibleAcquire):
    __slots__ = ()

    kind = "down_read_interruptible"


class _DownReadKillable(InterruptibleAcquire):
    __slots__ = ()

    kind = "down_read_killable"
    least = FATAL


class _DownReadKillableNested(_DownReadKillable):
    __slots__ = ()

    kind = "down_read_killable_nested"


class _DownWriteKillable(InterruptibleAcquire):
    __slots__ = ()

    kind = "down_write_killable"
    exclusive = True
    least = FATAL


class _DownWriteKillableNested(_DownWriteKillable):
    __slots__ = ()

    kind = "down_write_killable_nested"


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


class _UpReadNonOwner(_RwSemOperation):
    __slots__ = ()

    orders = RELEASE | SHARED
    kind = "up_read_non_owner"

    def run(self, task: Task, touched: list[int]) -> None:
        sem = self.loc
        readers = sem.value[1]
        index = task.index if task.index in readers or not readers else readers[0]
        sem.drop(task, touched, index, writes=False)


class _UpWrite(_RwSemOperation):
    __slots__ = ()

    orders = RELEASE
    leaves = True
    kind = "up_write"

    def run(self, task: Task, touched: list[int]) -> None:
        self.loc.leave(task, touched, writes=True)


class _DowngradeWrite(_RwSemOperation):
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
        if sem.world.on_note:
            sem.note(task, LockNote(DOWNGRADED, self.kind, sem.address))


class _IsLocked(_RwSemOperation):
    __slots__ = ()

    writes = False
    orders = RELAXED
    kind = "rwsem_is_locked"

    def run(self, task: Task, touched: list[int]) -> bool:
        touched.append(self.loc.reading)
        return bool(self.loc.holders())


class _Poll(_RwSemOperation):
    """Its timeout is set without a look at whether the task may sleep: schedule() has that."""

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
            scheduling(task, self.kind)

    def describe(self) -> str:
        return f"msleep({self.milliseconds}) until down_write_trylock({self.loc.name}) can succeed"
