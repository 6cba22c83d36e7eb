"""Lock reports as the kernel prints them.

`format_report()` gives the whole text of one report, blank line and rulers included.  The pieces
below it are those that all layouts share: the lock with its place, the class, the list of held
locks, frames, the backtrace.  A piece gives text without an end of line.

C: kernel/locking/lockdep.c, the print functions named at each layout; lib/dump_stack.c.
"""

from __future__ import annotations

from zlib import crc32

from lockwright.core.frame import Frame
from lockwright.lockdep.classes import ClassName
from lockwright.lockdep.reports import (
    BadUnlockReport,
    CircularReport,
    Frames,
    HeldFreedReport,
    LockAt,
    NestLockReport,
    RecursiveReport,
    Report,
    StillHeldReport,
    Who,
)

HARDWARE = "lockwright simulated machine"
TEXT_START = 0xFFFFFFFF81000000
CPU1_COLUMN = 31
CHAIN_FRAME_BLANKS = 7
IDENT_PARTS = 3


def format_report(report: Report, *, ident: str) -> str:
    """The whole report; `ident` is release, version and taint: "6.5.0-rc1 #1 Not tainted".

    Raises: ValueError if `ident` has not these three parts.
    """
    if ident.count(" ") < IDENT_PARTS - 1:
        raise ValueError(f"ident {ident!r} is not like '6.5.0-rc1 #1 Not tainted'")
    match report:
        case CircularReport():
            lines = _circular(report, ident)
        case RecursiveReport():
            lines = _recursive(report, ident)
        case BadUnlockReport():
            lines = _bad_unlock(report, ident)
        case HeldFreedReport():
            lines = _held_freed(report, ident)
        case NestLockReport():
            lines = _nest_lock(report, ident)
        case StillHeldReport():
            lines = _still_held(report, ident)
    return "\n".join(lines) + "\n"


# Pieces


def who(task: Who) -> str:
    """comm/pid."""
    return f"{task.comm}/{task.pid}"


def lock_name(lock: ClassName) -> str:
    """(name){usage}-{outer:inner}."""
    return f"({lock.name}){{{lock.usage}}}-{{{lock.wait_outer}:{lock.wait_inner}}}"


def lock_at(lock: LockAt) -> str:
    """A lock with its address and the function that acquires it."""
    return f"{lock.instance:016x} {lock_name(lock.lock)}, at: {lock.at}"


def held_list(task: Who, held: tuple[LockAt, ...]) -> list[str]:
    """What a task holds, oldest first.  C: lockdep_print_held_locks()."""
    if not held:
        return [f"no locks held by {who(task)}."]
    locks = "1 lock" if len(held) == 1 else f"{len(held)} locks"
    lines = [f"{locks} held by {who(task)}:"]
    return lines + [f" #{number}: {lock_at(lock)}" for number, lock in enumerate(held)]


def frame_lines(frames: Frames, *, blanks: int) -> list[str]:
    """One line a frame, innermost first."""
    return [f"{' ' * blanks}{frame}" for frame in frames]


def headline(text: str, ident: str, *, ruler: int) -> list[str]:
    """The block that every report begins with."""
    return ["", "=" * ruler, text, ident, "-" * ruler]


def backtrace(task: Who, frames: Frames, ident: str) -> list[str]:
    """The stack of the task that the report is about, with its header.  C: dump_stack()."""
    release, version, taint = ident.split(" ", 2)
    return [
        "stack backtrace:",
        f"CPU: {task.cpu} PID: {task.pid} Comm: {task.comm} {taint} {release} {version}",
        f"Hardware name: {HARDWARE}",
        "Call Trace:",
        " <TASK>",
        *frame_lines(frames, blanks=1),
        " </TASK>",
    ]


def code_address(frame: Frame) -> int:
    """An address for a place in the code: made up, and the same in every run."""
    return TEXT_START + (crc32(frame.function.encode()) & 0xFFFF) * 0x1000 + frame.offset


# Layouts


