"""Wait queues: sleep until a condition holds, and be woken to look again.

Source: include/linux/wait.h, kernel/sched/wait.c.
Left out: signals and timeouts, wake functions of one's own.

wait_event() is the kernel's loop, step by step: prepare_to_wait(), the condition, schedule().  A
model that looks at its condition before it queues, and does not look again, can lose a wakeup
here as it can in the kernel.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any

from lockwright.core.buffering import IGNORES
from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE_RELEASE, MB, RELAXED
from lockwright.core.task import Task
from lockwright.kernel.condvar import CondVar, Missed, Trail
from lockwright.kernel.context import scheduling, sleepable

if TYPE_CHECKING:
    from lockwright.core.world import World

__all__ = ["CondVar", "Schedule", "WaitQueue", "wait_event", "wait_event_exclusive"]

Condition = Callable[[], Awaitable[bool]]


class _Sleeper(Location):
    """A task's entry; `value` is whether it has been woken, which takes it off the queue.

    `trail` is (step in which it queued itself, what woke the queue last, with its step before).
    """

    __slots__ = ("exclusive", "task", "trail")

    def __init__(self, queue: WaitQueue, task: Task, *, exclusive: bool) -> None:
        super().__init__(queue.world, value=False, name=f"wakeup of {task.comm}")
        self.task = task
        self.exclusive = exclusive
        self.trail: tuple[int, Missed | None] = (-1, None)


class WaitQueue(Location):
    """A wait_queue_head.

    Invariant: `sleepers` holds the entries in the order in which they are woken: those that are
    all woken first, the newest in front, then the exclusive ones, the oldest in front;
    `entries[index]` is the newest entry of a task.  Nobody waits for the queue's own value.
    `trail` is the last wakeup.
    """

    __slots__ = ("entries", "sleepers", "trail")

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, None, name)
        self.sleepers: list[_Sleeper] = []
        self.entries: dict[int, _Sleeper] = {}
        self.trail: Trail | None = None

    def prepare_to_wait(self) -> Operation:
        """From now on a wakeup is not lost."""
        return _Prepare(self, exclusive=False)

    def prepare_to_wait_exclusive(self) -> Operation:
        """The same, as one of those of whom a wakeup wakes one."""
        return _Prepare(self, exclusive=True)

    def schedule(self, condition: Condition | None = None) -> Operation:
        """Sleep until woken, since prepare_to_wait() was called last.

        `condition` is what the caller waits for, if it wants a report to say whether it holds.
        """
        task = self.world.creator
        entry = self.entries.get(task.index) if isinstance(task, Task) else None
        return Schedule(self, entry, condition)

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
        await queue.schedule(condition)
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
        await queue.schedule(condition)
    await queue.finish_wait()


def _is_atomic(queue: WaitQueue) -> bool:
    task = queue.world.creator
    return isinstance(task, Task) and task.atomic > 0


class _Prepare(Operation):
    __slots__ = ("exclusive", "kind", "loc", "trail")

    orders = ACQUIRE_RELEASE | MB
    loc: WaitQueue

    def __init__(self, loc: WaitQueue, *, exclusive: bool) -> None:
        self.loc = loc
        self.exclusive = exclusive
        name = "prepare_to_wait_exclusive" if exclusive else "prepare_to_wait"
        self.kind = name  # type: ignore[misc]  # one class serves both calls
        self.trail = -1

    def __await__(self) -> Generator[Operation, Any, None]:
        self.trail = self.loc.world.steps
        yield self

    def run(self, task: Task, touched: list[int]) -> None:
        queue = self.loc
        touched.append(queue.writing)
        entry = queue.entries.get(task.index)
        if entry is not None and entry in queue.sleepers:
            return
        entry = _Sleeper(queue, task, exclusive=self.exclusive)
        woken = queue.trail
        missed = (woken, self.trail) if woken is not None and self.trail >= 0 else None
        entry.trail = (queue.world.steps, missed)
        queue.entries[task.index] = entry
        if self.exclusive:
            queue.sleepers.append(entry)
        else:
            queue.sleepers.insert(0, entry)


class Schedule(Operation):
    """Waits for the wakeup; a task that has not prepared to wait is not put to sleep."""

    __slots__ = ("after", "condition", "lock", "trail")

    blocking = True
    orders = RELAXED
    kind = "schedule"
    after: tuple[Location, ...]

    def __init__(
        self, lock: WaitQueue, entry: _Sleeper | None, condition: Condition | None = None
    ) -> None:
        self.lock = lock
        self.after = (entry,) if entry is not None else ()
        self.condition = condition
        self.trail = -1

    def __await__(self) -> Generator[Operation, Any, None]:
        self.trail = self.lock.world.steps
        yield self

    @property
    def missed(self) -> Missed | None:
        """The last wakeup before the task queued itself, and its step before that, if it went to
        sleep straight after, without another look."""
        for entry in self.after:
            if isinstance(entry, _Sleeper) and entry.trail[0] == self.trail:
                return entry.trail[1]
        return None

    def run(self, task: Task, touched: list[int]) -> None:
        if task.atomic:
            scheduling(task, self.kind)
        for flag in self.after:
            touched.append(~flag.number)

    def describe(self) -> str:
        return f"schedule() on {self.lock.name}"


class _Finish(Operation):
    """Takes the queue's lock only if the task is still on it.  C: list_empty_careful()."""

    __slots__ = ("loc", "orders")

    kind = "finish_wait"
    loc: WaitQueue

    def __init__(self, loc: WaitQueue) -> None:
        self.loc = loc
        self.orders = RELAXED  # type: ignore[misc]  # it may take the queue's lock, or not

    def run(self, task: Task, touched: list[int]) -> None:
        queue = self.loc
        touched.append(queue.writing)
        entry = queue.entries.get(task.index)
        if entry in queue.sleepers:
            self.orders = ACQUIRE_RELEASE  # type: ignore[misc]  # it is on it
            queue.sleepers.remove(entry)


class _WakeUp(Operation):
    """Wakes sleepers; if there are none, the wakeup is lost."""

    __slots__ = ("exclusive", "kind", "loc")

    orders = ACQUIRE_RELEASE
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
        queue.trail = (queue.world.steps, task.comm, awake)
        return awake


class _Active(Operation):
    __slots__ = ("loc",)

    orders = RELAXED
    buffering = IGNORES
    kind = "waitqueue_active"
    loc: WaitQueue

    def __init__(self, loc: WaitQueue) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> bool:
        touched.append(self.loc.reading)
        return bool(self.loc.sleepers)
