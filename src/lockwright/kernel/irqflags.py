"""Interrupts and bottom halves, switched off and on for one task.

Source: include/linux/irqflags.h, kernel/softirq.c.  `task.irqs_off` and `task.bhs_off` count the
reasons; each is also a reason not to sleep.  `World.on_irq` is told when the first reason comes and
when the last one goes.  What an interrupt handler has off from the beginning, it cannot switch on
for the validator: a hardirq handler all interrupts, a softirq handler soft interrupts.
Left out: CPUs: what a task switches off cannot interrupt this task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lockwright.core.buffering import IGNORES
from lockwright.core.irqs import HARDIRQS_OFF, HARDIRQS_ON, SOFTIRQS_OFF, SOFTIRQS_ON
from lockwright.core.operation import Operation
from lockwright.core.task import Context

if TYPE_CHECKING:
    from lockwright.core.task import Task

ASSERTION = "lockdep assertion failed"


def _tell(task: Task, event: int, unless: Context) -> None:
    if task.context is not unless:
        for listener in task.world.on_irq:
            listener(task, event)


def irqs_save(task: Task) -> None:
    """Switch interrupts off, once more."""
    task.irqs_off += 1
    task.atomic += 1
    if task.irqs_off == 1 and task.world.on_irq:
        _tell(task, HARDIRQS_OFF, Context.HARDIRQ)


def irqs_restore(task: Task) -> None:
    """Back to what irqs_save() found."""
    if task.irqs_off:
        task.irqs_off -= 1
        task.atomic -= 1
        if not task.irqs_off and task.world.on_irq:
            _tell(task, HARDIRQS_ON, Context.HARDIRQ)


def irqs_enable(task: Task) -> None:
    """Switch interrupts on, whoever had switched them off: that is what local_irq_enable() does."""
    if task.irqs_off:
        task.atomic -= task.irqs_off
        task.irqs_off = 0
        if task.world.on_irq:
            _tell(task, HARDIRQS_ON, Context.HARDIRQ)


def bhs_disable(task: Task) -> None:
    """Switch bottom halves off; nests."""
    task.bhs_off += 1
    task.atomic += 1
    if task.bhs_off == 1 and task.world.on_irq:
        _tell(task, SOFTIRQS_OFF, Context.SOFTIRQ)


def bhs_enable(task: Task) -> None:
    """End of what bhs_disable() began.

    C: kernel/softirq.c, __local_bh_enable_ip(), which may run what is pending, and so wants
    interrupts on.
    """
    if task.bhs_off:
        if task.irqs_off and task.context is not Context.HARDIRQ:
            task.world.warn(
                task,
                ASSERTION,
                f"lockdep_assert_irqs_enabled(): {task.comm} enables bottom halves "
                "with interrupts off",
            )
        task.bhs_off -= 1
        task.atomic -= 1
        if not task.bhs_off and task.world.on_irq:
            _tell(task, SOFTIRQS_ON, Context.SOFTIRQ)


Switch = Callable[["Task"], None]

CALLS: dict[str, Switch] = {
    "local_irq_save": irqs_save,
    "local_irq_restore": irqs_restore,
    "local_irq_disable": irqs_save,
    "local_irq_enable": irqs_enable,
    "local_bh_disable": bhs_disable,
    "local_bh_enable": bhs_enable,
}

OFF: dict[str, Switch | None] = {
    "": None,
    "_irqsave": irqs_save,
    "_irq": irqs_save,
    "_bh": bhs_disable,
}
"""What a lock that spins switches off before it is taken, by the form of the call."""
ON: dict[str, Switch | None] = {
    "": None,
    "_irqrestore": irqs_restore,
    "_irqsave": irqs_restore,
    "_irq": irqs_enable,
    "_bh": bhs_enable,
}
"""What its unlock, or a trylock that failed, switches on again."""
EVENTS: dict[Switch, int] = {irqs_save: HARDIRQS_OFF, bhs_disable: SOFTIRQS_OFF}
"""What `World.on_irq` is told of what is switched off."""


class _Switch(Operation):
    __slots__ = ("kind",)

    buffering = IGNORES

    def __init__(self, kind: str) -> None:
        self.kind = kind  # type: ignore[misc]  # each call has its own name

    def run(self, task: Task, touched: list[int]) -> None:
        CALLS[self.kind](task)

    def describe(self) -> str:
        return f"{self.kind}()"


def local_irq_save() -> Operation:
    """Interrupts off until local_irq_restore(); nests."""
    return _Switch("local_irq_save")


def local_irq_restore() -> Operation:
    """End of a local_irq_save() section."""
    return _Switch("local_irq_restore")


def local_irq_disable() -> Operation:
    """Interrupts off until the next local_irq_enable()."""
    return _Switch("local_irq_disable")


def local_irq_enable() -> Operation:
    """Interrupts on, even if an outer section wants them off."""
    return _Switch("local_irq_enable")


def local_bh_disable() -> Operation:
    """Bottom halves off until local_bh_enable(); nests."""
    return _Switch("local_bh_disable")


def local_bh_enable() -> Operation:
    """End of a local_bh_disable() section."""
    return _Switch("local_bh_enable")
