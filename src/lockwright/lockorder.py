"""The bridge between the machine's lock events and the lock validator."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from lockwright.check.rule import Rule
from lockwright.core import irqs
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.interrupt import handling
from lockwright.core.location import Value
from lockwright.core.locknote import (
    CONTENDED,
    DOWNGRADED,
    HEARD,
    NONE_HELD,
    PINNED,
    RECLASSED,
    SILENCED,
    UNPINNED,
    USER_RETURN,
    LockNote,
)
from lockwright.core.lockuse import LockUse
from lockwright.core.race import RaceReport
from lockwright.core.task import SYSCALLS, Context, Task
from lockwright.core.world import World
from lockwright.kernel.irqflags import ASSERTION
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.work import has_worked, leaked
from lockwright.lockdep import Report, TaskLocks, Validator
from lockwright.lockdep.held import Stack
from lockwright.lockdep.reports import (
    AnnotationReport,
    InconsistentReport,
    IrqInversionReport,
    IrqOrderReport,
    NestLockReport,
    WaitContextReport,
)
from lockwright.machinereport import report_of
from lockwright.report.kernel import format_report
from lockwright.report.race import format_race

RAW_NESTING_SINCE = (6, 12)
"""From this release on, PREEMPT_RT is in the kernel, and raw nesting is proved."""


class LockOrder(Rule):
    """Lock order, recursion, interrupts, contexts, and locks that a task ends with: what lockdep
    sees.

    The validator learns over all executions of an exploration and reports each cycle once.
    `given` counts the validator's reports that have become findings; `cookies` has for each pin of
    a task, by its own cookie, the validator's.
    """

    name = "lock-order"

    def __init__(self, release: str) -> None:
        self.ident = f"{release} #1 Not tainted"
        self.validator = Validator(raw_nesting=proves_raw_nesting(release))
        self.told_of = _told_of(self.validator)
        self.world: World
        self.tasks: list[TaskLocks] = []
        self.given = 0
        self.cookies: dict[tuple[int, int], int] = {}

    def begin(self, world: World) -> None:
        self.world = world
        self.tasks = []
        self.cookies = {}
        self.validator.new_execution()
        self.validator.annotations.ask = self._name_of
        world.on_acquire += (self._acquired,)
        world.on_release += (self._released,)
        world.on_irq += (self._irq,)
        world.on_note += (self._noted,)
        world.on_free += (self._freed,)
        world.on_warn += (self._warned,)
        world.on_task_end += (self._ended,)

    def finish(self, world: World) -> None:
        """A task that waits for ever has told nobody of its acquire yet; the kernel hears of an
        acquire before the wait, and of what is switched off for it before that."""
        for task in world.blocked():
            attempt = getattr(task.pending, "attempt", None)
            if attempt is None:
                continue
            switched = getattr(task.pending, "switched", None)
            event = None if switched is None else switched()
            if event is not None:
                self._irq(task, event)
            self._acquired(task, attempt(task))

    def graph(self) -> list[dict[str, Any]]:
        """The lock graph's edges, oldest first, as JSON."""
        return [
            {
                "held": edge.held.name,
                "new": edge.new.name,
                "types": list(edge.types),
                "stack": [str(frame) for frame in edge.stack],
                "classes": [
                    {"usage": lock.usage, "wait": [lock.wait_outer, lock.wait_inner]}
                    for lock in (edge.held, edge.new)
                ],
            }
            for edge in self.validator.edges()
        ]

    def edges(self) -> list[str]:
        """The same edges in one line each, without where they were seen: `A -> B (-..-)`."""
        return [
            f"{edge.held.name} -> {edge.new.name} ({', '.join(edge.types)})"
            for edge in self.validator.edges()
        ]

    def text(self, finding: Finding) -> str:
        """The finding as the kernel would print it."""
        if isinstance(finding.report, RaceReport):
            return format_race(finding.report, ident=self.ident)
        return "" if finding.report is None else self.report_text(finding.report)

    def report_text(self, report: Report) -> str:
        """A report of the validator as the kernel would print it."""
        return format_report(report, ident=self.ident)

    def _locks_of(self, task: Task) -> TaskLocks:
        tasks = self.tasks
        while len(tasks) <= task.index:
            other = self.world.tasks[len(tasks)]
            locks = self.validator.task(other.comm, other.pid)
            context = _own_context(other)
            if context is Context.SOFTIRQ:
                locks.softirq_context = 1
                locks.softirqs_enabled = False
            elif context is Context.HARDIRQ:
                locks.hardirq_context = 1
                locks.hardirq_threaded = True
                locks.hardirqs_enabled = False
            tasks.append(locks)
        return tasks[task.index]

    def _acquired(self, task: Task, use: LockUse) -> None:
        report = self.validator.acquire(
            self._locks_of(task), use, _stack(task, use.function), at=task.call_site()
        )
        if report is not None:
            self._report(task, report)

    def _released(self, task: Task, address: int) -> None:
        report = self.validator.release(self._locks_of(task), address, _stack(task, "unlock"))
        if report is not None:
            self._report(task, report)

    def _name_of(self, address: int) -> str:
        """The name of a lock that somebody does something to, but nobody ever took."""
        for task in self.world.tasks:
            lock = getattr(task.pending, "loc", None)
            if isinstance(lock, Lock) and lock.address == address:
                return lock.cls.name
        return ""

    def _irq(self, task: Task, event: int) -> None:
        locks = self._locks_of(task)
        kind = task.pending.kind if task.pending is not None else irqs.IRQ_EVENTS[event]
        stack = _stack(task, kind)
        at = task.call_site() if kind.startswith("local_") else _primitive(kind)
        if event == irqs.HARDIRQ_ENTER:
            line = handling(task)
            threaded = line is None or line.threaded
            self.validator.hardirq_enter(locks, threaded=threaded, stack=stack, at=at)
            return
        self._report(task, self.told_of[event](locks, stack, at))

    def _noted(self, task: Task, note: LockNote) -> None:
        locks, validator, instance = self._locks_of(task), self.validator, note.instance
        stack = _stack(task, note.function)
        what = note.what
        if what == DOWNGRADED:
            self._report(task, validator.downgrade(locks, instance, stack))
        elif what == RECLASSED and note.key is not None:
            report = validator.set_class(locks, instance, note.key, note.subclass, stack)
            self._report(task, report)
        elif what == CONTENDED:
            self._report(task, validator.contended(locks, instance, stack))
        elif what == USER_RETURN:
            self._report(task, validator.user_return(locks, stack))
        elif what == SILENCED:
            validator.off(locks)
        elif what == HEARD:
            validator.on(locks)
        elif what == PINNED:
            self._pin(task, note)
        elif what == UNPINNED:
            cookie = self.cookies.pop((task.index, note.cookie), note.cookie)
            self._report(task, validator.unpin(locks, instance, cookie, stack))
        elif what == NONE_HELD and locks.held:
            names = ", ".join(lock.lock.name for lock in validator.held_locks(locks))
            self.world.warn(task, ASSERTION, f"{note.function}(): {task.comm} holds {names}")

    def _pin(self, task: Task, note: LockNote) -> None:
        stack = _stack(task, note.function)
        cookie = self.validator.pin(self._locks_of(task), note.instance, stack)
        self.cookies[task.index, note.cookie] = cookie
        self._report_new(task)

    def _freed(self, task: Task, low: int, high: int, instances: tuple[int, ...]) -> None:
        stack = _stack(task, task.pending.kind if task.pending is not None else "kfree")
        locks = self._locks_of(task)
        self._report(task, self.validator.freed(locks, instances, stack, low, high))

    def _warned(self, task: Task, finding: Finding, about: Value) -> None:
        locks = self._locks_of(task)
        finding.report = report_of(self.validator, locks, task, finding, about)

    def _ended(self, task: Task) -> None:
        locks = self._locks_of(task)
        if has_worked(task):
            # a worker does not end with its work: what it has not released was leaked
            if locks.held:
                leaked(task)
        elif locks.held and getattr(task.coro, "__name__", "").startswith(SYSCALLS):
            self._report(task, self.validator.user_return(locks, _no_stack))
        else:
            self._report(task, self.validator.task_exit(locks, _no_stack))

    def _report(self, task: Task, report: Report | None) -> None:
        """The validator has given a report, and perhaps others after it; or None, and no other."""
        if report is not None:
            self._report_new(task)

    def _report_new(self, task: Task) -> None:
        reports = self.validator.reports
        while self.given < len(reports):
            self.given += 1
            self._add(task, reports[self.given - 1])

    def _add(self, task: Task, report: Report) -> None:
        cycle = tuple(getattr(report, "cycle", ()))
        message = _message(report)
        self.world.report(
            Finding(
                report.kind,
                message,
                _signature(report) or f"{task.comm}: {message}",
                task.index,
                task.comm,
                task.call_chain() if not task.ended else (),
                classes=cycle,
                report=report,
                fatal=False,
            )
        )


