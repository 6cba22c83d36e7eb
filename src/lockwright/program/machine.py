"""The operations that thread programs have beyond the kernel's own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from operator import eq, lt, ne
from typing import TYPE_CHECKING, Any

from lockwright.core.location import Location
from lockwright.core.operation import Operation, Touch
from lockwright.kernel.workqueue import Work, WorkQueue

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

RELATIONS: dict[str, Callable[[int, int], bool]] = {"==": eq, "!=": ne, "<": lt}

Start = Callable[[], Coroutine[Any, Any, Any]]


class Add(Touch):
    """An atomic addition; gives the old value."""

    __slots__ = ("by",)

    kind = "atomic_add"

    def __init__(self, loc: Location, by: int) -> None:
        self.loc = loc
        self.by = by

    def run(self, task: Task, touched: list[int]) -> int:
        loc = self.loc
        touched.append(loc.writing)
        old: int = loc.value
        loc.value = old + self.by
        return old

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name}, {self.by})"


class CompareSwap(Touch):
    """Write `new` if the variable is `expected`: gives 1.  Else it is only a read, and gives 0."""

    __slots__ = ("expected", "new")

    conditional = True
    kind = "cmpxchg"

    def __init__(self, loc: Location, expected: int, new: int) -> None:
        self.loc = loc
        self.expected = expected
        self.new = new

    def run(self, task: Task, touched: list[int]) -> int:
        loc = self.loc
        if loc.value != self.expected:
            touched.append(loc.reading)
            return 0
        touched.append(loc.writing)
        loc.value = self.new
        return 1

    def writes_at(self, value: int) -> bool:
        return value == self.expected

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name}, {self.expected}, {self.new})"


class Await(Touch):
    """Wait until a variable compares with a number as wanted; only reads it."""

    __slots__ = ("number", "relation")

    blocking = True
    writes = False
    kind = "await"

    def __init__(self, loc: Location, relation: str, number: int) -> None:
        self.loc = loc
        self.relation = relation
        self.number = number

    def ready(self, value: int) -> bool:
        return RELATIONS[self.relation](value, self.number)

    def run(self, task: Task, touched: list[int]) -> None:
        touched.append(self.loc.reading)

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name} {self.relation} {self.number})"


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
        self.value = True
        self.world.acc.append(self.writing)


class Spawn(Touch):
    """Start a thread."""

    __slots__ = ()

    kind = "spawn"
    loc: Thread

    def run(self, task: Task, touched: list[int]) -> None:
        thread = self.loc
        thread.world.spawn(thread.body(), thread.name)


class Join(Operation):
    """Wait until a thread has ended."""

    __slots__ = ("after", "thread")

    blocking = True
    kind = "join"

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
