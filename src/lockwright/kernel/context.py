"""Contexts: who may sleep, and the counts that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.buffering import IGNORES
from lockwright.core.operation import Operation
from lockwright.core.task import Context
from lockwright.kernel.rcuusage import rcu_sleep_check

if TYPE_CHECKING:
    from lockwright.core.task import Task

SLEEPLESS = (Context.SOFTIRQ, Context.HARDIRQ)
SLEEPING = "sleeping in atomic context"
SCHEDULING = "scheduling while atomic"

PREEMPTION_OFF = "preemption off"
"""Of `Task.local`: where preemption was disabled, if that was by preempt_disable()."""
NON_BLOCK = "non_block"
"""Of `Task.local`: how many non_block_start() are open."""


def where_of(task: Task) -> str:
    """What kind of atomic context it is."""
    return f"in {task.context.value} context" if task.context in SLEEPLESS else "in atomic context"


def _by(task: Task) -> str:
    """The model function that is at fault: two of them are two findings."""
    chain = task.call_chain()
    return f" in {chain[0].function}" if chain else ""


def might_sleep(task: Task, what: str) -> None:
    """Report a sleep in atomic context.  C: kernel/sched/core.c, __might_sleep().

    Callers check `task.atomic` first, so that the usual case costs one test.
    """
    rcu_sleep_check(task)
    where = where_of(task)
    task.world.warn(
        task,
        SLEEPING,
        f"sleeping function {what}() called {where} (atomic depth {task.atomic})",
        signature=f"{what} {where}{_by(task)}",
        about=what,
    )


def scheduling(task: Task, what: str) -> None:
    """Report that a task gives the CPU away in atomic context.

    C: kernel/sched/core.c, __schedule_bug().  Callers check `task.atomic` first.
    """
    where = where_of(task)
    task.world.warn(
        task,
        SCHEDULING,
        f"{what}() gives the CPU away {where} (atomic depth {task.atomic})",
        signature=f"{what} {where}{_by(task)}",
        about=what,
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
        if task.world.on_warn and self.by > 0 and not task.atomic:
            task.local[PREEMPTION_OFF] = task.call_site()
        task.atomic += self.by

    def describe(self) -> str:
        return f"{self.kind}()"


class _NonBlock(Operation):
    __slots__ = ("by",)

    buffering = IGNORES

    def __init__(self, by: int) -> None:
        self.by = by

    @property
    def kind(self) -> str:  # type: ignore[override]  # one class serves both calls
        return "non_block_start" if self.by > 0 else "non_block_end"

    def run(self, task: Task, touched: list[int]) -> None:
        depth = task.local.get(NON_BLOCK, 0) + self.by
        if depth < 0:
            task.world.warn(
                task, "unbalanced non_block_end", "non_block_end() without non_block_start()"
            )
            return
        task.local[NON_BLOCK] = depth
        task.atomic += self.by

    def describe(self) -> str:
        return f"{self.kind}()"


class _Relax(Operation):
    __slots__ = ("kind",)

    buffering = IGNORES

    def __init__(self, kind: str) -> None:
        self.kind = kind  # type: ignore[misc]  # each call has its own name

    def run(self, task: Task, touched: list[int]) -> None:
        if not task.atomic:
            return
        if self.kind == "cond_resched":
            might_sleep(task, self.kind)
        elif self.kind != "cpu_relax":
            scheduling(task, self.kind)

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


def schedule() -> Operation:
    """Gives the CPU away; whoever has not queued itself anywhere goes on at once.

    C: kernel/sched/core.c, schedule().  Unlike what may sleep, it complains only as it does.
    """
    return _Relax("schedule")


def preempt_disable() -> Operation:
    """No sleeping until preempt_enable(); nests."""
    return _Preempt(1)


def preempt_enable() -> Operation:
    """End of a preempt_disable() section."""
    return _Preempt(-1)


def non_block_start() -> Operation:
    """What may sleep is a bug until non_block_end(), though preemption is on; nests.

    Source: include/linux/kernel.h, 5.4 and later.
    """
    return _NonBlock(1)


def non_block_end() -> Operation:
    """End of a non_block_start() section."""
    return _NonBlock(-1)
