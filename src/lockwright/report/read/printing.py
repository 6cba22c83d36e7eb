"""A circular report as text again, as its kernel printed it.

What printk(), logs and mailers added is gone; what is the kernel's own stands as it stood: usage
characters, addresses, brackets, rulers, empty lines.  A lock that is repeated for its inlined
functions is repeated.

C: kernel/locking/lockdep.c, print_circular_bug_header(), print_circular_bug_entry(),
print_circular_lock_scenario().
"""

from __future__ import annotations

from dataclasses import replace

from lockwright.report.read.early import turned
from lockwright.report.read.frames import format_frame
from lockwright.report.read.locks import format_class, format_lock
from lockwright.report.read.parsed import ParsedEntry, ParsedLock, ParsedReport

HOLDS = ("no locks held by {who}.", "1 lock held by {who}:", "{count} locks held by {who}:")


def print_report(report: ParsedReport) -> str:
    """The text of a circular report, from its first ruler to the end of its backtrace.

    Of one that is not complete, the parts that are there.

    Raises: ValueError for another kind.
    """
    if report.kind != "circular":
        raise ValueError(f"only circular reports are printed again, not {report.kind}")
    if report.layout.early:
        report = _as_it_was(report)
    who = f"{report.comm}/{report.pid}"
    lines = _head(report)
    if report.new_lock is not None:
        lines += _part(report, "new", f"{who} is trying to acquire lock:")
        lines += format_lock(report.new_lock)
    if report.held_lock is not None:
        lines += _part(report, "held", "but task is already holding lock:")
        lines += format_lock(report.held_lock)
    lines += _part(report, "depends", "which lock already depends on the new lock.")
    lines += _part(report, "chain", "the existing dependency chain (in reverse order) is:")
    for entry in report.chain:
        lines += _entry(report, entry)
    lines += _part(report, "info", "other info that might help us debug this:")
    lines += _scenario(report)
    if report.held_count is not None:
        lines += [*_gap(report, "held_list"), *_held(report, who)]
    lines += [*_part(report, "backtrace", "stack backtrace:"), *_trace(report)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _as_it_was(report: ParsedReport) -> ParsedReport:
    """With the usage characters that its kernel printed."""
    return replace(
        report,
        new_lock=_turned(report.new_lock),
        held_lock=_turned(report.held_lock),
        held=tuple(replace(lock, usage=lock.usage and turned(lock.usage)) for lock in report.held),
        chain=tuple(replace(at, usage=at.usage and turned(at.usage)) for at in report.chain),
    )


def _turned(lock: ParsedLock | None) -> ParsedLock | None:
    return lock and replace(lock, usage=lock.usage and turned(lock.usage))


def _part(report: ParsedReport, part: str, sentence: str) -> list[str]:
    """A sentence that the report has, after its empty lines."""
    return [*_gap(report, part), sentence] if part in report.layout.gaps else []


def _gap(report: ParsedReport, part: str) -> list[str]:
    return [""] * report.layout.gaps.get(part, 1)


def _head(report: ParsedReport) -> list[str]:
    above, below = report.layout.rulers
    lines = ["=" * above] if above else []
    lines.append(report.title)
    if report.layout.ident:
        lines.append(report.layout.ident)
    return lines + (["-" * below] if below else [])


def _entry(report: ParsedReport, entry: ParsedEntry) -> list[str]:
    head = format_class(ParsedLock(entry.name, entry.usage, entry.wait))
    blanks = " " * report.layout.indent
    lines = [*_gap(report, f"entry:{entry.number}"), f"-> #{entry.number} {head}:"]
    return lines + [blanks + format_frame(frame) for frame in entry.frames]


def _scenario(report: ParsedReport) -> list[str]:
    lines = []
    if report.exists:
        lines += [*_gap(report, "exists"), "Chain exists of:", f"  {' --> '.join(report.exists)}"]
    if "scenario" not in report.layout.gaps:
        return lines
    lines += [*_gap(report, "scenario"), " Possible unsafe locking scenario:", ""]
    lines += ["       CPU0                    CPU1", "       ----                    ----"]
    for cpu, text in report.scenario:
        lines.append(" " * (report.layout.columns if cpu else 2) + text)
    return lines + _part(report, "deadlock", " *** DEADLOCK ***")


def _held(report: ParsedReport, who: str) -> list[str]:
    count = report.held_count or 0
    lines = [HOLDS[min(count, 2)].format(who=who, count=count)]
    for lock in report.held:
        lines += [" " * report.layout.held_indent + line.lstrip() for line in format_lock(lock)]
    return lines


def _trace(report: ParsedReport) -> list[str]:
    return [
        " " * line.indent + (format_frame(line.frame) if line.frame is not None else line.text)
        for line in report.trace
    ]
