"""Work queues: functions that run later, in process context, in a worker.

Source: kernel/workqueue.c.
Left out: delays (a delayed work can run at any time after it was queued, as every work can),
limits on how many works run at once other than an ordered queue's one, CPUs, rescuers.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from lockwright.core.location import Location
from lockwright.core.lockuse import LockKey
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE_RELEASE, READ_RELEASES, RELAXED
from lockwright.core.task import Context, Task
from lockwright.kernel.context import might_sleep
from lockwright.kernel.lockuse import Lock

if TYPE_CHECKING:
    from lockwright.core.world import World

WorkFunction = Callable[[], Coroutine[Any, Any, Any]]

IDLE = (False, 0)


class WorkQueue(Lock):
    """A workqueue_struct; to the validator, what its flush waits for.

    `ordered` lets one work run at a time, in the order of queueing.
    Invariant: `runs` holds the worker of every work that was ever queued here.  Queueing reads
    the queue, so that works are independent of each other; on an ordered queue it writes.
    """

    __slots__ = ("ordered", "runs")

    def __init__(self, world: World, name: str, *, ordered: bool = False) -> None:
        super().__init__(world, name, value=None, cls=LockKey(f"(wq_completion){name}", "", 0, 0))
        self.ordered = ordered
        self.runs: list[Task] = []

    def queue_work(self, work: Work) -> Operation:
        """queue_work(): False if the work is pending already (or being cancelled)."""
        return _QueueWork(self, work)

    def holders(self) -> list[int]:
        return [worker.index for worker in self.runs if worker.pending is not None]


class Work(Lock):
    """A work_struct; `expr` is how the source names it, `fn` what it does.

    Invariant: `value` is (pending, how many cancel it); no task waits for it.  `worker` runs or
    ran it last, and starts only when the worker before it is done: a work never runs twice at the
    same time.  `cancelled` is shared with that worker: true if it has nothing to do.
    """

    __slots__ = ("cancelled", "fn", "queue", "worker")

    def __init__(self, world: World, expr: str, fn: WorkFunction) -> None:
        cls = LockKey(f"(work_completion)({expr})", "", 0, 0)
        super().__init__(world, expr, value=IDLE, cls=cls)
        self.fn = fn
        self.worker: Task | None = None
        self.queue: WorkQueue | None = None
        self.cancelled = [False]

    def holders(self) -> list[int]:
        worker = self.worker
        return [worker.index] if worker is not None and worker.pending is not None else []


async def process_one_work(start: _Start) -> None:
    """What a worker does with one work."""
    if not await start:
        return
    work, queue, world = start.work, start.queue, start.work.world
    await work.fn()
    if world.on_release:
        worker = world.creator
        assert isinstance(worker, Task), "only a task awaits"
        work.released(worker)
        queue.released(worker)


class _QueueWork(Operation):
    __slots__ = ("loc", "queue")

    conditional = True
    orders = ACQUIRE_RELEASE | READ_RELEASES
    kind = "queue_work"
    loc: Work

    def __init__(self, queue: WorkQueue, work: Work) -> None:
        self.queue = queue
        self.loc = work

    def writes_at(self, value: tuple[bool, int]) -> bool:
        return value == IDLE

    def run(self, task: Task, touched: list[int]) -> bool:
        work = self.loc
        queue = self.queue
        idle = work.value == IDLE
        touched.append(work.writing if idle else work.reading)
        touched.append(queue.writing if queue.ordered else queue.reading)
        if not idle:
            return False
        before = [work.worker.done] if work.worker is not None else []
        if queue.ordered and queue.runs and queue.runs[-1] is not work.worker:
            before.append(queue.runs[-1].done)
        work.value = (True, 0)
        work.cancelled = [False]
        start = _Start(work, queue, tuple(before))
        worker = work.world.spawn(process_one_work(start), "kworker", context=Context.WORKQUEUE)
        worker.comm = f"kworker/u8:{worker.name.label}"
        worker.done.name = f"exit of {worker.comm}"
        worker.local["workqueue"] = f"{queue.name} {getattr(work.fn, '__name__', work.name)}"
        work.worker = worker
        work.queue = queue
        queue.runs.append(worker)
        return True

    def describe(self) -> str:
        return f"queue_work({self.queue.name}, {self.loc.name})"


class _Start(Operation):
    """A worker's first step: the work is no longer pending.  False if it was cancelled."""

    __slots__ = ("after", "cancelled", "queue", "work")

    blocking = True
    orders = ACQUIRE_RELEASE
    kind = "process_one_work"
    after: tuple[Location, ...]

    def __init__(self, work: Work, queue: WorkQueue, after: tuple[Location, ...]) -> None:
        self.work = work
        self.queue = queue
        self.after = after
        self.cancelled = work.cancelled

    def run(self, task: Task, touched: list[int]) -> bool:
        for flag in self.after:
            touched.append(~flag.number)
        work = self.work
        touched.append(work.writing)
        if self.cancelled[0]:
            return False
        work.value = (False, work.value[1])
        if work.world.on_acquire:
            self.queue.taken(task, self.kind)
            work.taken(task, self.kind)
        return True

    def describe(self) -> str:
        return f"{self.kind}({self.work.name})"


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

    def begin(self, task: Task, *locks: Lock) -> None:
        """What all of them start with: a check, and an acquire and release for the validator."""
        if task.atomic:
            might_sleep(task, self.kind)
        for lock in locks:
            if lock.world.on_acquire:
                lock.taken(task, self.kind)
            if lock.world.on_release:
                lock.released(task)


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
        self.begin(task, work, *([queue] if queue is not None and queue.ordered else []))
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
            self.begin(task, work)
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
        self.begin(task, queue)
        touched.append(queue.writing)
        if queue.runs:
            runs = sorted(queue.runs, key=_number)
            self.waiting = _WorkWait(queue, tuple(run.done for run in runs), self.describe())


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
