"""Reader-writer locks with a first-come queue: what rw_semaphore and qrwlock have in common.

A reader or writer that finds the lock taken, or others queued before it, queues.  A release hands
the lock to the head of the queue: a writer alone, or all leading readers up to the next writer.
So a queued writer makes new readers wait, and a task that reads twice can wait for itself.

Taking the lock is one step when it is got at once.  Otherwise that step queues, and a second one
waits for the flag that the grant sets; who is granted is decided by the order of the first steps.
Readers' steps count as writes of the lock, because their order decides who waits for whom.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar

from lockwright.core.location import Location, Value
from lockwright.core.lockuse import LockKey, LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELAXED, SHARED
from lockwright.kernel.context import might_sleep, scheduling
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.signal import EINTR, SIGNAL, set_flag, signals_of

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

FREE = -1

Queue = tuple[tuple[int, bool], ...]
FairValue = tuple[int, tuple[int, ...], Queue, int]
"""(writer, readers, queue, acquisitions): index of the writer or FREE; index of the reader of each
hold, in order of acquisition; (index, writes) of those who wait; how often it has been taken."""

UNLOCKED: FairValue = (FREE, (), (), 0)


class FairLock(Lock):
    """Base of the queued reader-writer locks.

    Invariant: `value` is a FairValue; a writer excludes readers; whoever is queued has to wait;
    `grants[i]` is the flag of the i-th queued task.
    """

    __slots__ = ("grants",)

    value: FairValue

    def __init__(self, world: World, name: str, cls: LockKey | None = None) -> None:
        super().__init__(world, name, value=UNLOCKED, cls=cls)
        self.grants: list[Location] = []

    def holders(self) -> list[int]:
        writer, readers, _, _ = self.value
        return list(readers) if writer == FREE else [writer]

    @property
    def acquisitions(self) -> int:
        """How often it has been taken so far, by anybody.  For rules, unseen by the machine."""
        return self.value[3]

    @property
    def writer_queued(self) -> bool:
        """Is a writer waiting in the queue?  For models that keep an account of fairness."""
        self.world.acc.append(self.reading)
        return any(writes for _, writes in self.value[2])

    def held_by(self, task: Task, read: int = -1) -> bool:
        writer, readers, _, _ = self.value
        return (read != 1 and writer == task.index) or (read != 0 and task.index in readers)

    def lasting(self) -> dict[str, object]:
        """For snapshots: how often it has been taken decides nothing."""
        return {"value": self.value[:3]}

    def enter(
        self, task: Task, touched: list[int], *, writes: bool, barges: bool = False
    ) -> Location | None:
        """Take the lock, or queue for it: gives the flag that tells of the grant.

        A reader that `barges` waits for the writer who holds the lock, but for no queued one.
        """
        touched.append(self.writing)
        index = task.index
        writer, readers, queue, count = self.value
        if writer == FREE and (not queue or barges) and not (writes and readers):
            if writes:
                self.value = (index, (), queue, count + 1)
            else:
                self.value = (FREE, (*readers, index), queue, count + 1)
            return None
        flag = Location(self.world, value=False, name=f"grant of {self.name} to {task.comm}")
        at = 0 if barges else len(queue)
        self.value = (writer, readers, (*queue[:at], (index, writes), *queue[at:]), count)
        self.grants.insert(at, flag)
        return flag

    def try_enter(
        self, task: Task, touched: list[int], *, writes: bool, barges: bool = False
    ) -> bool:
        """Take the lock if that needs no waiting; a failed attempt is only a read."""
        if not self.may_enter(self.value, writes=writes, barges=barges):
            touched.append(self.reading)
            return False
        self.enter(task, touched, writes=writes, barges=barges)
        return True

    @staticmethod
    def may_enter(value: FairValue, *, writes: bool, barges: bool = False) -> bool:
        """Would `try_enter` succeed while the lock's value is this?"""
        writer, readers, queue, _ = value
        return writer == FREE and (not queue or barges) and not (writes and readers)

    def leave(self, task: Task, touched: list[int], *, writes: bool) -> None:
        """Release one hold, and grant the lock to whoever comes next."""
        if self.world.on_release:
            self.released(task)
        self.drop(task, touched, task.index, writes=writes)

    def drop(self, task: Task, touched: list[int], index: int, *, writes: bool) -> None:
        """End the hold of task `index`, and grant the lock to whoever comes next."""
        touched.append(self.writing)
        writer, readers, queue, count = self.value
        if index not in ((writer,) if writes else readers):
            how = "write" if writes else "read"
            raise self.not_held(task, how=f" for {how}")
        if writes:
            writer = FREE
        else:
            at = readers.index(index)
            readers = readers[:at] + readers[at + 1 :]
        self.value = (writer, readers, queue, count)
        if queue:
            self.grant(touched)

    def retire(self, task: Task, touched: list[int]) -> None:
        """The first half of a writer's `leave`: the task is done with it."""
        touched.append(self.reading)
        if self.world.on_release:
            self.released(task)
        if self.value[0] != task.index:
            raise self.not_held(task, how=" for write")

    def free(self, task: Task, touched: list[int]) -> None:
        """The second half: the lock becomes free, and goes to whoever comes next."""
        touched.append(self.writing)
        writer, readers, queue, count = self.value
        if writer != task.index:
            raise self.not_held(task, how=" for write")
        self.value = (FREE, readers, queue, count)
        if queue:
            self.grant(touched)

    def give_up(self, task: Task, touched: list[int], flag: Location) -> bool:
        """A task that queues does so no more; False if it has got the lock by now."""
        touched.append(self.writing)
        if flag not in self.grants:
            return False
        at = self.grants.index(flag)
        del self.grants[at]
        writer, readers, queue, count = self.value
        self.value = (writer, readers, queue[:at] + queue[at + 1 :], count)
        self.grant(touched)
        return True

    def grant(self, touched: list[int]) -> None:
        """Let in those at the head of the queue for whom there is room now."""
        writer, readers, queue, count = self.value
        granted = 0
        while granted < len(queue) and writer == FREE:
            index, writes = queue[granted]
            if writes and readers:
                break
            if writes:
                writer = index
            else:
                readers = (*readers, index)
            granted += 1
        for flag in self.grants[:granted]:
            set_flag(flag, touched)
        del self.grants[:granted]
        self.value = (writer, readers, queue[granted:], count + granted)


