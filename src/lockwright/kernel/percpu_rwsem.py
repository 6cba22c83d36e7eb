"""The per-CPU reader-writer semaphore: readers that cost nothing, a writer that waits for them all.

Source: kernel/locking/percpu-rwsem.c, include/linux/percpu-rwsem.h.
A writer that waits holds up new readers, and whoever waits is served in turn: for the order of
events that is a rw_semaphore, with other calls, and without a wait type.
Left out: the grace period before the first writer, during which nobody waits for anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.lockuse import LockKey
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELAXED, RELEASE, SHARED
from lockwright.kernel.fairlock import FairLock, FairValue
from lockwright.kernel.rwsem import Down

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

NOBODY = -2
"""The writer, or a reader, while the lock is on its way from one task to another."""


class PercpuRwSem(FairLock):
    """A percpu_rw_semaphore.  `PercpuRwSem(world, "cpu_hotplug_lock")`"""

    __slots__ = ()

    wait_inner = 0

    def __init__(self, world: World, name: str, cls: LockKey | None = None) -> None:
        super().__init__(world, name, cls=cls)

    def percpu_down_read(self) -> Operation:
        """percpu_down_read(): waits while a writer is in or waits."""
        return _DownRead(self)

    def percpu_down_read_trylock(self) -> Operation:
        """percpu_down_read_trylock(): True if it was taken."""
        return _DownReadTrylock(self)

    def percpu_up_read(self) -> Operation:
        """percpu_up_read()"""
        return _Up(self, "percpu_up_read")

    def percpu_down_write(self) -> Operation:
        """percpu_down_write(): waits for all readers."""
        return _DownWrite(self)

    def percpu_up_write(self) -> Operation:
        """percpu_up_write()"""
        return _Up(self, "percpu_up_write")

    def percpu_is_read_locked(self) -> Operation:
        """percpu_is_read_locked(): does any reader hold it now?"""
        return _IsLocked(self, "percpu_is_read_locked")

    def percpu_is_write_locked(self) -> Operation:
        """percpu_is_write_locked(): does a writer hold it now?"""
        return _IsLocked(self, "percpu_is_write_locked")

    def percpu_rwsem_release(self, *, read: bool = False) -> Operation:
        """percpu_rwsem_release(): the task leaves the lock to whoever acquires it."""
        return _HandOver(self, "percpu_rwsem_release", read=read)

    def percpu_rwsem_acquire(self, *, read: bool = False) -> Operation:
        """percpu_rwsem_acquire(): the task takes over a lock that another one has left."""
        return _HandOver(self, "percpu_rwsem_acquire", read=read)


class _DownRead(Down):
    __slots__ = ()

    shares = True
    kind = "percpu_down_read"


class _DownWrite(Down):
    __slots__ = ()

    kind = "percpu_down_write"
    exclusive = True


class _DownReadTrylock(Operation):
    __slots__ = ("loc",)

    conditional = True
    orders = ACQUIRE | SHARED
    kind = "percpu_down_read_trylock"
    loc: PercpuRwSem

    def __init__(self, loc: PercpuRwSem) -> None:
        self.loc = loc

    def writes_at(self, value: FairValue) -> bool:
        return FairLock.may_enter(value, writes=False)

    def run(self, task: Task, touched: list[int]) -> bool:
        sem = self.loc
        taken = sem.try_enter(task, touched, writes=False)
        if taken and sem.world.on_acquire:
            sem.taken(task, self.kind, read=1, trylock=True)
        return taken


class _Up(Operation):
    __slots__ = ("kind", "loc", "orders", "writes_it")

    leaves = True
    loc: PercpuRwSem

    def __init__(self, loc: PercpuRwSem, kind: str) -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # one class serves both calls
        self.writes_it = kind == "percpu_up_write"
        self.orders = RELEASE if self.writes_it else RELEASE | SHARED  # type: ignore[misc]  # two

    def run(self, task: Task, touched: list[int]) -> None:
        self.loc.leave(task, touched, writes=self.writes_it)


class _IsLocked(Operation):
    __slots__ = ("kind", "loc")

    writes = False
    orders = RELAXED
    loc: PercpuRwSem

    def __init__(self, loc: PercpuRwSem, kind: str) -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # one class serves both calls

    def run(self, task: Task, touched: list[int]) -> bool:
        sem = self.loc
        touched.append(sem.reading)
        writer, readers, _, _ = sem.value
        return writer != -1 if self.kind == "percpu_is_write_locked" else bool(readers)


class _HandOver(Operation):
    """Changes who holds the lock, and tells the validator; nobody waits for it."""

    __slots__ = ("kind", "loc", "read")

    orders = RELAXED
    loc: PercpuRwSem

    def __init__(self, loc: PercpuRwSem, kind: str, *, read: bool) -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # one class serves both calls
        self.read = read

    def run(self, task: Task, touched: list[int]) -> None:
        sem = self.loc
        touched.append(sem.writing)
        leaves = self.kind == "percpu_rwsem_release"
        old, new = (task.index, NOBODY) if leaves else (NOBODY, task.index)
        if leaves and sem.world.on_release:
            sem.released(task)
        writer, readers, queue, count = sem.value
        if old not in (readers if self.read else (writer,)):
            does = "leaves" if leaves else "takes over"
            raise sem.not_held(task, does=does, how=" for read" if self.read else " for write")
        if self.read:
            at = readers.index(old)
            readers = (*readers[:at], new, *readers[at + 1 :])
        else:
            writer = new
        sem.value = (writer, readers, queue, count)
        if not leaves and sem.world.on_acquire:
            sem.taken(task, self.kind, read=1 if self.read else 0, trylock=True)
