"""Wait queues: sleep until a condition holds, and be woken to look again.

Source: include/linux/wait.h, kernel/sched/wait.c.
Left out: signals and timeouts, wake functions of one's own.  `CondVar` is for thread programs; the
kernel has none.

wait_event() is the kernel's loop, step by step: prepare_to_wait(), the condition, schedule().  A
model that looks at its condition before it queues, and does not look again, can lose a wakeup
here as it can in the kernel.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any

from lockwright.core.errors import KernelOops
from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.kernel.context import might_sleep, sleepable
from lockwright.kernel.mutex import FREE, Mutex, MutexLock

if TYPE_CHECKING:
    from lockwright.core.world import World

Condition = Callable[[], Awaitable[bool]]


class _Sleeper(Location):
    """A task's entry; `value` is whether it has been woken, which takes it off the queue."""

    __slots__ = ("exclusive", "task")

    def __init__(self, queue: WaitQueue, task: Task, *, exclusive: bool) -> None:
        super().__init__(queue.world, value=False, name=f"wakeup of {task.comm}")
        self.task = task
        self.exclusive = exclusive


class WaitQueue(Location):
    """A wait_queue_head.

    Invariant: `sleepers` holds the entries in the order in which they are woken: those that are
    all woken first, the newest in front, then the exclusive ones, the oldest in front;
    `entries[index]` is the newest entry of a task.  Nobody waits for the queue's own value.
    """

    __slots__ = ("entries", "sleepers")

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, None, name)
        self.sleepers: list[_Sleeper] = []
        self.entries: dict[int, _Sleeper] = {}

    def prepare_to_wait(self) -> Operation:
        """From now on a wakeup is not lost."""
        return _Prepare(self, exclusive=False)

    def prepare_to_wait_exclusive(self) -> Operation:
        """The same, as one of those of whom a wakeup wakes one."""
        return _Prepare(self, exclusive=True)

    def schedule(self) -> Operation:
        """Sleep until woken, since prepare_to_wait() was called last."""
        task = self.world.creator
        entry = self.entries.get(task.index) if isinstance(task, Task) else None
        return _Schedule(self, entry)

    def finish_wait(self) -> Operation:
        """Take oneself off the queue."""
        return _Finish(self)

    def wake_up(self) -> Operation:
        """Wakes all that are not exclusive, and one exclusive sleeper."""
        return _WakeUp(self, "wake_up", 1)

    def wake_up_all(self) -> Operation:
        """Wakes everybody."""
        return _WakeUp(self, "wake_up_all", 1 << 30)

    def waitqueue_active(self) -> Operation:
        """Does anybody wait?"""
        return _Active(self)


async def wait_event(queue: WaitQueue, condition: Condition) -> None:
    """Sleep until `await condition()` is true; looks again whenever woken."""
    if _is_atomic(queue):
        await sleepable("wait_event")
    if await condition():
        return
    while True:
        await queue.prepare_to_wait()
        if await condition():
            break
        await queue.schedule()
    await queue.finish_wait()


async def wait_event_exclusive(queue: WaitQueue, condition: Condition) -> None:
    """The same, but of all who wait so, a wakeup wakes one."""
    if _is_atomic(queue):
        await sleepable("wait_event_exclusive")
    if await condition():
        return
    while True:
        await queue.prepare_to_wait_exclusive()
        if await condition():
            break
        await queue.schedule()
    await queue.finish_wait()


def _is_atomic(queue: WaitQueue) -> bool:
    task = queue.world.creator
    return isinstance(task, Task) and task.atomic > 0


class _Prepare(Operation):
    __slots__ = ("exclusive", "kind", "loc")

    loc: WaitQueue

    def __init__(self, loc: WaitQueue, *, exclusive: bool) -> None:
        self.loc = loc
        self.exclusive = exclusive
        name = "prepare_to_wait_exclusive" if exclusive else "prepare_to_wait"
        self.kind = name  # type: ignore[misc]  # one class serves both calls

    def run(self, task: Task, touched: list[int]) -> None:
        queue = self.loc
        touched.append(queue.writing)
        entry = queue.entries.get(task.index)
        if entry is not None and entry in queue.sleepers:
            return
        entry = _Sleeper(queue, task, exclusive=self.exclusive)
        queue.entries[task.index] = entry
        if self.exclusive:
            queue.sleepers.append(entry)
        else:
            queue.sleepers.insert(0, entry)


