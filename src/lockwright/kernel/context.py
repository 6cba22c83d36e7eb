"""Contexts: who may sleep, and the counts that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.operation import Operation
from lockwright.core.task import Context

if TYPE_CHECKING:
    from lockwright.core.task import Task

SLEEPLESS = (Context.SOFTIRQ, Context.HARDIRQ)


def might_sleep(task: Task, what: str) -> None:
    """Report a sleep in atomic context.  C: kernel/sched/core.c, __might_sleep().

    Callers check `task.atomic` first, so that the usual case costs one test.
    """
    world = task.done.world
    where = f"in {task.context.value} context" if task.context in SLEEPLESS else "in atomic context"
    world.warn(
        task,
        "sleeping in atomic context",
        f"sleeping function {what}() called {where} (atomic depth {task.atomic})",
        signature=f"{what} {where}",
    )


class _MightSleep(Operation):
    __slots__ = ("what",)

    kind = "might_sleep"

    def __init__(self, what: str) -> None:
        self.what = what

    def run(self, task: Task, touched: list[int]) -> None:
        if task.atomic:
            might_sleep(task, self.what)

    def describe(self) -> str:
        return f"might_sleep() in {self.what}"


def sleepable(what: str) -> Operation:
    """`await sleepable("copy_to_user")`: a function that may sleep is called here."""
    return _MightSleep(what)


class _Preempt(Operation):
    __slots__ = ("by",)

    def __init__(self, by: int) -> None:
        self.by = by

    @property
    def kind(self) -> str:  # type: ignore[override]  # one class serves both calls
        return "preempt_disable" if self.by > 0 else "preempt_enable"

    def run(self, task: Task, touched: list[int]) -> None:
        task.atomic += self.by

    def describe(self) -> str:
        return f"{self.kind}()"


def preempt_disable() -> Operation:
    """No sleeping until preempt_enable(); nests."""
    return _Preempt(1)


def preempt_enable() -> Operation:
    """End of a preempt_disable() section."""
    return _Preempt(-1)
