"""Work items and their queues: functions that run later, in a worker.  `workqueue.py` waits.

Source: kernel/workqueue.c.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from lockwright.core.location import Location
from lockwright.core.lockuse import LockKey
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE_RELEASE, READ_RELEASES
from lockwright.core.task import Context, Task
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.rcuusage import preempt_count, rcu_depth

if TYPE_CHECKING:
    from lockwright.core.world import World

WorkFunction = Callable[[], Coroutine[Any, Any, Any]]

IDLE = (False, 0)
DRAINED = "work queued while its queue is drained"
LEAKED = "workqueue leaked atomic, lock or RCU"
"""The kind of the finding, and in `Task.local` of a worker: has it been reported?"""
WORKED = "work done"
"""In `Task.local` of a worker that has come back from its work: that work's function."""


class WorkQueue(Lock):
    """A workqueue_struct; to the validator, what its flush waits for.

    `ordered` lets one work run at a time, in the order of queueing.  `max_active` is that of one
    CPU, so works of a queue with 1 can run at once on several.  With `mem_reclaim` it has a
    rescuer (WQ_MEM_RECLAIM).  With `bh` its works run in softirq (WQ_BH).
    Invariant: `runs` holds the worker of every work that was ever queued here.  Queueing reads
    the queue, so that works are independent of each other; on an ordered queue it writes.
    `value` counts who drains it: then only its own works may queue.
    """

    __slots__ = ("bh", "ordered", "runs", "single")

    def __init__(
        self,
        world: World,
        name: str,
        *,
        ordered: bool = False,
        max_active: int = 0,
        mem_reclaim: bool = False,
        bh: bool = False,
    ) -> None:
        super().__init__(world, name, value=0, cls=LockKey(f"(wq_completion){name}", "", 0, 0))
        self.ordered = ordered
        self.single = ordered or max_active == 1 or mem_reclaim
        self.bh = bh
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
    worker = world.creator
    assert isinstance(worker, Task), "only a task awaits"
    if world.on_release:
        work.released(worker)
        queue.released(worker)
    _check_leak(worker, work)


def _check_leak(worker: Task, work: Work) -> None:
    """Has the function forgotten to leave a section?  Of a lock that nobody but the validator
    knows of, only that can tell, when the worker ends.  C: process_one_work()."""
    worker.local[WORKED] = function_of(work)
    preempt = preempt_count(worker) if worker.context is Context.WORKQUEUE else 0
    if preempt > 0 or rcu_depth(worker):
        leaked(worker)


def leaked(worker: Task) -> None:
    """Report, once, that a worker came back from its work otherwise than it went there."""
    if worker.local.get(LEAKED):
        return
    worker.local[LEAKED] = True
    function: str = worker.local[WORKED]
    if worker.context is Context.WORKQUEUE and preempt_count(worker) > 0:
        how = f"at atomic depth {worker.atomic}"
    else:
        how = "in an RCU read section" if rcu_depth(worker) else "with a lock held"
    worker.world.warn(
        worker,
        LEAKED,
        f"{function}() leaves {worker.comm} {how}",
        signature=f"{function} {how}",
        about=function,
    )


def has_worked(task: Task) -> bool:
    """Is it a worker, and done?"""
    return WORKED in task.local


def has_leaked(task: Task) -> bool:
    """Has it been reported as a worker that leaked something?"""
    return LEAKED in task.local


def function_of(work: Work) -> str:
    """What a work does, for people."""
    return str(getattr(work.fn, "__name__", work.name))


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
        if queue.value and task not in queue.runs:
            work.world.warn(
                task,
                DRAINED,
                f"{task.comm} queues {work.name} on {queue.name}, which is being drained",
                signature=f"queue_work({queue.name}) while it is drained",
            )
            return False
        before = [work.worker.done] if work.worker is not None else []
        if queue.ordered and queue.runs and queue.runs[-1] is not work.worker:
            before.append(queue.runs[-1].done)
        work.value = (True, 0)
        work.cancelled = [False]
        start = _Start(work, queue, tuple(before))
        context = Context.SOFTIRQ if queue.bh else Context.WORKQUEUE
        worker = work.world.spawn(process_one_work(start), "kworker", context=context)
        if queue.bh:
            worker.comm = f"softirq:{function_of(work)}"
        else:
            worker.comm = f"kworker/u8:{worker.name.label}"
            worker.local["workqueue"] = f"{queue.name} {function_of(work)}"
        worker.done.name = f"exit of {worker.comm}"
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
