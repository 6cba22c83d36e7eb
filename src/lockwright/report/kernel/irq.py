"""What interrupts make of locks: a class used in both ways, and orders that join the two.

C: kernel/locking/lockdep.c, print_usage_bug(), print_bad_irq_dependency(),
print_irq_inversion_bug(), print_irq_lock_scenario(), print_lock_class_header(),
print_shortest_lock_dependencies() and its backwards form.
"""

from __future__ import annotations

from typing import TypeAlias

from lockwright.lockdep.reports import (
    ClassDump,
    InconsistentReport,
    IrqInversionReport,
    IrqOrderReport,
)
from lockwright.report.kernel.deadlock import (
    DEADLOCK,
    ONE_CPU,
    TWO_CPUS,
    chain_exists,
    on_cpu1,
)
from lockwright.report.kernel.pieces import (
    OTHER_INFO,
    Kernel,
    backtrace,
    frame_lines,
    headline,
    held_list,
    irq_stamps,
    irq_state,
    key_address,
    lock_at,
    lock_name,
    noted_name,
    who,
)

STATE_FRAME_BLANKS = 2
ACQUIRED_FRAME_BLANKS = 3
USAGE_FRAME_BLANKS = 8  # and the bit's name, and twice the depth
KEY_SIZE = 0x10
IrqReport: TypeAlias = InconsistentReport | IrqOrderReport | IrqInversionReport


def layout(report: IrqReport, kernel: Kernel) -> list[str]:
    """The layout of a report on interrupts."""
    match report:
        case InconsistentReport():
            return inconsistent(report, kernel)
        case IrqOrderReport():
            return order(report, kernel)
        case IrqInversionReport():
            return inversion(report, kernel)


def inconsistent(report: InconsistentReport, kernel: Kernel) -> list[str]:
    """inconsistent lock state."""
    lines = headline("WARNING: inconsistent lock state", kernel, ruler=32)
    lines += [f"inconsistent {{{report.old}}} -> {{{report.new}}} usage."]
    lines += [f"{who(report.who)} {irq_state(report.irqs)} takes:", lock_at(report.lock)]
    lines += [f"{{{report.old}}} state was registered at:"]
    lines += frame_lines(report.registered, blanks=STATE_FRAME_BLANKS)
    lines += [*irq_stamps(report.stamps), "", OTHER_INFO]
    name = noted_name(report.lock)
    lines += [" Possible unsafe locking scenario:", "", *ONE_CPU]
    lines += [f"  lock({name});", "  <Interrupt>", f"    lock({name});", "", DEADLOCK, ""]
    lines += [*held_list(report.who, report.held), ""]
    return lines + backtrace(report.who, report.backtrace, kernel)


def order(report: IrqOrderReport, kernel: Kernel) -> list[str]:
    """A new edge joins what interrupts take with what they may interrupt."""
    state = report.state
    title = f"WARNING: {state}-safe -> {state}-unsafe lock order detected"
    lines = headline(title, kernel, ruler=53)
    lines += [f"{who(report.who)} {irq_state(report.irqs)} is trying to acquire:"]
    lines += [lock_at(report.new), "", "and this task is already holding:"]
    lines += [lock_at(report.locked), "which would create a new lock dependency:"]
    before, after = (lock_name(lock.lock, lock.note) for lock in (report.locked, report.new))
    lines += [f" {before} -> {after}", ""]
    lines += [f"but this new dependency connects a {state}-irq-safe lock:"]
    lines += [f" {lock_name(report.safe)}", "", f"... which became {state}-irq-safe at:"]
    lines += frame_lines(report.safe_at, blanks=STATE_FRAME_BLANKS)
    lines += ["", f"to a {state}-irq-unsafe lock:", f" {lock_name(report.unsafe)}", ""]
    lines += [f"... which became {state}-irq-unsafe at:", "..."]
    lines += frame_lines(report.unsafe_at, blanks=STATE_FRAME_BLANKS)
    lines += ["", OTHER_INFO, ""]
    lines += interrupt_scenario(report.safe.name, report.middle.name, report.unsafe.name)
    lines += ["", *held_list(report.who, report.held), ""]
    lines += [f"the dependencies between {state}-irq-safe lock and the holding lock:"]
    counted = _counted(report.safe_dump + report.unsafe_dump)
    lines += class_dumps(report.safe_dump, counted=counted)
    lines += ["", "the dependencies between the lock to be acquired"]
    lines += [f" and {state}-irq-unsafe lock:"]
    lines += [*class_dumps(report.unsafe_dump, counted=counted), ""]
    return lines + backtrace(report.who, report.backtrace, kernel)