class QueuedAcquire(Operation):
    """Base of the two-step acquires: `run` takes the lock or queues, and then `waiting` is set.

    `sleeps` tells that whoever queues gives the CPU away.
    """

    __slots__ = ("loc", "nest", "orders", "subclass", "waiting")

    exclusive: ClassVar[bool] = False
    sleeps: ClassVar[bool] = False
    loc: FairLock

    def __init__(self, loc: FairLock, subclass: int = 0, nest: Lock | None = None) -> None:
        self.loc = loc
        self.subclass = subclass
        self.nest = nest
        self.orders = RELAXED  # type: ignore[misc]  # queueing orders nothing, getting it does
        self.waiting: GrantWait | None = None

    def __await__(self) -> Generator[Operation, Any, int | None]:
        yield self
        if self.waiting is not None:
            yield self.waiting
        return None

    def enter(self, task: Task, touched: list[int], *, barges: bool = False) -> str | None:
        """Take the lock or queue; gives the result for the event list."""
        flag = self.loc.enter(task, touched, writes=self.exclusive, barges=barges)
        if flag is None:
            self.orders = ACQUIRE if self.exclusive else ACQUIRE | SHARED  # type: ignore[misc]  # got
            if self.loc.world.on_acquire:
                self.tell(task)
            return None
        self.waiting = GrantWait(self, flag)
        if self.sleeps and task.atomic:
            scheduling(task, self.kind)
        return "queued"

    def use(self, task: Task) -> LockUse:
        """What the validator is told."""
        read = 0 if self.exclusive else 1
        return self.loc.use(self.kind, read=read, subclass=self.subclass, nest=self.nest)

    def tell(self, task: Task) -> None:
        """Tell the listeners that the lock was got."""
        self.loc.told(task, self.use(task))


class GrantWait(Operation):
    """The second step of a queued acquire: waits until the lock is handed over."""

    __slots__ = ("acquire", "after")

    blocking = True
    kind = "wait_for_grant"
    after: tuple[Location, ...]

    def __init__(self, acquire: QueuedAcquire, flag: Location) -> None:
        self.acquire = acquire
        self.after = (flag,)

    @property
    def lock(self) -> FairLock:
        """What it waits for."""
        return self.acquire.loc

    def enabled(self) -> bool:
        return bool(self.after[0].value)

    def attempt(self, task: Task) -> LockUse:
        """What the validator is told while the task waits."""
        return self.acquire.use(task)

    def run(self, task: Task, touched: list[int]) -> Value:
        touched.append(~self.after[0].number)
        if self.lock.world.on_acquire:
            self.acquire.tell(task)

    def describe(self) -> str:
        return self.acquire.describe()


class InterruptibleAcquire(QueuedAcquire):
    """A queued acquire that a signal ends: gives 0, or -EINTR.

    The validator is told of it in any case, as the kernel tells it before the wait.
    """

    __slots__ = ("signals",)

    sleeps = True
    least: ClassVar[int] = SIGNAL

    def __init__(self, loc: FairLock, subclass: int = 0, nest: Lock | None = None) -> None:
        super().__init__(loc, subclass, nest)
        self.signals = signals_of(loc.world)

    def __await__(self) -> Generator[Operation, Any, int]:
        result = yield self
        if self.waiting is None:
            return 0 if result is None else -EINTR
        return -EINTR if (yield self.waiting) else 0

    def run(self, task: Task, touched: list[int]) -> str | None:
        if task.atomic:
            might_sleep(task, self.kind)
        result = self.enter(task, touched)
        waiting, signals = self.waiting, self.signals
        if signals is None:
            return result
        if waiting is None:
            touched.append(signals.writing)  # what it touches does not depend on what it finds
            return result
        if not signals.sleep(task, waiting.after[0], self.least, touched):
            self.waiting = None
            return self.give_up(task, touched, waiting.after[0])
        self.waiting = _InterruptibleWait(self, waiting.after[0])
        return result

    def give_up(self, task: Task, touched: list[int], flag: Location) -> str | None:
        """Leave the queue because of a signal; None if the lock was got before."""
        lock = self.loc
        interrupted = lock.give_up(task, touched, flag)
        if lock.world.on_acquire:
            self.tell(task)
            if interrupted:
                lock.released(task)
        return "-EINTR" if interrupted else None


class _InterruptibleWait(GrantWait):
    """Waits for the lock to be handed over, or for a signal."""

    __slots__ = ()

    acquire: InterruptibleAcquire

    def run(self, task: Task, touched: list[int]) -> str | None:
        acquire, flag = self.acquire, self.after[0]
        touched.append(~flag.number)
        result = acquire.give_up(task, touched, flag)
        if acquire.signals is not None:
            acquire.signals.wake(task, touched)
        return result
