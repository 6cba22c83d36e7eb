"""The mutex: one owner, sleeping waiters, any of whom may win it.

Source: kernel/locking/mutex.c.  Optimistic spinning and hand-off mean that no order among the
waiters may be relied upon, so the model promises none.

An acquire that a signal can end tries, and sleeps if it has to until a release or a signal wakes
it, and tries again; one that nothing can interrupt is a single step.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar

from lockwright.core.location import Location, Value
from lockwright.core.native import mypyc_attr
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELAXED, RELEASE
from lockwright.kernel.context import might_sleep, scheduling
from lockwright.kernel.lockuse import Lock, LockClass, LockUse, as_lock
from lockwright.kernel.signal import EINTR, FATAL, SIGNAL, Signals, set_flag, signals_of

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

FREE = -1


@mypyc_attr(allow_interpreted_subclasses=True)
class Mutex(Lock):
    """A sleeping lock.  Invariant: `value` is the index of the owner, or FREE; `sleepers` has the
    flags that wake those who wait and can be interrupted."""

    __slots__ = ("sleepers",)

    def __init__(self, world: World, name: str, *, cls: LockClass | None = None) -> None:
        super().__init__(world, name, value=FREE, cls=cls)
        self.sleepers: list[Location] = []

    def lock(self) -> Operation:
        """mutex_lock()"""
        return MutexLock(self)

    def lock_nested(self, subclass: int) -> Operation:
        """mutex_lock_nested(): the same, in another lockdep subclass."""
        return MutexLockNested(self, subclass)

    def lock_nest_lock(self, nest: Lock) -> Operation:
        """mutex_lock_nest_lock(): the same, under a lock that serialises all such nesting."""
        return MutexLockNestLock(self, 0, nest)

    def lock_interruptible(self) -> Operation:
        """mutex_lock_interruptible(): 0, or -EINTR if a signal comes while it waits."""
        return LockOrSignal(self)

    def lock_interruptible_nested(self, subclass: int) -> Operation:
        """mutex_lock_interruptible_nested(): the same, in another lockdep subclass."""
        return LockInterruptibleNested(self, subclass)

    def lock_killable(self) -> Operation:
        """mutex_lock_killable(): 0, or -EINTR if a fatal signal comes while it waits."""
        return LockKillable(self)

    def lock_killable_nested(self, subclass: int) -> Operation:
        """mutex_lock_killable_nested(): the same, in another lockdep subclass."""
        return LockKillableNested(self, subclass)

    def trylock(self) -> Operation:
        """mutex_trylock(): True if it was taken.  A failed one is only a read of the mutex."""
        return Trylock(self)

    def unlock(self) -> Operation:
        """mutex_unlock()"""
        return Unlock(self)

    def is_locked(self) -> Operation:
        """mutex_is_locked(): does anybody hold it now?"""
        return IsLocked(self)

    def holders(self) -> list[int]:
        return [] if self.value == FREE else [self.value]

    def free(self, touched: list[int]) -> None:
        """Nobody owns it any more: whoever sleeps looks again."""
        self.value = FREE
        if self.sleepers:
            for flag in self.sleepers:
                set_flag(flag, touched)
            self.sleepers = []


def as_mutex(location: Location) -> Mutex:
    """The location of an operation on a mutex, as what it is."""
    assert isinstance(location, Mutex), location
    return location


@mypyc_attr(allow_interpreted_subclasses=True)
class MutexLock(Operation):
    """mutex_lock(): waits while the mutex is owned.  `sleeps` tells that it gives the CPU away."""

    __slots__ = ("loc", "nest", "subclass")

    blocking = True
    enters = True
    orders = ACQUIRE
    kind = "mutex_lock"
    sleeps: ClassVar[bool] = True
    loc: Location  # a Mutex

    def __init__(self, loc: Location, subclass: int = 0, nest: Lock | None = None) -> None:
        self.loc = loc
        self.subclass = subclass
        self.nest: Lock | None = nest

    def enabled(self) -> bool:
        value: int = self.loc.value
        return value == FREE

    def ready(self, value: Value) -> bool:
        return bool(value == FREE)

    def attempt(self, task: Task) -> LockUse:
        """What the validator is told before the task waits."""
        return as_lock(self.loc).use(self.kind, subclass=self.subclass, nest=self.nest)

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.loc
        touched.append(lock.writing)
        if task.atomic:
            might_sleep(task, self.kind)
        lock.value = task.index
        if lock.world.on_acquire:
            as_lock(lock).taken(task, self.kind, subclass=self.subclass, nest=self.nest)


@mypyc_attr(allow_interpreted_subclasses=True)
class MutexLockNested(MutexLock):
    """mutex_lock_nested(): the same in another lockdep subclass."""

    __slots__ = ()

    kind = "mutex_lock_nested"


@mypyc_attr(allow_interpreted_subclasses=True)
class MutexLockNestLock(MutexLock):
    """mutex_lock_nest_lock(): the same under a lock that serialises the nesting."""

    __slots__ = ()

    kind = "mutex_lock_nest_lock"


@mypyc_attr(allow_interpreted_subclasses=True)
class Trylock(Operation):
    """mutex_trylock()"""

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
class Unlock(Operation):
    """mutex_unlock()"""

    __slots__ = ("loc",)

    orders = RELEASE
    leaves = True
    kind = "mutex_unlock"
    loc: Location  # a Mutex

    def __init__(self, loc: Location) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> None:
        lock = as_mutex(self.loc)
        touched.append(lock.writing)
        if lock.world.on_release:
            lock.released(task)
        if lock.value != task.index:
            raise lock.not_held(task)
        lock.free(touched)


@mypyc_attr(allow_interpreted_subclasses=True)
class IsLocked(Operation):
    """mutex_is_locked()"""

    __slots__ = ("loc",)

    writes = False
    orders = RELAXED
    kind = "mutex_is_locked"
    loc: Location  # a Mutex

    def __init__(self, loc: Location) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> bool:
        touched.append(self.loc.reading)
        return bool(self.loc.value != FREE)


@mypyc_attr(allow_interpreted_subclasses=True)
class LockOrSignal(MutexLock):
    """mutex_lock_interruptible() and mutex_lock_killable(): gives 0, or -EINTR.

    In a world without signals it is a mutex_lock() that gives 0.  With them this step tries, and
    `sleep` is what follows if it fails.  The validator is told in any case: the kernel tells it
    before the wait.
    """

    __slots__ = ("signals", "sleep")

    enters = False
    kind = "mutex_lock_interruptible"
    least: ClassVar[int] = SIGNAL
    sleep: SleepOnMutex | None

    def __init__(self, loc: Location, subclass: int = 0) -> None:
        super().__init__(loc, subclass)
        self.signals: Signals | None = signals_of(loc.world)
        self.sleep = None

    def __await__(self) -> Generator[Operation, Any, int]:
        result: Any = yield self
        while self.sleep is not None:
            yield self.sleep
            result = yield self
        return -EINTR if result else 0

    def enabled(self) -> bool:
        return self.signals is not None or super().enabled()

    def ready(self, value: Value) -> bool:
        return self.signals is not None or bool(value == FREE)

    def run(self, task: Task, touched: list[int]) -> Value:
        signals = self.signals
        if signals is None:
            super().run(task, touched)
            return None
        mutex = as_mutex(self.loc)
        again = self.sleep
        self.sleep = None
        if again is not None and again.after[0] in mutex.sleepers:
            mutex.sleepers.remove(again.after[0])
        if mutex.value == FREE:
            super().run(task, touched)
            signals.wake(task, touched)
            return None
        touched.append(mutex.writing)
        if again is None and task.atomic:
            might_sleep(task, self.kind)
        flag = Location(mutex.world, value=False, name=f"wakeup of {task.comm}")
        if not signals.sleep(task, flag, self.least, touched):
            return self._interrupted(task, signals)
        mutex.sleepers.append(flag)
        self.sleep = SleepOnMutex(self, flag)
        if again is None and task.atomic:
            scheduling(task, self.kind)
        return "sleeps"

    def _interrupted(self, task: Task, signals: Signals) -> str:
        mutex = as_mutex(self.loc)
        signals.sleepers.pop(task.index, None)
        if mutex.world.on_acquire:
            mutex.told(task, self.attempt(task))
            mutex.released(task)
        return "-EINTR"


@mypyc_attr(allow_interpreted_subclasses=True)
class LockInterruptibleNested(LockOrSignal):
    """mutex_lock_interruptible_nested(): the same in another lockdep subclass."""

    __slots__ = ()

    kind = "mutex_lock_interruptible_nested"


@mypyc_attr(allow_interpreted_subclasses=True)
class LockKillable(LockOrSignal):
    """mutex_lock_killable(): only a fatal signal ends the wait."""

    __slots__ = ()

    kind = "mutex_lock_killable"
    least = FATAL


@mypyc_attr(allow_interpreted_subclasses=True)
class LockKillableNested(LockKillable):
    """mutex_lock_killable_nested(): the same in another lockdep subclass."""

    __slots__ = ()

    kind = "mutex_lock_killable_nested"


@mypyc_attr(allow_interpreted_subclasses=True)
class SleepOnMutex(Operation):
    """Waits for a release or a signal."""

    __slots__ = ("acquire", "after")

    blocking = True
    orders = RELAXED
    kind = "schedule"
    after: tuple[Location, ...]

    def __init__(self, acquire: LockOrSignal, flag: Location) -> None:
        self.acquire = acquire
        self.after = (flag,)

    @property
    def lock(self) -> Location:
        """What it waits for."""
        return self.acquire.loc

    def attempt(self, task: Task) -> LockUse:
        """What the validator is told while the task waits."""
        return self.acquire.attempt(task)

    def run(self, task: Task, touched: list[int]) -> None:
        touched.append(~self.after[0].number)

    def describe(self) -> str:
        return self.acquire.describe()
