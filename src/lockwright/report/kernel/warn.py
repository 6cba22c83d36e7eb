"""Warnings without rulers: what makes the validator give up, and locks whose own state is wrong.

Left out of a warning: the line of the kernel's own source that it stands in, and the registers.

C: kernel/locking/lockdep.c, lockdep_init_map_type(), assign_lock_key(), print_lockdep_off(),
__lock_acquire(), lock_release(), lock_unpin_lock(); include/linux/debug_locks.h,
DEBUG_LOCKS_WARN_ON(); kernel/panic.c, __warn().
"""

from __future__ import annotations

from typing import TypeAlias

from lockwright.lockdep.reports import (
    AnnotationReport,
    ApiReport,
    Frames,
    KeyReport,
    LimitReport,
    Who,
)
from lockwright.report.kernel.pieces import LOCKDEP_OFF, Kernel, held_list, stack_dump, who

TURNING_OFF = "turning off the locking correctness validator."
MAX_LOCK_DEPTH = "MAX_LOCK_DEPTH"
PLACE_FIRST = (6, 19)
WarningReport: TypeAlias = KeyReport | LimitReport | ApiReport | AnnotationReport


def layout(report: WarningReport, kernel: Kernel) -> list[str]:
    """The layout of a warning."""
    match report:
        case KeyReport():
            return key(report, kernel)
        case LimitReport():
            return limit(report, kernel)
        case ApiReport():
            message = f"DEBUG_LOCKS_WARN_ON({report.condition})"
            return warning(message, report.who, report.backtrace, kernel)
        case AnnotationReport():
            return warning(report.message, report.who, report.backtrace, kernel)


def key(report: KeyReport, kernel: Kernel) -> list[str]:
    """A key that was not registered, or a lock in dynamic memory that has none."""
    if report.address is None:
        return [
            "INFO: trying to register non-static key.",
            "The code is fine but needs lockdep annotation, or maybe",
            "you didn't initialize this object before use?",
            TURNING_OFF,
            *stack_dump(report.who, report.backtrace, kernel),
        ]
    return [
        f"BUG: key {report.address:016x} has not been registered!",
        *warning("DEBUG_LOCKS_WARN_ON(1)", report.who, report.backtrace, kernel),
    ]


def limit(report: LimitReport, kernel: Kernel) -> list[str]:
    """A table that is full; what a task holds is shown if that is what was too much."""
    lines = [f"BUG: {report.what} too low!", TURNING_OFF]
    if report.what == MAX_LOCK_DEPTH:
        depth = len(report.held)
        lines += [f"depth: {depth}  max: {depth}!", *held_list(report.who, report.held)]
        lines += [LOCKDEP_OFF]
    return lines + stack_dump(report.who, report.backtrace, kernel)


def warning(message: str, task: Who, frames: Frames, kernel: Kernel) -> list[str]:
    """WARN(): the message, who was where, and the stack."""
    at = next((str(f) for f in frames if not f.function.startswith("dump_stack")), "0x0")
    if kernel.numbers() >= PLACE_FIRST:
        place = f"WARNING: at {at}, CPU#{task.cpu}: {who(task)}"
    else:
        place = f"WARNING: CPU: {task.cpu} PID: {task.pid} at {at}"
    return [
        "------------[ cut here ]------------",
        message,
        place,
        "Modules linked in:",
        *stack_dump(task, frames, kernel),
        "---[ end trace 0000000000000000 ]---",
    ]
