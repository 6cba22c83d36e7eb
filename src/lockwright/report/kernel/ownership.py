"""Locks that are released, contended for, freed, kept or nested as nobody may.

C: kernel/locking/lockdep.c, print_unlock_imbalance_bug(), print_lock_contention_bug(),
print_freed_lock_bug(), print_held_locks_bug(), lockdep_sys_exit(),
print_lock_nested_lock_not_held().
"""

from __future__ import annotations

from typing import TypeAlias

from lockwright.lockdep.reports import (
    BadUnlockReport,
    ContendReport,
    HeldFreedReport,
    NestLockReport,
    StillHeldReport,
    UserReturnReport,
)
from lockwright.report.kernel.pieces import (
    OTHER_INFO,
    Kernel,
    backtrace,
    headline,
    held_list,
    lock_at,
    place,
    who,
)

OwnershipReport: TypeAlias = (
    BadUnlockReport
    | ContendReport
    | HeldFreedReport
    | NestLockReport
    | StillHeldReport
    | UserReturnReport
)


def layout(report: OwnershipReport, kernel: Kernel) -> list[str]:
    """The layout of a report on who holds what."""
    match report:
        case BadUnlockReport():
            return bad_unlock(report, kernel)
        case ContendReport():
            return bad_contention(report, kernel)
        case HeldFreedReport():
            return held_freed(report, kernel)
        case NestLockReport():
            return nest_lock(report, kernel)
        case StillHeldReport():
            return still_held(report, kernel)
        case UserReturnReport():
            return user_return(report, kernel)


def bad_unlock(report: BadUnlockReport, kernel: Kernel) -> list[str]:
    """bad unlock balance."""
    lines = headline("WARNING: bad unlock balance detected!", kernel, ruler=37)
    lines += [f"{who(report.who)} is trying to release lock ({report.name}) at:"]
    lines += [place(report.at), "but there are no more locks to release!", "", OTHER_INFO]
    lines += [*held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, kernel)


def bad_contention(report: ContendReport, kernel: Kernel) -> list[str]:
    """bad contention."""
    lines = headline("WARNING: bad contention detected!", kernel, ruler=33)
    lines += [f"{who(report.who)} is trying to contend lock ({report.name}) at:"]
    lines += [place(report.at), "but there are no locks held!", "", OTHER_INFO]
    lines += [*held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, kernel)


def held_freed(report: HeldFreedReport, kernel: Kernel) -> list[str]:
    """held lock freed."""
    lines = headline("WARNING: held lock freed!", kernel, ruler=25)
    memory = f"{report.low:016x}-{report.high - 1:016x}"
    lines += [f"{who(report.who)} is freeing memory {memory}, with a lock still held there!"]
    lines += [lock_at(report.locked), *held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, kernel)


def still_held(report: StillHeldReport, kernel: Kernel) -> list[str]:
    """Locks held at the end of a task."""
    lines = headline(f"WARNING: {who(report.who)} still has locks held!", kernel, ruler=36)
    lines += [*held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, kernel)


def user_return(report: UserReturnReport, kernel: Kernel) -> list[str]:
    """Locks held on the way back to user space: there is no stack to show."""
    lines = headline("WARNING: lock held when returning to user space!", kernel, ruler=48)
    lines += [f"{who(report.who)} is leaving the kernel with locks still held!"]
    return lines + held_list(report.who, report.held)


def nest_lock(report: NestLockReport, kernel: Kernel) -> list[str]:
    """Nested lock was not taken.  The stack stands in it twice."""
    trace = backtrace(report.who, report.backtrace, kernel)
    lines = headline("WARNING: Nested lock was not taken", kernel, ruler=34)
    lines += [f"{who(report.who)} is trying to lock:", lock_at(report.new), ""]
    lines += ["but this task is not holding:", report.nest_name, "", *trace, "", OTHER_INFO]
    return [*lines, *held_list(report.who, report.held), "", *trace]