def inversion(report: IrqInversionReport, kernel: Kernel) -> list[str]:
    """A new usage of a class does not go with a class it is ordered with."""
    title = "WARNING: possible irq lock inversion dependency detected"
    lines = headline(title, kernel, ruler=56)
    lines += [f"{who(report.who)} just changed the state of lock:", lock_at(report.lock)]
    own, other = report.lock.lock.name, report.other.name
    if report.forwards:
        how, safe, unsafe = f"took another, {report.state}-unsafe", own, other
    else:
        how, safe, unsafe = f"was taken by another, {report.state}-safe", other, own
    lines += [f"but this lock {how} lock in the past:", f" {lock_name(report.other)}"]
    lines += ["", "", "and interrupts could create inverse lock ordering between them."]
    lines += ["", "", OTHER_INFO]
    lines += interrupt_scenario(safe, report.middle.name, unsafe)
    lines += ["", *held_list(report.who, report.held), ""]
    lines += ["the shortest dependencies between 2nd lock and 1st lock:"]
    lines += [*class_dumps(report.dump, counted=_counted(report.dump)), ""]
    return lines + backtrace(report.who, report.backtrace, kernel)


def interrupt_scenario(safe: str, middle: str, unsafe: str) -> list[str]:
    """The table of two CPUs.  C: print_irq_lock_scenario(): soft interrupts print as hard ones."""
    lines = chain_exists(safe, middle, unsafe) if middle != unsafe else []
    return [
        *lines,
        " Possible interrupt unsafe locking scenario:",
        "",
        *TWO_CPUS,
        f"  lock({unsafe});",
        on_cpu1("local_irq_disable();"),
        on_cpu1(f"lock({safe});"),
        on_cpu1(f"lock({middle});"),
        "  <Interrupt>",
        f"    lock({safe});",
        "",
        DEADLOCK,
    ]


def _counted(dumps: tuple[ClassDump, ...]) -> bool:
    """Whether operations are counted: a class that stands in a dump was acquired at least once."""
    return all(dump.operations for dump in dumps)


def class_dumps(dumps: tuple[ClassDump, ...], *, counted: bool) -> list[str]:
    """The classes of one path; `counted` as with CONFIG_DEBUG_LOCKDEP.

    A class without an "acquired at" has no blank line after it.
    """
    lines: list[str] = []
    for dump in dumps:
        lines += _class_dump(dump, f" ops: {dump.operations}" if counted else "")
    return lines


def _class_dump(dump: ClassDump, operations: str) -> list[str]:
    indent = " " * dump.depth
    lines = [f"{indent}-> {lock_name(dump.lock)}{operations} {{"]
    for bit, frames in dump.usages:
        blanks = 2 * dump.depth + len(bit) + USAGE_FRAME_BLANKS
        lines += [f"{indent}   {bit} at:", *frame_lines(frames, blanks=blanks)]
    symbol = dump.key if "+" in dump.key else f"{dump.key}+0x0/{KEY_SIZE:#x}"
    lines += [f"{indent} }}", f"{indent} ... key      at: [<{key_address(symbol):016x}>] {symbol}"]
    if dump.acquired is not None:
        lines += [f"{indent} ... acquired at:"]
        lines += [*frame_lines(dump.acquired, blanks=ACQUIRED_FRAME_BLANKS), ""]
    return lines
