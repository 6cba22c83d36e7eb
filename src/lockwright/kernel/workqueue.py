"""Work queues: functions that run later, in process context, in a worker; and waiting for them.

Source: kernel/workqueue.c.
Left out: delays (a delayed work can run at any time after it was queued, as every work can),
limits on how many works run at once other than an ordered queue's one, CPUs, and what a rescuer
does; that there is one counts for the validator.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE_RELEASE, RELAXED
from lockwright.core.task import Context, Task
from lockwright.kernel.context import might_sleep
from lockwright.kernel.irqflags import bhs_disable, bhs_enable
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.work import Work, WorkFunction, WorkQueue

__all__ = [
    "Work",
    "WorkFunction",
    "WorkQueue",
    "cancel_work",
    "cancel_work_sync",
    "destroy_workqueue",
    "drain_workqueue",
    "flush_work",
    "flush_workqueue",
]

GONE = 1 << 30
"""What the drains of a queue that is no more count as."""


class _WorkWait(Operation):
    """Waits for workers to be done; for a cancellation, ends it."""

    __slots__ = ("after", "cancels", "lock", "text")

    blocking = True
    orders = RELAXED
    kind = "wait_for_worker"
    after: tuple[Location, ...]

    def __init__(
        self, lock: Lock, after: tuple[Location, ...], text: str, *, cancels: Work | None = None
    ) -> None:
        self.lock = lock
        self.after = after
        self.text = text
        self.cancels = cancels

    def run(self, task: Task, touched: list[int]) -> None:
        work = self.cancels
        if work is not None:
            touched.append(work.writing)
            pending, cancelling = work.value
            work.value = (pending, cancelling - 1)
        for flag in self.after:
            touched.append(~flag.number)

    def describe(self) -> str:
        return self.text


class _Flush(Operation):
    """Base of the calls that wait for workers: `run` finds out for whom, then `waiting` waits."""

    __slots__ = ("loc", "waiting")

    orders = RELAXED
    loc: Lock

    def __init__(self, loc: Lock) -> None:
        self.loc = loc
        self.waiting: _WorkWait | None = None

    def __await__(self) -> Generator[Operation, Any, bool]:
        result: bool = yield self
        if self.waiting is not None:
            yield self.waiting
        return result

    def begin(self, task: Task, *locks: Lock, bh: bool = False, spins: bool = False) -> None:
        """What all of them start with: a check, and an acquire and release for the validator.

        What runs in softirq is waited for with bottom halves off, as the validator sees it; who
        `spins` may be in atomic context.  C: touch_work_lockdep_map(), touch_wq_lockdep_map().
        """
        if task.atomic and not spins:
            might_sleep(task, self.kind)
        if not task.world.on_acquire:
            return
        for lock in locks:
            if bh:
                bhs_disable(task)
            lock.taken(task, self.kind)
            lock.released(task)
            if bh:
                bhs_enable(task)


class _FlushWork(_Flush):
    __slots__ = ()

    kind = "flush_work"
    loc: Work

    def run(self, task: Task, touched: list[int]) -> bool:
        work = self.loc
        touched.append(work.reading)
        if work.worker is None:
            self.begin(task, work)
            return False
        queue = work.queue
        assert queue is not None, "it has a worker"
        self.begin(task, work, *([queue] if queue.single else []), bh=queue.bh)
        self.waiting = _WorkWait(work, (work.worker.done,), self.describe())
        return True


class _CancelWork(_Flush):
    __slots__ = ("kind",)

    orders = ACQUIRE_RELEASE
    loc: Work

    def __init__(self, work: Work, kind: str) -> None:
        super().__init__(work)
        self.kind = kind  # type: ignore[misc]  # one class serves both calls

    def run(self, task: Task, touched: list[int]) -> bool:
        work = self.loc
        pending, cancelling = work.value
        waits = self.kind == "cancel_work_sync"
        if waits:
            bh = work.queue is not None and work.queue.bh
            self.begin(task, work, bh=bh, spins=bh and task.context is not Context.HARDIRQ)
        touched.append(work.writing)
        if work.worker is None:
            return False
        if pending:
            work.cancelled[0] = True
        if waits:
            cancelling += 1
            self.waiting = _WorkWait(work, (work.worker.done,), self.describe(), cancels=work)
        work.value = (False, cancelling)
        return bool(pending)


class _FlushWorkqueue(_Flush):
    __slots__ = ()

    kind = "flush_workqueue"
    loc: WorkQueue

    def run(self, task: Task, touched: list[int]) -> None:
        queue = self.loc
        self.begin(task, queue, bh=queue.bh)
        touched.append(queue.writing)
        runs = sorted(queue.runs, key=_number)
        if runs:
            self.waiting = _WorkWait(queue, tuple(run.done for run in runs), self.describe())


class _Drain(Operation):
    """A step of a drain: who may queue from now on.  Gives how many works were ever queued."""

    __slots__ = ("by", "loc")

    orders = ACQUIRE_RELEASE
    kind = "drain_workqueue"
    loc: WorkQueue

    def __init__(self, loc: WorkQueue, by: int) -> None:
        self.loc = loc
        self.by = by

    def run(self, task: Task, touched: list[int]) -> int:
        queue = self.loc
        touched.append(queue.writing)
        queue.value += self.by
        return len(queue.runs)


def _number(task: Task) -> int:
    return task.number


def flush_work(work: Work) -> Operation:
    """Waits until the work, as it was queued last, has run.  False if it was never queued."""
    return _FlushWork(work)


def cancel_work(work: Work) -> Operation:
    """Takes a pending work off its queue; True if it was pending.  Does not wait."""
    return _CancelWork(work, "cancel_work")


def cancel_work_sync(work: Work) -> Operation:
    """Takes a pending work off its queue, and waits until it runs no more.

    True if it was pending.  While this waits the work cannot be queued again, not even by itself.
    """
    return _CancelWork(work, "cancel_work_sync")


def flush_workqueue(queue: WorkQueue) -> Operation:
    """Waits for every work that was queued here before."""
    return _FlushWorkqueue(queue)


async def drain_workqueue(queue: WorkQueue) -> None:
    """Waits until the queue is empty.  Meanwhile only works that run on it may queue more."""
    seen = 0
    queued: int = await _Drain(queue, 1)
    while seen < queued:
        seen = queued
        await _FlushWorkqueue(queue)
        queued = await _Drain(queue, 0)
    await _Drain(queue, -1)


async def destroy_workqueue(queue: WorkQueue) -> None:
    """Drains the queue; from the beginning on nobody else may queue there, and then nobody."""
    await _Drain(queue, GONE)
    await drain_workqueue(queue)
