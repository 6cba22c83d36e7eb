"""An interrupt line, and the operations of a task that is interrupted.

`Arrival` offers an interrupt that comes once, `Return` ends its handler.  `Suspended` waits for a
handler that is a task of its own (`raised.py`).  Who runs them is the `Driver` (`interrupt.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from lockwright.core.buffering import IGNORES
from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from lockwright.core.task import Context, Task

if TYPE_CHECKING:
    from lockwright.core.world import World

Handler = Callable[[], Coroutine[Any, Any, Any]]

KINDS = (Context.HARDIRQ, Context.SOFTIRQ)
BENEATH = {
    Context.HARDIRQ: (Context.PROCESS, Context.WORKQUEUE, Context.SOFTIRQ),
    Context.SOFTIRQ: (Context.PROCESS, Context.WORKQUEUE),
}
"""What each kind of interrupt can interrupt."""


class Line(Location):
    """One interrupt that is to come, once.

    `handler` makes the coroutine that it runs; `context` is HARDIRQ or SOFTIRQ; `threaded` says
    that the handler of a hard interrupt may be made a thread, where it may wait for a spinlock_t.
    Invariant: `value` is how often it is still to come, 1 or 0.
    """

    __slots__ = ("context", "handler", "threaded")

    value: int

    def __init__(
        self, world: World, name: str, handler: Handler, context: Context, *, threaded: bool
    ) -> None:
        super().__init__(world, 1, name)
        self.handler = handler
        self.context = context
        self.threaded = threaded

    def offer(self, task: Task) -> Operation | None:
        """What is offered where a task could be interrupted; None if it cannot be."""
        return Arrival(self) if admits(task, self.context) else None

    def offered_to(self, context: Context) -> bool:
        """Can it come on top of what runs in this context?"""
        return context in BENEATH[self.context]


def admits(task: Task, context: Context) -> bool:
    """Does a task have this kind of interrupt switched on now?"""
    if task.irqs_off or task.context not in BENEATH[context]:
        return False
    return context is Context.HARDIRQ or not task.bhs_off


class Arrival(Operation):
    """The interrupt comes now (1), or it does not (0).  `taken` is what comes."""

    __slots__ = ("loc", "taken")

    chooses = True
    arrives = True
    buffering = IGNORES
    orders = RELAXED
    kind = "interrupt"
    loc: Line

    def __init__(self, loc: Line) -> None:
        self.loc = loc
        self.taken: Line | None = None

    def options(self) -> int:
        return 2 if self.loc.value else 1

    def ready(self, value: int) -> bool:
        """Could it come while the line's value is `value`?"""
        return value > 0

    def announce(self, choice: int) -> list[int]:
        return [self.loc.writing] if choice else []

    def run(self, task: Task, touched: list[int]) -> bool | None:
        line = self.loc
        if not (line.world.choice and line.value):
            return False
        touched.append(line.writing)
        line.value -= 1
        self.taken = line
        return None

    def describe(self) -> str:
        return f"<Interrupt {self.loc.name}>"


# an explorer keeps it although its own footprint never varies: it asks what the line held
Arrival.varies = True


class Return(Operation):
    """The end of a handler: back to what it interrupted."""

    __slots__ = ("line",)

    buffering = IGNORES
    orders = RELAXED
    kind = "interrupt_return"

    def __init__(self, line: Line) -> None:
        self.line = line

    def run(self, task: Task, touched: list[int]) -> None:
        return None

    def describe(self) -> str:
        return "</Interrupt>"


class Source(Protocol):
    """Something that can interrupt a task: a line."""

    def offer(self, task: Task) -> Operation | None: ...
    def offered_to(self, context: Context) -> bool: ...


class Suspended(Operation):
    """The task beneath a handler that is a task of its own waits until that is done."""

    __slots__ = ("after", "comm")

    blocking = True
    buffering = IGNORES
    kind = "interrupted"

    def __init__(self, handler: Task) -> None:
        self.after = (handler.done,)  # type: ignore[misc]  # a slot where there are some
        self.comm = handler.comm

    def run(self, task: Task, touched: list[int]) -> None:
        touched.append(~self.after[0].number)

    def describe(self) -> str:
        over = self.after[0].value
        return f"</Interrupt {self.comm}>" if over else f"interrupted by {self.comm}"