def _told_of(validator: Validator) -> dict[int, Callable[..., Report | None]]:
    """What the validator is told of an event of World.on_irq, but for the one that needs more."""
    return {
        irqs.HARDIRQS_OFF: validator.hardirqs_off,
        irqs.HARDIRQS_ON: validator.hardirqs_on,
        irqs.SOFTIRQS_OFF: validator.softirqs_off,
        irqs.SOFTIRQS_ON: validator.softirqs_on,
        irqs.HARDIRQ_EXIT: validator.hardirq_exit,
        irqs.SOFTIRQ_ENTER: validator.softirq_enter,
        irqs.SOFTIRQ_EXIT: validator.softirq_exit,
    }


@cache
def _primitive(function: str) -> Frame:
    """A primitive of the kernel as a frame: it has no lines here."""
    return Frame(function, 0, 1)


def proves_raw_nesting(release: str) -> bool:
    """Does a kernel of this release prove that spinlocks nest as on PREEMPT_RT?

    What is no version is taken for a new one.
    """
    version = re.match(r"v?(\d+)\.(\d+)", release)
    if version is None:
        return True
    return (int(version[1]), int(version[2])) >= RAW_NESTING_SINCE


def _own_context(task: Task) -> Context:
    """The context of the task itself, whatever handler runs on top of it."""
    driver = task.driver
    context: Context = driver.levels[0].context if driver and driver.levels else task.context
    return context


