"""Interrupt lines: handlers that run on top of a task wherever its interrupts are on.

    line = interrupt(world, eth0_handler, "eth0", on=(reader,))

The line's interrupt comes once: call this again for another one.  It need not come at all, unless
it may come on an idle CPU as well (`idle=True`): there is always one, and then it comes surely.
A hard interrupt can come on top of a soft one, not the other way; neither on its own kind.  A hard
interrupt handler runs with interrupts off, a soft one with bottom halves off and interrupts on.

Source: kernel/irq/manage.c, request_irq(); kernel/softirq.c.
Left out: which CPU a task runs on; an interrupt that comes while its handler runs on another CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockwright.core.buffering import IGNORES
from lockwright.core.errors import ModelError, UsageError
from lockwright.core.interrupt import handling, interruptible
from lockwright.core.line import BENEATH, KINDS, Handler, Line
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from lockwright.core.raised import Lines
from lockwright.core.task import Context, Task

if TYPE_CHECKING:
    from lockwright.core.world import World

__all__ = ["Line", "handling", "interrupt"]

IDLE_PID = 0


def interrupt(
    world: World,
    handler: Handler,
    name: str,
    *,
    on: Sequence[Task] | None = None,
    context: Context = Context.HARDIRQ,
    idle: bool = False,
    threaded: bool = True,
) -> Line:
    """An interrupt that comes once, and runs `handler()`: on top of any one of the tasks `on`, or
    of any task that there is or will be (None), and with `idle` perhaps on an idle CPU.

    `threaded=False` is IRQF_NO_THREAD: the handler may wait for a raw spinlock only.
    Part of a scenario's set-up: raises ModelError while a task runs, UsageError for a line that
    nothing can come of.
    """
    _check(world, handler, name, on, context)
    if on is not None and not on and not idle:
        raise UsageError(f"interrupt {name!r}: it needs a task that it can come on, or an idle CPU")
    lines = world.lines = world.lines or Lines()
    line = Line(world, name, handler, context, threaded=threaded)
    if on is None:
        lines.offer_everywhere(world, line)
    else:
        for task in on:
            interruptible(task).add(line)
    if idle:
        lines.alone = True
        cpu = sum(task.pid == IDLE_PID for task in world.tasks)
        world.spawn(_on_idle_cpu(line), f"swapper/{cpu}", context=context, pid=IDLE_PID)
        lines.alone = False
    return line


def _check(
    world: World, handler: Handler, name: str, on: Sequence[Task] | None, context: Context
) -> None:
    if isinstance(world.creator, Task) or world.steps:
        raise ModelError(f"interrupt {name!r}: lines belong to the set-up, before the first step")
    if context not in KINDS:
        raise UsageError(
            f"interrupt {name!r}: its context is HARDIRQ or SOFTIRQ, not {context.name}"
        )
    if not name or not callable(handler):
        raise UsageError(f"interrupt {name!r}: expected an async function to call, and a name")
    for task in on or ():
        if task.context not in BENEATH[context]:
            raise UsageError(
                f"interrupt {name!r}: a {context.value} handler cannot run on top of {task.comm}, "
                f"whose context is {task.context.value}"
            )


class _IdleArrival(Operation):
    """The interrupt comes while a CPU is idle, unless it came elsewhere: False then."""

    __slots__ = ("loc",)

    conditional = True
    buffering = IGNORES
    orders = RELAXED
    kind = "idle_interrupt"
    loc: Line

    def __init__(self, loc: Line) -> None:
        self.loc = loc

    def writes_at(self, value: int) -> bool:
        return value > 0

    def run(self, task: Task, touched: list[int]) -> bool | None:
        line = self.loc
        if not line.value:
            touched.append(line.reading)
            if task.driver is not None:
                task.driver.sources.clear()
            return False
        touched.append(line.writing)
        line.value -= 1
        return None

    def describe(self) -> str:
        return f"<Interrupt {self.loc.name}>"


async def _on_idle_cpu(line: Line) -> None:
    if await _IdleArrival(line) is None:
        await line.handler()