class _Schedule(Operation):
    """Waits for the wakeup; a task that has not prepared to wait is not put to sleep."""

    __slots__ = ("after", "lock")

    blocking = True
    kind = "schedule"

    def __init__(self, lock: WaitQueue, entry: _Sleeper | None) -> None:
        self.lock = lock
        self.after = (entry,) if entry is not None else ()

    def run(self, task: Task, touched: list[int]) -> None:
        if task.atomic:
            might_sleep(task, self.kind)
        for flag in self.after:
            touched.append(~flag.number)

    def describe(self) -> str:
        return f"schedule() on {self.lock.name}"


class _Finish(Operation):
    __slots__ = ("loc",)

    kind = "finish_wait"
    loc: WaitQueue

    def __init__(self, loc: WaitQueue) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> None:
        queue = self.loc
        touched.append(queue.writing)
        entry = queue.entries.get(task.index)
        if entry in queue.sleepers:
            queue.sleepers.remove(entry)


class _WakeUp(Operation):
    """Wakes sleepers; if there are none, the wakeup is lost."""

    __slots__ = ("exclusive", "kind", "loc")

    loc: WaitQueue

    def __init__(self, loc: WaitQueue, kind: str, exclusive: int) -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # one class serves both calls
        self.exclusive = exclusive

    def run(self, task: Task, touched: list[int]) -> int:
        queue = self.loc
        sleepers = queue.sleepers
        touched.append(queue.writing)
        left = self.exclusive
        awake = 0
        while awake < len(sleepers) and left:
            entry = sleepers[awake]
            entry.value = True
            touched.append(entry.writing)
            left -= entry.exclusive
            awake += 1
        del sleepers[:awake]
        return awake


class _Active(Operation):
    __slots__ = ("loc",)

    kind = "waitqueue_active"
    loc: WaitQueue

    def __init__(self, loc: WaitQueue) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> bool:
        touched.append(self.loc.reading)
        return bool(self.loc.sleepers)


class CondVar(Location):
    """A condition variable with a mutex.

    Waiting releases the mutex and queues in one step; when it has been signalled, the task takes
    the mutex again in another.  A signal wakes one waiter, and which one is a choice; with no
    waiter it is lost.
    Invariant: `waiters` holds the wakeup flags of those who wait, oldest first.  Waiting and
    signalling both write the variable: their order decides what a signal finds.
    """

    __slots__ = ("waiters",)

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, None, name)
        self.waiters: list[Location] = []

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
    __slots__ = ("cond", "loc", "retake")

    kind = "cond_wait"
    loc: Mutex

    def __init__(self, cond: CondVar, mutex: Mutex) -> None:
        self.cond = cond
        self.loc = mutex
        self.retake: _Retake

    def __await__(self) -> Generator[Operation, Any, None]:
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
        mutex.value = FREE
        flag = Location(cond.world, value=False, name=f"signal of {cond.name} to {task.comm}")
        cond.waiters.append(flag)
        self.retake = _Retake(mutex, cond, flag)

    def describe(self) -> str:
        return f"{self.kind}({self.cond.name}, {self.loc.name})"


class _Retake(MutexLock):
    """The second half of a wait: takes the mutex when signalled."""

    __slots__ = ("after", "cond")

    def __init__(self, mutex: Mutex, cond: CondVar, flag: Location) -> None:
        super().__init__(mutex, 0)
        self.cond = cond
        self.after = (flag,)

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
        if cond.waiters:
            flag = cond.waiters.pop(cond.world.choice)
            flag.value = True
            touched.append(flag.writing)


class _Broadcast(Operation):
    __slots__ = ("loc",)

    kind = "cond_broadcast"
    loc: CondVar

    def __init__(self, loc: CondVar) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> None:
        cond = self.loc
        touched.append(cond.writing)
        for flag in cond.waiters:
            flag.value = True
            touched.append(flag.writing)
        cond.waiters = []
