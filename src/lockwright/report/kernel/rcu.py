"""RCU used as it may not be.

C: kernel/locking/lockdep.c, lockdep_rcu_suspicious().
"""

from __future__ import annotations

from lockwright.lockdep.reports import RcuReport
from lockwright.report.kernel.pieces import OTHER_INFO, Kernel, backtrace, headline, held_list

MAYBE_FALSE = "Possible false positive due to lockdep disabling via debug_locks = 0"


def suspicious(report: RcuReport, kernel: Kernel) -> list[str]:
    """suspicious RCU usage: of all reports this one shows held locks with the validator off."""
    lines = headline("WARNING: suspicious RCU usage", kernel, ruler=29)
    lines += [f"{report.at} {report.message}!", "", OTHER_INFO, "", ""]
    lines += [f"rcu_scheduler_active = 2, debug_locks = {report.debug_locks:d}"]
    if not report.debug_locks:
        lines.append(MAYBE_FALSE)
    lines += [*held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, kernel)
