"""What the kernel would print of a warning that is not the validator's.

The machine warns of what it sees itself (a sleep in atomic context, a misuse of RCU); what such a
report has beyond that, the locks held and where interrupts were switched, the validator knows.
"""

from __future__ import annotations

from collections.abc import Callable

from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.location import Value
from lockwright.core.lockuse import WAIT_CONFIG
from lockwright.core.task import Context, Task
from lockwright.kernel.context import NON_BLOCK, PREEMPTION_OFF, SLEEPLESS
from lockwright.kernel.irqflags import ASSERTION
from lockwright.kernel.lockassert import irqs_disabled
from lockwright.kernel.rcuusage import rcu_depth
from lockwright.lockdep import Report, TaskLocks, Validator
from lockwright.lockdep.facts import Who
from lockwright.lockdep.reports import AnnotationReport, ApiReport
from lockwright.lockdep.warnings import RcuReport, SchedulingReport, SleepReport, WorkLeakReport

SOFTIRQ_OFFSET = 0x100
HARDIRQ_OFFSET = 0x10000
"""What a handler, and half of what switched-off bottom halves, add to the preempt count."""

Frames = tuple[Frame, ...]


class _Warning:
    """One warning of the machine, and all that its report could want to know."""

    def __init__(
        self, validator: Validator, locks: TaskLocks, task: Task, finding: Finding
    ) -> None:
        self.validator = validator
        self.locks = locks
        self.task = task
        self.message = finding.message
        self.chain = finding.chain
        self.who = Who(locks.comm, locks.pid, locks.cpu)
        self.held = validator.held_locks(locks)

    def frames(self, *reporters: str) -> Frames:
        """The call chain with the functions that report below it, innermost first."""
        return (*(Frame(name, 0, 1) for name in reporters), *self.chain)

    def sleep(self, about: Value) -> Report:
        """C: kernel/sched/core.c, __might_resched()."""
        task = self.task
        irqs_off = irqs_disabled(task)
        count = preempt_count_of(task)
        return SleepReport(
            who=self.who,
            at=place_of(task),
            preempt_count=count,
            irqs_disabled=irqs_off,
            non_block=task.local.get(NON_BLOCK, 0),
            rcu_depth=rcu_depth(task),
            stamps=self.validator.stamps(self.locks) if irqs_off else None,
            preempt_off_at=self.preemption_off() if count else None,
            held=self.held,
            backtrace=self.frames("dump_stack_lvl", "__might_resched", str(about or "might_sleep")),
        )

    def schedule(self, about: Value) -> Report:
        """C: kernel/sched/core.c, __schedule_bug()."""
        what = str(about or "schedule")
        inner = ("schedule",) if what == "schedule" else ("schedule", what)
        return SchedulingReport(
            who=self.who,
            preempt_count=preempt_count_of(self.task),
            held=self.held,
            backtrace=self.frames("dump_stack_lvl", "__schedule_bug", "__schedule", *inner),
            preempt_off_at=self.preemption_off(),
        )

    def rcu(self, about: Value) -> Report:
        """C: kernel/locking/lockdep.c, lockdep_rcu_suspicious()."""
        return RcuReport(
            who=self.who,
            at=place_of(self.task),
            message=self.message,
            debug_locks=self.validator.debug_locks,
            held=self.held,
            backtrace=self.frames("dump_stack_lvl", "lockdep_rcu_suspicious"),
        )

    def work(self, about: Value) -> Report:
        """C: kernel/workqueue.c, process_one_work()."""
        return WorkLeakReport(
            who=self.who,
            function=str(about or ""),
            preempt_count=preempt_count_of(self.task),
            rcu_depth=rcu_depth(self.task),
            held=self.held,
            backtrace=self.frames("dump_stack_lvl", "process_one_work"),
        )

    def api(self, about: Value) -> Report:
        """C: DEBUG_LOCKS_WARN_ON()."""
        condition = self.message.removeprefix("DEBUG_LOCKS_WARN_ON(").removesuffix(")")
        return ApiReport(who=self.who, condition=condition, held=self.held, backtrace=self.frames())

    def assertion(self, about: Value) -> Report:
        """C: lockdep_assert(), a plain WARN_ON()."""
        return AnnotationReport(
            who=self.who, message=self.message, held=self.held, backtrace=self.frames()
        )

    def preemption_off(self) -> Frame | None:
        """Where preemption was disabled first: by a lock that is held, or by preempt_disable()."""
        place: Frame | None = self.task.local.get(PREEMPTION_OFF)
        for lock in self.held:
            if 0 < lock.lock.wait_inner <= WAIT_CONFIG and "rcu" not in lock.lock.name:
                return lock.at
        return place


_REPORTS: dict[str, Callable[[_Warning, Value], Report]] = {
    SleepReport.kind: _Warning.sleep,
    SchedulingReport.kind: _Warning.schedule,
    RcuReport.kind: _Warning.rcu,
    WorkLeakReport.kind: _Warning.work,
    ApiReport.kind: _Warning.api,
    ASSERTION: _Warning.assertion,
}


def report_of(
    validator: Validator, locks: TaskLocks, task: Task, finding: Finding, about: Value
) -> Report | None:
    """The report of a finding that World.warn() has recorded; None if the kernel has none.

    `about` is what the warning says beside its message.
    """
    make = _REPORTS.get(finding.kind)
    return None if make is None else make(_Warning(validator, locks, task, finding), about)


def preempt_count_of(task: Task) -> int:
    """The task's count as the kernel has it.

    Interrupts off do not count; bottom halves off count twice what a softirq handler does.
    """
    handler = task.context in SLEEPLESS
    in_softirq_handler = task.context is Context.SOFTIRQ and bool(task.beneath)
    bhs_off = task.bhs_off - in_softirq_handler
    irqs_off = task.irqs_off
    disabled = task.atomic - irqs_off - task.bhs_off - rcu_depth(task) - handler
    disabled -= int(task.local.get(NON_BLOCK, 0))
    count = max(disabled, 0) + 2 * SOFTIRQ_OFFSET * max(bhs_off, 0)
    if task.context is Context.SOFTIRQ:
        count += SOFTIRQ_OFFSET
    elif task.context is Context.HARDIRQ:
        count += HARDIRQ_OFFSET
    return count


def place_of(task: Task) -> str:
    """FILE:LINE of the innermost model function."""
    frame = task.frame()
    if frame is None:
        return "kernel/sched/core.c:0"
    path = frame.f_code.co_filename.replace("\\", "/").split("/")
    return f"{'/'.join(path[-2:])}:{frame.f_lineno}"