def _stack(task: Task, function: str) -> Callable[[], Stack]:
    return lambda: (_primitive(function), *task.call_chain())


def _no_stack() -> Stack:
    return ()


def _signature(report: Report) -> str:
    """What tells two findings of a kind apart, if that is the classes; "" if it is not."""
    if isinstance(report, InconsistentReport):
        return f"{report.cycle[0]}: {report.old} -> {report.new}"
    cycle = " -> ".join(getattr(report, "cycle", ()))
    if isinstance(report, (IrqOrderReport, IrqInversionReport)):
        return f"{report.state}: {cycle}"
    return cycle


def _message(report: Report) -> str:
    if isinstance(report, InconsistentReport):
        return _signature(report)
    cycle = getattr(report, "cycle", None)
    if isinstance(report, (IrqOrderReport, IrqInversionReport)):
        way = " -> ".join(report.cycle)
        return f"{way}: the first is {report.state}-safe, the last is not"
    if cycle:
        return " -> ".join((*cycle, cycle[0]))
    comm = report.who.comm
    held = ", ".join(lock.lock.name for lock in report.held)
    if isinstance(report, WaitContextReport):
        where = f"holding {held}" if held else f"in context-{{{report.limit}:{report.limit}}}"
        return f"{comm} waits for {report.new.lock.name} {where}"
    if isinstance(report, NestLockReport):
        return (
            f"{comm} takes {report.new.lock.name} under {report.nest_name}, which it does not hold"
        )
    if isinstance(report, AnnotationReport):
        return f"{comm}: {report.message}"
    return f"{comm} holds {held}" if held else f"{comm} holds no lock"
