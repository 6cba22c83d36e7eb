"""Interrupts and bottom halves, switched off and on for one task.

Source: include/linux/irqflags.h, kernel/softirq.c.  `task.irqs_off` and `task.bhs_off` count the
reasons; each is also a reason not to sleep.
Left out: the interrupts themselves, and CPUs: a handler is a task of its own context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.buffering import IGNORES
from lockwright.core.operation import Operation

if TYPE_CHECKING:
    from lockwright.core.task import Task


def irqs_save(task: Task) -> None:
    """Switch interrupts off, once more."""
    task.irqs_off += 1
    task.atomic += 1


def irqs_restore(task: Task) -> None:
    """Back to what irqs_save() found."""
    if task.irqs_off:
        task.irqs_off -= 1
        task.atomic -= 1


def irqs_enable(task: Task) -> None:
    """Switch interrupts on, whoever had switched them off: that is what local_irq_enable() does."""
    task.atomic -= task.irqs_off
    task.irqs_off = 0


def bhs_disable(task: Task) -> None:
    """Switch bottom halves off; nests."""
    task.bhs_off += 1
    task.atomic += 1


def bhs_enable(task: Task) -> None:
    """End of what bhs_disable() began."""
    if task.bhs_off:
        task.bhs_off -= 1
        task.atomic -= 1


CALLS = {
    "local_irq_save": irqs_save,
    "local_irq_restore": irqs_restore,
    "local_irq_disable": irqs_save,
    "local_irq_enable": irqs_enable,
    "local_bh_disable": bhs_disable,
    "local_bh_enable": bhs_enable,
}


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
