"""The counting semaphore: sleeping, first come, first served.

Source: kernel/locking/semaphore.c.  up() hands the semaphore to whoever waits longest.
lockdep knows nothing of it: it has no owner, and anybody may up() it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELEASE
from lockwright.kernel.context import might_sleep, scheduling
from lockwright.kernel.signal import EINTR, FATAL, SIGNAL, set_flag, signals_of

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

ETIME = 62
UNINTERRUPTIBLE = 0


class Semaphore(Location):
    """A struct semaphore.  `Semaphore(world, "console_sem", 1)`

    Invariant: `value` is how many may still come in; it is 0 while `waiters` has the flags of those
    who wait, oldest first.
    """

    __slots__ = ("waiters",)

    value: int

    def __init__(self, world: World, name: str, count: int = 1) -> None:
        super().__init__(world, count, name)
        self.waiters: list[Location] = []

    def down(self) -> Operation:
        """down(): waits until it is handed over."""
        return _Down(self, "down", UNINTERRUPTIBLE)

    def down_interruptible(self) -> Operation:
        """down_interruptible(): 0, or -EINTR if a signal comes while it waits."""
        return _Down(self, "down_interruptible", SIGNAL)

    def down_killable(self) -> Operation:
        """down_killable(): 0, or -EINTR if a fatal signal comes while it waits."""
        return _Down(self, "down_killable", FATAL)

    def down_trylock(self) -> Operation:
        """down_trylock(): False if it was taken, True if it was not, as in C; never waits."""
        return _DownTrylock(self)

    def down_timeout(self) -> Operation:
        """down_timeout(): 0, or -ETIME if it was not handed over in time, however long that is."""
        return _DownTimeout(self)

    def up(self) -> Operation:
        """up(): lets one more in."""
        return _Up(self)

    def give_up(self, touched: list[int], flag: Location) -> bool:
        """Somebody waits no more; False if it was handed over by now."""
        touched.append(self.writing)
        if flag not in self.waiters:
            return False
        self.waiters.remove(flag)
        return True


class _SemaphoreOperation(Operation):
    __slots__ = ("loc",)

    loc: Semaphore

    def __init__(self, loc: Semaphore) -> None:
        self.loc = loc


class _Down(_SemaphoreOperation):
    """Takes it or queues; `waiting` is what follows if it queues."""

    __slots__ = ("kind", "least", "signals", "waiting")

    orders = ACQUIRE

    def __init__(self, loc: Semaphore, kind: str, least: int) -> None:
        super().__init__(loc)
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.least = least
        self.signals = signals_of(loc.world) if least else None
        self.waiting: _Wait | None = None

    def __await__(self) -> Generator[Operation, Any, int | None]:
        result = yield self
        if self.waiting is not None:
            result = yield self.waiting
        if self.least == UNINTERRUPTIBLE:
            return None
        return -EINTR if result == "-EINTR" else 0

    def run(self, task: Task, touched: list[int]) -> str | None:
        semaphore, signals = self.loc, self.signals
        touched.append(semaphore.writing)
        if task.atomic:
            might_sleep(task, self.kind)
        if semaphore.value:
            semaphore.value -= 1
            if signals is not None:
                touched.append(signals.writing)  # as where it queues
            return None
        flag = Location(semaphore.world, value=False, name=f"{semaphore.name} to {task.comm}")
        if signals is not None and not signals.sleep(task, flag, self.least, touched):
            return "-EINTR"
        semaphore.waiters.append(flag)
        self.waiting = _Wait(self, flag)
        if task.atomic:
            scheduling(task, self.kind)
        return "queued"


class _Wait(Operation):
    __slots__ = ("after", "down")

    blocking = True
    kind = "schedule"
    after: tuple[Location, ...]

    def __init__(self, down: _Down, flag: Location) -> None:
        self.down = down
        self.after = (flag,)

    def run(self, task: Task, touched: list[int]) -> str | None:
        touched.append(~self.after[0].number)
        signals = self.down.signals
        if signals is None:
            return None
        interrupted = self.down.loc.give_up(touched, self.after[0])
        signals.wake(task, touched)
        return "-EINTR" if interrupted else None

    def describe(self) -> str:
        return self.down.describe()


class _DownTrylock(_SemaphoreOperation):
    __slots__ = ()

    conditional = True
    orders = ACQUIRE
    kind = "down_trylock"

    def writes_at(self, value: int) -> bool:
        return value > 0

    def run(self, task: Task, touched: list[int]) -> bool:
        semaphore = self.loc
        if not semaphore.value:
            touched.append(semaphore.reading)
            return True
        touched.append(semaphore.writing)
        semaphore.value -= 1
        return False


class _DownTimeout(_SemaphoreOperation):
    """Takes it or queues; then, whenever that is, the time is up."""

    __slots__ = ("expiry",)

    orders = ACQUIRE
    kind = "down_timeout"

    def __init__(self, loc: Semaphore) -> None:
        super().__init__(loc)
        self.expiry: _Expiry | None = None

    def __await__(self) -> Generator[Operation, Any, int]:
        yield self
        return (yield self.expiry) if self.expiry is not None else 0

    def run(self, task: Task, touched: list[int]) -> str | None:
        semaphore = self.loc
        touched.append(semaphore.writing)
        if task.atomic:
            might_sleep(task, self.kind)
        if semaphore.value:
            semaphore.value -= 1
            return None
        flag = Location(semaphore.world, value=False, name=f"{semaphore.name} to {task.comm}")
        semaphore.waiters.append(flag)
        self.expiry = _Expiry(semaphore, flag)
        if task.atomic:
            scheduling(task, self.kind)
        return "queued"


class _Expiry(_SemaphoreOperation):
    """The end of a wait with a timeout: it was handed over before, or the task gives up."""

    __slots__ = ("flag",)

    orders = ACQUIRE
    kind = "schedule_timeout"

    def __init__(self, loc: Semaphore, flag: Location) -> None:
        super().__init__(loc)
        self.flag = flag

    def run(self, task: Task, touched: list[int]) -> int:
        return -ETIME if self.loc.give_up(touched, self.flag) else 0


class _Up(_SemaphoreOperation):
    __slots__ = ()

    orders = RELEASE
    kind = "up"

    def run(self, task: Task, touched: list[int]) -> None:
        semaphore = self.loc
        touched.append(semaphore.writing)
        if not semaphore.waiters:
            semaphore.value += 1
            return
        set_flag(semaphore.waiters.pop(0), touched)
