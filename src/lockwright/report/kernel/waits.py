"""A lock that waits longer than its context may.

C: kernel/locking/lockdep.c, print_lock_invalid_wait_context().
"""

from __future__ import annotations

from lockwright.lockdep.reports import WaitContextReport
from lockwright.report.kernel.pieces import (
    OTHER_INFO,
    Kernel,
    backtrace,
    headline,
    held_list,
    lock_at,
    who,
)


def wait_context(report: WaitContextReport, kernel: Kernel) -> list[str]:
    """Invalid wait context: the one layout that kept its brackets and has no blank lines."""
    lines = headline("[ BUG: Invalid wait context ]", kernel, ruler=29)
    lines += [f"{who(report.who)} is trying to lock:", lock_at(report.new), OTHER_INFO]
    lines += [f"context-{{{report.limit}:{report.limit}}}"]
    lines += held_list(report.who, report.held)
    return lines + backtrace(report.who, report.backtrace, kernel)
