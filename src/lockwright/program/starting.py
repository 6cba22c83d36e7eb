"""Threads of a thread program that are started by others, and waited for."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.kernel.barrier import FullBarrier
from lockwright.kernel.workqueue import Work, WorkQueue

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

Start = Callable[[], Coroutine[Any, Any, Any]]


class Thread(Location):
    """A thread that others start or wait for.  Invariant: `value` is whether it has ended."""

    __slots__ = ("start",)

    def __init__(self, world: World, name: str, start: Start) -> None:
        super().__init__(world, value=False, name=name)
        self.start = start

    def body(self) -> Coroutine[Any, Any, None]:
        """The thread, to its end, which is part of its last step."""
        return self._run()

    async def _run(self) -> None:
        await self.start()
        if self.world.memory is not None:
            await FullBarrier("drain")
        self.value = True
        self.world.acc.append(self.writing)


class Spawn(Operation):
    """Start a thread."""

    __slots__ = ("loc",)

    kind = "spawn"
    loc: Thread

    def __init__(self, loc: Thread) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> None:
        thread = self.loc
        thread.world.spawn(thread.body(), thread.name)


class Join(Operation):
    """Wait until a thread has ended."""

    __slots__ = ("after", "thread")

    blocking = True
    kind = "join"
    after: tuple[Location, ...]

    def __init__(self, thread: Thread) -> None:
        self.thread = thread
        self.after = (thread,)

    def run(self, task: Task, touched: list[int]) -> None:
        touched.append(~self.thread.number)

    def describe(self) -> str:
        return f"{self.kind}({self.thread.name})"


class Queue(Operation):
    """queue_work(), with the worker called what the work is called."""

    __slots__ = ("queueing", "work")

    kind = "queue_work"

    def __init__(self, queue: WorkQueue, work: Work) -> None:
        self.queueing = queue.queue_work(work)
        self.work = work

    def run(self, task: Task, touched: list[int]) -> bool:
        queued: bool = self.queueing.run(task, touched)
        worker = self.work.worker
        if queued and worker is not None:
            worker.comm = self.work.name
        return queued

    def describe(self) -> str:
        return self.queueing.describe()