def _circular(report: CircularReport, ident: str) -> list[str]:
    """C: print_circular_bug_header(), print_circular_bug_entry(), print_circular_bug()."""
    lines = headline("WARNING: possible circular locking dependency detected", ident, ruler=54)
    lines += [f"{who(report.who)} is trying to acquire lock:", lock_at(report.new), ""]
    lines += ["but task is already holding lock:", lock_at(report.locked), ""]
    lines += ["which lock already depends on the new lock.", "", ""]
    lines += ["the existing dependency chain (in reverse order) is:"]
    for entry in report.chain:
        lines += ["", f"-> #{entry.number} {lock_name(entry.lock)}:"]
        lines += frame_lines(entry.frames, blanks=CHAIN_FRAME_BLANKS)
    lines += ["", "other info that might help us debug this:", ""]
    lines += circular_scenario(report)
    lines += ["", *held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, ident)


def circular_scenario(report: CircularReport) -> list[str]:
    """The table of two CPUs.  C: print_circular_lock_scenario()."""
    new, parent, held = report.new.lock.name, report.parent.name, report.locked.lock.name
    how = "sync" if report.sync else "rlock" if report.new.read else "lock"
    right = " " * CPU1_COLUMN
    lines = []
    if report.parent.name != new:
        lines += ["Chain exists of:", f"  {new} --> {parent} --> {held}", ""]
    return [
        *lines,
        " Possible unsafe locking scenario:",
        "",
        "       CPU0                    CPU1",
        "       ----                    ----",
        f"  {'rlock' if report.locked.read else 'lock'}({held});",
        f"{right}lock({parent});",
        f"{right}lock({held});",
        f"  {how}({new});",
        "",
        " *** DEADLOCK ***",
    ]


def _recursive(report: RecursiveReport, ident: str) -> list[str]:
    """C: print_deadlock_bug(), print_deadlock_scenario()."""
    lines = headline("WARNING: possible recursive locking detected", ident, ruler=44)
    lines += [f"{who(report.who)} is trying to acquire lock:", lock_at(report.new), ""]
    lines += ["but task is already holding lock:", lock_at(report.locked), ""]
    lines += ["other info that might help us debug this:"]
    lines += [" Possible unsafe locking scenario:", "", "       CPU0", "       ----"]
    lines += [f"  lock({report.locked.lock.name});", f"  lock({report.new.lock.name});", ""]
    lines += [" *** DEADLOCK ***", "", " May be due to missing lock nesting notation", ""]
    lines += [*held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, ident)


def _bad_unlock(report: BadUnlockReport, ident: str) -> list[str]:
    """C: print_unlock_imbalance_bug()."""
    lines = headline("WARNING: bad unlock balance detected!", ident, ruler=37)
    lines += [f"{who(report.who)} is trying to release lock ({report.name}) at:"]
    lines += [f"[<{code_address(report.at):016x}>] {report.at}"]
    lines += ["but there are no more locks to release!", ""]
    lines += ["other info that might help us debug this:"]
    lines += [*held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, ident)


def _held_freed(report: HeldFreedReport, ident: str) -> list[str]:
    """C: print_freed_lock_bug()."""
    lines = headline("WARNING: held lock freed!", ident, ruler=25)
    memory = f"{report.low:016x}-{report.high - 1:016x}"
    lines += [f"{who(report.who)} is freeing memory {memory}, with a lock still held there!"]
    lines += [lock_at(report.locked), *held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, ident)


def _nest_lock(report: NestLockReport, ident: str) -> list[str]:
    """C: print_lock_nested_lock_not_held().  It prints the backtrace twice."""
    trace = backtrace(report.who, report.backtrace, ident)
    lines = headline("WARNING: Nested lock was not taken", ident, ruler=34)
    lines += [f"{who(report.who)} is trying to lock:", lock_at(report.new), ""]
    lines += ["but this task is not holding:", report.nest_name, "", *trace, ""]
    lines += ["other info that might help us debug this:"]
    return [*lines, *held_list(report.who, report.held), "", *trace]


def _still_held(report: StillHeldReport, ident: str) -> list[str]:
    """C: print_held_locks_bug()."""
    lines = headline(f"WARNING: {who(report.who)} still has locks held!", ident, ruler=36)
    lines += [*held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, ident)
