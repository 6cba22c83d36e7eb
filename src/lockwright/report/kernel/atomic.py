"""What may not sleep and does: reports of the scheduler and of the work queues.

They have no rulers, and do not switch the validator off; once something else has, they say so
where the held locks would stand.

C: kernel/sched/core.c, __might_resched(), __schedule_bug(), print_preempt_disable_ip();
kernel/workqueue.c, process_one_work().
"""

from __future__ import annotations

from typing import TypeAlias

from lockwright.core.frame import Frame
from lockwright.lockdep.reports import SchedulingReport, SleepReport, WorkLeakReport
from lockwright.report.kernel.pieces import (
    Kernel,
    irq_stamps,
    place,
    shown_locks,
    stack_dump,
    who,
)

WITH_COUNTS = (5, 16)
AtomicReport: TypeAlias = SleepReport | SchedulingReport | WorkLeakReport


def layout(report: AtomicReport, kernel: Kernel) -> list[str]:
    """The layout of a report on atomic context."""
    match report:
        case SleepReport():
            return sleeping(report, kernel)
        case SchedulingReport():
            return scheduling(report, kernel)
        case WorkLeakReport():
            return work_leak(report, kernel)


def sleeping(report: SleepReport, kernel: Kernel) -> list[str]:
    """sleeping function called from invalid context."""
    task, count = report.who, report.preempt_count
    lines = [f"BUG: sleeping function called from invalid context at {report.at}"]
    state = f"in_atomic(): {count != 0:d}, irqs_disabled(): {report.irqs_disabled:d}"
    name = f"pid: {task.pid}, name: {task.comm}"
    lines += [f"{state}, non_block: {report.non_block}, {name}"]
    if kernel.numbers() >= WITH_COUNTS:
        lines += [f"preempt_count: {count:x}, expected: 0"]
        lines += [f"RCU nest depth: {report.rcu_depth}, expected: 0"]
    lines += shown_locks(task, report.held, kernel)
    if report.stamps is not None:
        lines += irq_stamps(report.stamps)
    if count:
        lines += _preemption(report.preempt_off_at)
    return lines + stack_dump(task, report.backtrace, kernel)


def scheduling(report: SchedulingReport, kernel: Kernel) -> list[str]:
    """scheduling while atomic."""
    count = f"0x{report.preempt_count:08x}"
    lines = [f"BUG: scheduling while atomic: {who(report.who)}/{count}"]
    lines += [*shown_locks(report.who, report.held, kernel), "Modules linked in:"]
    lines += _preemption(report.preempt_off_at)
    return lines + stack_dump(report.who, report.backtrace, kernel)


def _preemption(at: Frame | None) -> list[str]:
    """C: print_preempt_disable_ip()."""
    return [] if at is None else ["Preemption disabled at:", place(at)]


def work_leak(report: WorkLeakReport, kernel: Kernel) -> list[str]:
    """A work function left something behind; a worker begins with nothing held."""
    task = report.who
    held = f"lock=0->{len(report.held)} RCU=0->{report.rcu_depth}"
    return [
        f"BUG: workqueue leaked atomic, lock or RCU: {task.comm}[{task.pid}]",
        f"     preempt=0x{report.preempt_count:08x} {held} workfn={report.function}",
        *shown_locks(task, report.held, kernel),
        *stack_dump(task, report.backtrace, kernel),
    ]
