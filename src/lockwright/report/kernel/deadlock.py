"""A circle of lock orders, and a class that is acquired while it is held.

C: kernel/locking/lockdep.c, print_circular_bug_header(), print_circular_bug_entry(),
print_circular_bug(), print_deadlock_bug().
"""

from __future__ import annotations

from typing import TypeAlias

from lockwright.lockdep.reports import CircularReport, RecursiveReport
from lockwright.report.kernel.pieces import (
    OTHER_INFO,
    Kernel,
    backtrace,
    frame_lines,
    headline,
    held_list,
    lock_at,
    lock_name,
    noted_name,
    who,
)

CPU1_COLUMN = 31
CHAIN_FRAME_BLANKS = 7
TWO_CPUS = ["       CPU0                    CPU1", "       ----                    ----"]
ONE_CPU = ["       CPU0", "       ----"]
DEADLOCK = " *** DEADLOCK ***"
DeadlockReport: TypeAlias = CircularReport | RecursiveReport


def layout(report: DeadlockReport, kernel: Kernel) -> list[str]:
    """The layout of a report on orders alone."""
    match report:
        case CircularReport():
            return circular(report, kernel)
        case RecursiveReport():
            return recursive(report, kernel)


def circular(report: CircularReport, kernel: Kernel) -> list[str]:
    """possible circular locking dependency."""
    lines = headline("WARNING: possible circular locking dependency detected", kernel, ruler=54)
    lines += [f"{who(report.who)} is trying to acquire lock:", lock_at(report.new), ""]
    lines += ["but task is already holding lock:", lock_at(report.locked), ""]
    lines += ["which lock already depends on the new lock.", "", ""]
    lines += ["the existing dependency chain (in reverse order) is:"]
    for entry in report.chain:
        lines += ["", f"-> #{entry.number} {lock_name(entry.lock)}:"]
        lines += frame_lines(entry.frames, blanks=CHAIN_FRAME_BLANKS)
    lines += ["", OTHER_INFO, "", *circular_scenario(report)]
    lines += ["", *held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, kernel)


def circular_scenario(report: CircularReport) -> list[str]:
    """The table of two CPUs.  C: print_circular_lock_scenario()."""
    new, parent, held = noted_name(report.new), report.parent.name, noted_name(report.locked)
    how = "rlock" if report.new.read else "sync" if report.sync else "lock"
    lines = []
    if report.parent.name != report.new.lock.name:
        lines += chain_exists(new, parent, held)
    return [
        *lines,
        " Possible unsafe locking scenario:",
        "",
        *TWO_CPUS,
        f"  {'rlock' if report.locked.read else 'lock'}({held});",
        on_cpu1(f"lock({parent});"),
        on_cpu1(f"lock({held});"),
        f"  {how}({new});",
        "",
        DEADLOCK,
    ]


def chain_exists(first: str, middle: str, last: str) -> list[str]:
    """The lines before a scenario that leaves locks of the path out."""
    return ["Chain exists of:", f"  {first} --> {middle} --> {last}", ""]


def on_cpu1(text: str) -> str:
    """A step in the second column of a scenario."""
    return " " * CPU1_COLUMN + text


def recursive(report: RecursiveReport, kernel: Kernel) -> list[str]:
    """possible recursive locking."""
    lines = headline("WARNING: possible recursive locking detected", kernel, ruler=44)
    lines += [f"{who(report.who)} is trying to acquire lock:", lock_at(report.new), ""]
    lines += ["but task is already holding lock:", lock_at(report.locked)]
    if report.compared is not None:
        lines.append(f"and the lock comparison function returns {report.compared}:")
    lines += ["", OTHER_INFO, " Possible unsafe locking scenario:", "", *ONE_CPU]
    lines += [f"  lock({noted_name(report.locked)});", f"  lock({noted_name(report.new)});", ""]
    lines += [DEADLOCK, "", " May be due to missing lock nesting notation", ""]
    lines += [*held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, kernel)
