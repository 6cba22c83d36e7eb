"""Interrupts: handlers that run on top of a task, wherever that has them switched on.

    machine  ->  Driver  ->  the task's coroutine, or that of a handler on top of it

A `Driver` stands between the machine and a task's code.  Before each operation of the code, and
once more before its end, it offers the machine an `Arrival` for each line that could interrupt
there: an operation with two outcomes, not now (0) and now (1), so that the schedule says where an
interrupt comes, and whatever explores schedules explores that too.  If it comes, the driver runs
the handler in the same task (the same index, comm and pid, as the kernel runs it on `current`),
then a `Return`, and only then the operation that was put off.  So what the handler waits for, the
task beneath waits for.

An interrupt that comes while a task waits finds the task as one that comes just before it begins
to wait: nothing that the task does lies between.  That is why there are no arrivals inside a wait.

What an Arrival touches.  Not now touches nothing, for it is possible whatever others do.  Now
writes the line, because the interrupt comes once, and is there only while the line has not come.
So a task that was told "not now" because the interrupt had come elsewhere could have been told
"now" before that: where that elsewhere is no choice of a task's own, but an idle CPU that surely
takes the interrupt, an explorer has to see to it itself (`Operation.arrives`, `explore/clocks.py`).

Source: kernel/softirq.c (irq_enter_rcu(), irq_exit_rcu(), handle_softirqs()), kernel/irq/handle.c;
for interrupts as choices before each operation: Regehr, "Random testing of interrupt-driven
software" (EMSOFT 2005).
"""

from __future__ import annotations

from collections.abc import Callable
from types import CoroutineType
from typing import TYPE_CHECKING, NamedTuple

from lockwright.core.errors import ModelError
from lockwright.core.irqs import (
    HARDIRQ_ENTER,
    HARDIRQ_EXIT,
    HARDIRQS_OFF,
    HARDIRQS_ON,
    SOFTIRQ_ENTER,
    SOFTIRQ_EXIT,
)
from lockwright.core.line import BENEATH, KINDS, Handler, Line, Return, Source, Suspended
from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.task import Context, Task

if TYPE_CHECKING:
    from lockwright.core.world import World

__all__ = [
    "BENEATH",
    "KINDS",
    "Driver",
    "Handler",
    "Level",
    "Line",
    "handling",
    "interruptible",
    "tell",
]

CHANGED = "interrupt handler leaves its context changed"

RESUME, OFFERED, RETURNED, AGAIN = range(4)
"""What the machine has just run for a driver: an operation of the code, an offer, the return from a
handler, or something after which the point beneath is looked at again."""


class Level(NamedTuple):
    """What a handler interrupted: code, the operation that was put off, and the task's state."""

    line: Line
    coro: Value
    resume: Callable[[Value], Value]
    held: Operation | None
    over: bool
    value: Value
    context: Context
    atomic: int
    irqs_off: int
    bhs_off: int


