"""Which layout belongs to which report."""

from __future__ import annotations

from lockwright.lockdep.reports import RcuReport, Report, WaitContextReport
from lockwright.report.kernel import atomic, deadlock, irq, ownership, rcu, waits, warn
from lockwright.report.kernel.atomic import AtomicReport
from lockwright.report.kernel.deadlock import DeadlockReport
from lockwright.report.kernel.irq import IrqReport
from lockwright.report.kernel.pieces import Kernel
from lockwright.report.kernel.warn import WarningReport


def format_report(report: Report, *, ident: str, debug_locks: bool = True) -> str:
    """The whole report; `ident` is release, version and taint: "6.5.0-rc1 #1 Not tainted".

    `debug_locks` is False if an earlier report has switched the validator off: what is not the
    validator's own then says so in place of the held locks.

    Raises: ValueError if `ident` has not these three parts.
    """
    return "\n".join(_lines(report, Kernel.named(ident, debug_locks=debug_locks))) + "\n"


def _lines(report: Report, kernel: Kernel) -> list[str]:
    if isinstance(report, DeadlockReport):
        return deadlock.layout(report, kernel)
    if isinstance(report, IrqReport):
        return irq.layout(report, kernel)
    if isinstance(report, WarningReport):
        return warn.layout(report, kernel)
    if isinstance(report, AtomicReport):
        return atomic.layout(report, kernel)
    if isinstance(report, WaitContextReport):
        return waits.wait_context(report, kernel)
    if isinstance(report, RcuReport):
        return rcu.suspicious(report, kernel)
    return ownership.layout(report, kernel)
