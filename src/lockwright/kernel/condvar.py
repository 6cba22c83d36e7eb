"""Condition variables, for thread programs; the kernel has none.

Waiting releases the mutex and queues in one step, so that nothing comes between; what comes before
it is lost.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from lockwright.core.errors import KernelOops
from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED, RELEASE
from lockwright.kernel.context import might_sleep
from lockwright.kernel.mutex import FREE, Mutex, MutexLock

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

Trail = tuple[int, str, int]
"""Step, name of the task that woke, how many it woke: for reports; nothing depends on it."""

Missed = tuple[Trail, int]
"""What may have come too early, and the step in which the waiter had looked."""


class CondVar(Location):
    """A condition variable with a mutex.

    Waiting releases the mutex and queues in one step; when it has been signalled, the task takes
    the mutex again in another.  A signal wakes one waiter, and which one is a choice; with no
    waiter it is lost.
    Invariant: `waiters` holds the wakeup flags of those who wait, oldest first.  Waiting and
    signalling both write the variable: their order decides what a signal finds.  `trail` is the
    last signal.
    """

    __slots__ = ("trail", "waiters")

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, None, name)
        self.waiters: list[Location] = []
        self.trail: Trail | None = None

    def wait(self, mutex: Mutex) -> Operation:
        """Release `mutex`, wait for a signal, take `mutex` again."""
        return _CondWait(self, mutex)

    def signal(self) -> Operation:
        """Wake one waiter, any one."""
        return _Signal(self)

    def broadcast(self) -> Operation:
        """Wake all waiters."""
        return _Broadcast(self)


class _CondWait(Operation):
    __slots__ = ("cond", "loc", "retake", "trail")

    orders = RELEASE
    kind = "cond_wait"
    loc: Mutex

    def __init__(self, cond: CondVar, mutex: Mutex) -> None:
        self.cond = cond
        self.loc = mutex
        self.retake: Retake
        self.trail = -1

    def __await__(self) -> Generator[Operation, Any, None]:
        self.trail = self.cond.world.steps
        yield self
        yield self.retake

    def run(self, task: Task, touched: list[int]) -> None:
        mutex, cond = self.loc, self.cond
        touched.append(mutex.writing)
        touched.append(cond.writing)
        if task.atomic:
            might_sleep(task, self.kind)
        if mutex.world.on_release:
            mutex.released(task)
        if mutex.value != task.index:
            raise KernelOops(
                "bad unlock balance",
                f"{task.comm} waits on {cond.name} without holding {mutex.name}",
                mutex.name,
            )
        mutex.free(touched)
        flag = Location(cond.world, value=False, name=f"signal of {cond.name} to {task.comm}")
        cond.waiters.append(flag)
        signal = cond.trail
        missed = (signal, self.trail) if signal is not None and self.trail >= 0 else None
        self.retake = Retake(mutex, cond, flag, missed)

    def describe(self) -> str:
        return f"{self.kind}({self.cond.name}, {self.loc.name})"


class Retake(MutexLock):
    """The second half of a wait: takes the mutex when signalled.

    `missed` is the last signal before the wait, and the task's step before it.
    """

    __slots__ = ("after", "cond", "trail")

    enters = False

    after: tuple[Location, ...]

    def __init__(self, mutex: Mutex, cond: CondVar, flag: Location, missed: Missed | None) -> None:
        super().__init__(mutex, 0)
        self.cond = cond
        self.after = (flag,)
        self.trail = missed

    @property
    def missed(self) -> Missed | None:
        """The trail, while the task has not been signalled."""
        return None if self.after[0].value else self.trail

    def enabled(self) -> bool:
        return bool(self.after[0].value) and bool(self.loc.value == FREE)

    def run(self, task: Task, touched: list[int]) -> None:
        super().run(task, touched)
        touched.append(~self.after[0].number)

    def describe(self) -> str:
        if self.after[0].value:
            return f"{self.kind}({self.loc.name}) after {self.cond.name}"
        return f"cond_wait({self.cond.name}, {self.loc.name})"


class _Signal(Operation):
    __slots__ = ("loc",)

    chooses = True
    orders = RELAXED
    kind = "cond_signal"
    loc: CondVar

    def __init__(self, loc: CondVar) -> None:
        self.loc = loc

    def options(self) -> int:
        return max(1, len(self.loc.waiters))

    def announce(self, choice: int) -> list[int]:
        cond = self.loc
        return [cond.writing, *(flag.writing for flag in cond.waiters[choice : choice + 1])]

    def run(self, task: Task, touched: list[int]) -> None:
        cond = self.loc
        touched.append(cond.writing)
        cond.trail = (cond.world.steps, task.comm, min(1, len(cond.waiters)))
        if cond.waiters:
            flag = cond.waiters.pop(cond.world.choice)
            flag.value = True
            touched.append(flag.writing)


class _Broadcast(Operation):
    __slots__ = ("loc",)

    orders = RELAXED
    kind = "cond_broadcast"
    loc: CondVar

    def __init__(self, loc: CondVar) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> None:
        cond = self.loc
        touched.append(cond.writing)
        cond.trail = (cond.world.steps, task.comm, len(cond.waiters))
        for flag in cond.waiters:
            flag.value = True
            touched.append(flag.writing)
        cond.waiters = []