class Driver:
    """Runs one task's code, and handlers on top of it.

    `held` is the operation that the code announced, put off while others are offered; `over` says
    that the code has ended, with `value`.  `sources` can interrupt here; those before `at` were
    offered at this point.  `idle` tells that the
    first operation is no code yet, and that there is nothing to interrupt before it.
    Invariant: `levels` has what is beneath the code that runs, innermost last; `task.coro` is that
    code's coroutine and `resume` its `send`.
    """

    __slots__ = (
        "at",
        "held",
        "idle",
        "levels",
        "offered",
        "over",
        "resume",
        "sources",
        "state",
        "task",
        "value",
    )

    def __init__(self, task: Task) -> None:
        self.task = task
        self.resume: Callable[[Value], Value] = task.coro.send
        self.sources: list[Source] = []
        self.at = 0
        self.held: Operation | None = task.pending
        self.idle = False
        self.over = False
        self.value: Value = None
        self.offered: Value = None
        self.levels: list[Level] = []
        self.state = RESUME

    @property
    def line(self) -> Line | None:
        """Whose handler runs, if one does."""
        return self.levels[-1].line if self.levels else None

    def put_off(self) -> list[Operation | None]:
        """What code waits in that is not what the task announces."""
        return [self.held, *(level.held for level in self.levels)]

    def add(self, source: Source) -> None:
        """One more thing that can interrupt the task, which is at its first operation."""
        task = self.task
        self.sources.append(source)
        if task.pending is None or self.idle:
            return
        self.at = 0
        self.state = RESUME
        first = self._next()
        memory = task.world.memory
        task.pending = first if memory is None else memory.announced(task, first)

    def send(self, result: Value) -> Operation:
        """What the machine does to let the task go on: gives the operation to do next.

        Raises StopIteration when the task is over, as a coroutine does.
        """
        state, self.state = self.state, RESUME
        if state == RESUME:
            return self._resumed(result)
        if state == OFFERED:
            taken, self.offered = self.offered.taken, None
            if taken is None:
                return self._next()
            if isinstance(taken, Line):
                return self._enter(taken)
            self.state = AGAIN
            return Suspended(taken)
        if state == RETURNED:
            self._leave()
        self.at = 0
        return self._next()

    def announce(self, operation: Operation | None) -> Operation:
        """The code wants to do this: first comes what can interrupt it there."""
        self.held = operation
        self.at = 0
        return self._next()

    def _resumed(self, result: Value) -> Operation:
        """Run the code up to its next operation, or to its end."""
        try:
            operation = self.resume(result)
        except StopIteration as stop:
            if not self.levels:
                self.over, self.value = True, stop.value
            operation = None if self.over else Return(self.levels[-1].line)
        if operation is not None and (self.idle or not isinstance(operation, Operation)):
            self.idle = False
            return operation  # type: ignore[no-any-return]  # what is none the machine will refuse
        return self.announce(operation)

    def _next(self) -> Operation:
        """The next offer at this point, or what was put off for it."""
        task, sources = self.task, self.sources
        if not task.irqs_off:
            while self.at < len(sources):
                self.at += 1
                offered = sources[self.at - 1].offer(task)
                if offered is not None:
                    self.offered = offered
                    self.state = OFFERED
                    return offered
        held, self.held = self.held, None
        if held is None:
            raise StopIteration(self.value)
        if type(held) is Return:
            self.state = RETURNED
        # while it is announced it can still be put off (`add`), and is needed only for that
        if task.pending is None:
            self.held = held
        return held

    def _enter(self, line: Line) -> Operation:
        """Begin a handler on top of what the task does."""
        task, world = self.task, self.task.world
        self.sources.remove(line)
        level = Level(
            line,
            task.coro,
            self.resume,
            self.held,
            self.over,
            self.value,
            task.context,
            task.atomic,
            task.irqs_off,
            task.bhs_off,
        )
        coro = line.handler()
        if not isinstance(coro, CoroutineType):
            raise ModelError(
                f"the handler of {line.name!r} gave a {type(coro).__name__}; "
                "expected an async function without arguments"
            )
        self.levels.append(level)
        task.beneath = (task.coro, *task.beneath)
        task.coro, self.resume = coro, coro.send
        self.held, self.over, self.value = None, False, None
        task.context = line.context
        task.atomic += 2
        if line.context is Context.HARDIRQ:
            task.irqs_off += 1
            tell(world, task, HARDIRQ_ENTER)
        else:
            task.bhs_off += 1
            tell(world, task, SOFTIRQ_ENTER)
            # handle_softirqs() has interrupts on while the handlers run
            tell(world, task, HARDIRQS_ON)
        return self._resumed(None)

    def _leave(self) -> None:
        """Back to what the innermost handler interrupted."""
        task, world = self.task, self.task.world
        level = self.levels.pop()
        line = level.line
        hard = line.context is Context.HARDIRQ
        self._unchanged(level, hard=hard)
        if not hard and not task.irqs_off:
            tell(world, task, HARDIRQS_OFF)
        task.coro, self.resume = level.coro, level.resume
        task.beneath = task.beneath[1:]
        self.held, self.over, self.value = level.held, level.over, level.value
        task.context, task.atomic = level.context, level.atomic
        task.irqs_off, task.bhs_off = level.irqs_off, level.bhs_off
        tell(world, task, HARDIRQ_EXIT if hard else SOFTIRQ_EXIT)

    def _unchanged(self, level: Level, *, hard: bool) -> None:
        """Report a handler that has not put back what it changed; the kernel goes on with what was
        there before.  C: kernel/irq/handle.c, kernel/softirq.c, handle_softirqs()."""
        task = self.task
        said = []
        irqs = task.irqs_off - level.irqs_off - hard
        bhs = task.bhs_off - level.bhs_off - (not hard)
        if irqs:
            said.append(f"interrupts {'off' if irqs > 0 else 'on'}")
        if bhs:
            said.append(f"bottom halves {'off' if bhs > 0 else 'on'}")
        if depth := task.atomic - level.atomic - 2 - irqs - bhs:
            said.append(f"its atomic depth changed by {depth}")
        if said:
            name = level.line.name
            message = f"the handler of {name} returns with {' and '.join(said)}"
            task.world.warn(task, CHANGED, message, signature=message)


def tell(world: World, task: Task, event: int) -> None:
    """Tell the listeners of a context that begins or ends."""
    for listener in world.on_irq:
        listener(task, event)


def interruptible(task: Task) -> Driver:
    """The driver of a task that has not begun; it gets one if it has none."""
    driver: Driver | None = task.driver
    if driver is None:
        driver = task.driver = Driver(task)
        task.send = driver.send
    return driver


def handling(task: Task) -> Line | None:
    """The line whose handler runs on top of a task now, the innermost; None if none does."""
    driver: Driver | None = task.driver
    return None if driver is None else driver.line
