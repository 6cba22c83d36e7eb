"""The bridge between the machine's lock events and the lock validator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lockwright.check.rule import Rule
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.lockuse import LockUse
from lockwright.core.race import RaceReport
from lockwright.core.task import Context, Task
from lockwright.core.world import World
from lockwright.lockdep import Report, TaskLocks, Validator
from lockwright.report.race import format_race
from lockwright.report.splat import format_report


class LockOrder(Rule):
    """Lock order, recursion, and locks that a task ends with: what lockdep sees.

    The validator learns over all executions of an exploration and reports each cycle once.
    """

    name = "lock-order"

    def __init__(self, release: str) -> None:
        self.ident = f"{release} #1 Not tainted"
        self.validator = Validator()
        self.world: World
        self.tasks: list[TaskLocks] = []

    def begin(self, world: World) -> None:
        self.world = world
        self.tasks = []
        self.validator.new_execution()
        world.on_acquire += (self._acquired,)
        world.on_release += (self._released,)
        world.on_task_end += (self._ended,)

    def finish(self, world: World) -> None:
        """A task that waits for ever has told nobody of its acquire yet; the kernel hears of an
        acquire before the wait."""
        for task in world.blocked():
            attempt = getattr(task.pending, "attempt", None)
            if attempt is not None:
                self._acquired(task, attempt(task))

    def graph(self) -> list[dict[str, Any]]:
        """The lock graph's edges, oldest first, as JSON."""
        return [
            {
                "held": edge.held.name,
                "new": edge.new.name,
                "types": list(edge.types),
                "stack": [str(frame) for frame in edge.stack],
            }
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
            if other.context is Context.SOFTIRQ:
                locks.softirq_context = 1
                locks.softirqs_enabled = False
            elif other.context is Context.HARDIRQ:
                locks.hardirq_context = 1
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

    def _ended(self, task: Task) -> None:
        report = self.validator.task_exit(self._locks_of(task), lambda: ())
        if report is not None:
            self._report(task, report)

    def _report(self, task: Task, report: Report) -> None:
        cycle = tuple(getattr(report, "cycle", ()))
        self.world.report(
            Finding(
                report.kind,
                _message(report),
                " -> ".join(cycle) or f"{task.comm}: {_message(report)}",
                task.index,
                task.comm,
                task.call_chain() if not task.ended else (),
                classes=cycle,
                report=report,
                fatal=False,
            )
        )


def _stack(task: Task, function: str) -> Callable[[], tuple[Frame, ...]]:
    return lambda: (Frame(function, 0, 1), *task.call_chain())


def _message(report: Report) -> str:
    cycle = getattr(report, "cycle", None)
    if cycle:
        return " -> ".join((*cycle, cycle[0]))
    held = ", ".join(lock.lock.name for lock in report.held)
    return f"{report.who.comm} holds {held}" if held else f"{report.who.comm} holds no lock"
