"""Contexts: who may sleep, and the counts that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.buffering import IGNORES
from lockwright.core.operation import Operation
from lockwright.core.task import Context

if TYPE_CHECKING:
    from lockwright.core.task import Task

SLEEPLESS = (Context.SOFTIRQ, Context.HARDIRQ)


def might_sleep(task: Task, what: str) -> None:
    """Report a sleep in atomic context.  C: kernel/sched/core.c, __might_sleep().

    Callers check `task.atomic` first, so that the usual case costs one test.
    """
    world = task.world
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
    buffering = IGNORES

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

    buffering = IGNORES

    def __init__(self, by: int) -> None:
        self.by = by

    @property
    def kind(self) -> str:  # type: ignore[override]  # one class serves both calls
        return "preempt_disable" if self.by > 0 else "preempt_enable"

    def run(self, task: Task, touched: list[int]) -> None:
        task.atomic += self.by

    def describe(self) -> str:
        return f"{self.kind}()"


class _Relax(Operation):
    __slots__ = ("kind",)

    buffering = IGNORES

    def __init__(self, kind: str) -> None:
        self.kind = kind  # type: ignore[misc]  # each call has its own name

    def run(self, task: Task, touched: list[int]) -> None:
        if task.atomic and self.kind != "cpu_relax":
            might_sleep(task, self.kind)

    def describe(self) -> str:
        return f"{self.kind}()"


def cpu_relax() -> Operation:
    """`await cpu_relax()`: a round of a loop that polls.  Such a loop has endless executions;
    only the strategy that goes by states comes to an end with it."""
    return _Relax("cpu_relax")


def cond_resched() -> Operation:
    """Lets others run, and so may sleep.  C: kernel/sched/core.c, __cond_resched()."""
    return _Relax("cond_resched")


def yield_() -> Operation:
    """yield(): lets others run.  C: kernel/sched/syscalls.c, yield()."""
    return _Relax("yield")


def preempt_disable() -> Operation:
    """No sleeping until preempt_enable(); nests."""
    return _Preempt(1)


def preempt_enable() -> Operation:
    """End of a preempt_disable() section."""
    return _Preempt(-1)
