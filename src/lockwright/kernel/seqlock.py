"""Sequence counters and sequence locks: readers that look again if a writer came between.

Source: include/linux/seqlock.h.
A reader that finds a write section under way waits until it is over, where the kernel's polls.
Left out: latches; that plain accesses of a read section race with the writer's, as they are meant
to: what is read there has to be read with READ_ONCE().

A section of writes must not be interrupted by a reader of this CPU, who would wait for ever.  That
is what the validator proves with the counter's own map; a counter says what lock it goes with,
and a write section asks whether that is held, or, without one, whether preemption is off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.lockuse import LockKey, LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import FENCE_BEFORE, LOAD_ACQUIRE, MB, RELEASE
from lockwright.kernel.irqflags import ASSERTION
from lockwright.kernel.lockassert import preemptible
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.spinlock import SpinLock

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World


class SeqCount(Lock):
    """A seqcount_t, or with a lock a seqcount_spinlock_t, seqcount_mutex_t and so on.

    Invariant: `value` is odd while somebody writes, who is `writer`.
    """

    __slots__ = ("lock", "writer")

    wait_inner = 0
    value: int

    def __init__(
        self, world: World, name: str, *, lock: Lock | None = None, cls: LockKey | None = None
    ) -> None:
        super().__init__(world, name, value=0, cls=cls)
        self.lock = lock
        self.writer = -1

    def write_seqcount_begin(self) -> Operation:
        """write_seqcount_begin()"""
        return _WriteBegin(self, "write_seqcount_begin")

    def write_seqcount_begin_nested(self, subclass: int) -> Operation:
        """write_seqcount_begin_nested(): the same, in another lockdep subclass."""
        return _WriteBegin(self, "write_seqcount_begin_nested", subclass)

    def write_seqcount_end(self) -> Operation:
        """write_seqcount_end()"""
        return _WriteEnd(self, "write_seqcount_end")

    def raw_write_seqcount_begin(self) -> Operation:
        """raw_write_seqcount_begin(): the same, and lockdep is not told."""
        return _WriteBegin(self, "raw_write_seqcount_begin")

    def raw_write_seqcount_end(self) -> Operation:
        """raw_write_seqcount_end()"""
        return _WriteEnd(self, "raw_write_seqcount_end")

    def write_seqcount_invalidate(self) -> Operation:
        """write_seqcount_invalidate(): read sections that have begun have to begin again."""
        return _Invalidate(self)

    def read_seqcount_begin(self) -> Operation:
        """read_seqcount_begin(): the number to give to read_seqcount_retry()."""
        return _ReadBegin(self, "read_seqcount_begin")

    def raw_read_seqcount_begin(self) -> Operation:
        """raw_read_seqcount_begin(): the same, and lockdep is not told."""
        return _ReadBegin(self, "raw_read_seqcount_begin")

    def raw_read_seqcount(self) -> Operation:
        """raw_read_seqcount(): the number, odd if somebody writes."""
        return _Read(self)

    def read_seqcount_retry(self, start: int) -> Operation:
        """read_seqcount_retry(): did a writer come between?"""
        return _Retry(self, "read_seqcount_retry", start)

    def holders(self) -> list[int]:
        return [self.writer] if self.value & 1 else []


class SeqLock:
    """A seqlock_t: a spinlock for the writers, and the counter.  `SeqLock(world, "rename_lock")`

    A name that begins with & is that of a lock which was initialised at run time.
    """

    __slots__ = ("lock", "seqcount")

    def __init__(self, world: World, name: str) -> None:
        at_run_time = name.startswith("&")
        self.lock = SpinLock(world, f"&({name})->lock" if at_run_time else name)
        counter = "&____s->seqcount" if at_run_time else f"{name}.seqcount"
        cls = LockKey(counter, name, 0, 0)
        self.seqcount = SeqCount(world, counter, lock=self.lock, cls=cls)

    async def write_seqlock(self) -> None:
        """write_seqlock()"""
        await self.lock.lock()
        await self.seqcount.write_seqcount_begin()

    async def write_sequnlock(self) -> None:
        """write_sequnlock()"""
        await self.seqcount.write_seqcount_end()
        await self.lock.unlock()

    async def write_seqlock_irqsave(self) -> None:
        """write_seqlock_irqsave(): with interrupts off; nests."""
        await self.lock.lock_irqsave()
        await self.seqcount.write_seqcount_begin()

    async def write_sequnlock_irqrestore(self) -> None:
        """write_sequnlock_irqrestore()"""
        await self.seqcount.write_seqcount_end()
        await self.lock.unlock_irqrestore()

    async def write_seqlock_irq(self) -> None:
        """write_seqlock_irq(): with interrupts off."""
        await self.lock.lock_irq()
        await self.seqcount.write_seqcount_begin()

    async def write_sequnlock_irq(self) -> None:
        """write_sequnlock_irq(): interrupts are on afterwards."""
        await self.seqcount.write_seqcount_end()
        await self.lock.unlock_irq()

    async def write_seqlock_bh(self) -> None:
        """write_seqlock_bh(): with bottom halves off."""
        await self.lock.lock_bh()
        await self.seqcount.write_seqcount_begin()

    async def write_sequnlock_bh(self) -> None:
        """write_sequnlock_bh()"""
        await self.seqcount.write_seqcount_end()
        await self.lock.unlock_bh()

    def read_seqbegin(self) -> Operation:
        """read_seqbegin(): the number to give to read_seqretry()."""
        return _ReadBegin(self.seqcount, "read_seqbegin")

    def read_seqretry(self, start: int) -> Operation:
        """read_seqretry(): did a writer come between?"""
        return _Retry(self.seqcount, "read_seqretry", start)

    def read_seqlock_excl(self) -> Operation:
        """read_seqlock_excl(): a reader that keeps writers and others of its kind out."""
        return self.lock.lock()

    def read_sequnlock_excl(self) -> Operation:
        """read_sequnlock_excl()"""
        return self.lock.unlock()

    async def read_seqbegin_or_lock(self, seq: int) -> int:
        """read_seqbegin_or_lock(): with an odd number as a reader that keeps others out.

        `seq = await lock.read_seqbegin_or_lock(seq)`
        """
        if seq & 1:
            await self.lock.lock()
            return seq
        return int(await self.read_seqbegin())

    async def need_seqretry(self, seq: int) -> bool:
        """need_seqretry(): did a writer come between?  Never if the reader kept them out."""
        return not seq & 1 and bool(await self.read_seqretry(seq))

    async def done_seqretry(self, seq: int) -> None:
        """done_seqretry()"""
        if seq & 1:
            await self.lock.unlock()


class _SeqOperation(Operation):
    __slots__ = ("kind", "loc")

    loc: SeqCount

    def __init__(self, loc: SeqCount, kind: str) -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # each call has its own name


class _WriteBegin(_SeqOperation):
    __slots__ = ("subclass",)

    orders = MB

    def __init__(self, loc: SeqCount, kind: str, subclass: int = 0) -> None:
        super().__init__(loc, kind)
        self.subclass = subclass

    def run(self, task: Task, touched: list[int]) -> None:
        count = self.loc
        touched.append(count.writing)
        if not self.kind.startswith("raw"):
            _check_writer(task, count, self.kind)
            if count.world.on_acquire:
                count.taken(task, self.kind, subclass=self.subclass)
        if isinstance(count.lock, Mutex):
            task.atomic += 1
        count.value += 1
        count.writer = task.index


def _check_writer(task: Task, count: SeqCount, what: str) -> None:
    """C: seqprop_assert()."""
    if count.lock is None:
        if preemptible(task):
            message = f"lockdep_assert_preemption_disabled(): {task.comm} in {what}()"
            task.world.warn(task, ASSERTION, message)
    elif not count.lock.held_by(task):
        message = f"lockdep_assert_held({count.lock.name}): {task.comm} in {what}()"
        task.world.warn(task, ASSERTION, message)


class _WriteEnd(_SeqOperation):
    __slots__ = ()

    orders = RELEASE

    def run(self, task: Task, touched: list[int]) -> None:
        count = self.loc
        touched.append(count.writing)
        if not self.kind.startswith("raw") and count.world.on_release:
            count.released(task)
        if not count.value & 1:
            raise count.not_held(task, does="ends the write section of")
        count.value += 1
        if isinstance(count.lock, Mutex):
            task.atomic -= 1


class _Invalidate(_SeqOperation):
    __slots__ = ()

    orders = MB

    def __init__(self, loc: SeqCount) -> None:
        super().__init__(loc, "write_seqcount_invalidate")

    def run(self, task: Task, touched: list[int]) -> None:
        touched.append(self.loc.writing)
        self.loc.value += 2


class _ReadBegin(_SeqOperation):
    """Waits until nobody writes.  To the validator a recursive reader who comes and goes."""

    __slots__ = ()

    blocking = True
    writes = False
    orders = LOAD_ACQUIRE

    def ready(self, value: int) -> bool:
        return not value & 1

    def attempt(self, task: Task) -> LockUse:
        """What the validator is told before the task waits; of a raw call, no order."""
        use = self.loc.use(self.kind, read=2)
        return use._replace(check=False) if self.kind.startswith("raw") else use

    def run(self, task: Task, touched: list[int]) -> int:
        count = self.loc
        touched.append(count.reading)
        if not self.kind.startswith("raw"):
            if count.world.on_acquire:
                count.taken(task, self.kind, read=2)
            if count.world.on_release:
                count.released(task)
        return count.value


class _Read(_SeqOperation):
    __slots__ = ()

    writes = False
    orders = LOAD_ACQUIRE

    def __init__(self, loc: SeqCount) -> None:
        super().__init__(loc, "raw_read_seqcount")

    def run(self, task: Task, touched: list[int]) -> int:
        touched.append(self.loc.reading)
        return self.loc.value


class _Retry(_SeqOperation):
    __slots__ = ("start",)

    writes = False
    orders = FENCE_BEFORE

    def __init__(self, loc: SeqCount, kind: str, start: int) -> None:
        super().__init__(loc, kind)
        self.start = start

    def run(self, task: Task, touched: list[int]) -> bool:
        touched.append(self.loc.reading)
        return self.loc.value != self.start
