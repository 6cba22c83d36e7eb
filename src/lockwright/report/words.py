"""A kernel report in words, for whoever meets one for the first time.

`explain` gives its parts, `as_text` prints them.  Every sentence is of what stands in the report,
or of what the validator's rules are; what cannot be known from it is asked, not told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lockwright.report.lines import folded
from lockwright.report.read.parsed import ParsedEntry, ParsedReport
from lockwright.report.words_deadlocks import (
    circle,
    circular,
    inconsistent,
    irq_inversion,
    irq_order,
    order_of,
    recursive,
    who_of,
)
from lockwright.report.words_doubts import doubts
from lockwright.report.words_frames import place_of
from lockwright.report.words_locks import (
    class_text,
    named_locks,
    proves_nesting,
    usage_words,
    wait_words,
)
from lockwright.report.words_misuse import KINDS, unknown

TITLES = {
    "circular": "possible circular locking dependency",
    "recursive": "possible recursive locking",
    "inconsistent": "inconsistent lock state",
    "irq_order": "order from an interrupt-safe to an interrupt-unsafe lock",
    "irq_inversion": "possible lock inversion by an interrupt",
    "wait_context": "invalid wait context",
    "bad_unlock": "bad unlock balance",
    "bad_contention": "bad contention",
    "held_freed": "held lock freed",
    "still_held": "locks still held by a task that ends or is frozen",
    "user_return": "lock held when returning to user space",
    "nested_not_taken": "nested lock was not taken",
    "rcu": "suspicious RCU usage",
    "sleeping": "sleeping function called from invalid context",
    "sched_atomic": "scheduling while atomic",
    "workqueue_leak": "workqueue leaked atomic state, lock or RCU section",
    "unregistered_key": "lock without a registered key",
    "limit": "a limit of the lock validator",
    "chain_collision": "collision of chain keys",
    "dept": "circular dependency of waits and events (DEPT)",
}
STORIES: dict[str, Callable[[ParsedReport], list[str]]] = {
    **KINDS,
    "circular": circular,
    "recursive": recursive,
    "inconsistent": inconsistent,
    "irq_order": irq_order,
    "irq_inversion": irq_inversion,
}
HELD_BELOW = ("still_held", "user_return")
MISSING_MAX = 12


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an explanation: a title, and its paragraphs or lines."""

    title: str
    lines: tuple[str, ...]


def title_of(report: ParsedReport) -> str:
    """What a report is, in the kernel's words as far as they are plain."""
    return TITLES.get(report.kind, report.kind)


def kernel_of(report: ParsedReport) -> str:
    """The kernel and the task, on one line."""
    parts = []
    if report.release:
        version = f" {report.version}" if report.version else ""
        parts.append(f"kernel {report.release}{version}")
    if report.taint and report.taint != "Not tainted":
        parts.append(" ".join(report.taint.replace("Tainted:", "tainted").split()))
    if report.arch:
        parts.append(report.arch)
    parts.append(f"task {who_of(report)}" if report.comm is not None else who_of(report))
    return ", ".join(parts)


def story_of(report: ParsedReport) -> list[str]:
    """What was seen, and what follows from it, as paragraphs."""
    return STORIES.get(report.kind, unknown)(report)


def explain(report: ParsedReport) -> list[Part]:
    """All parts that have anything to say."""
    parts = [
        Part("What it says", tuple(story_of(report))),
        Part("The orders", tuple(order_of(report, entry) for entry in _earliest_first(report))),
        Part("The deadlock, if these meet", tuple(circle(report))),
        Part("The locks", tuple(_locks(report))),
        Part(_held_title(report), tuple(_held(report))),
        Part("Missing or damaged", tuple(_missing(report))),
        Part("What to look at", tuple(doubts(report))),
    ]
    return [part for part in parts if part.lines]


def as_text(parts: Sequence[Part], width: int) -> str:
    """The parts one below the other, no line longer than `width`."""
    texts = []
    for part in parts:
        lines = [part.title]
        for line in part.lines:
            lines += folded(f"  {visible(line)}", width)
        texts.append("\n".join(lines))
    return "\n\n".join(texts)


def visible(text: str) -> str:
    """A text of a log without what a terminal would obey."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _earliest_first(report: ParsedReport) -> list[ParsedEntry]:
    return sorted(report.chain, key=lambda entry: (entry.number == 0, entry.number))


def _locks(report: ParsedReport) -> list[str]:
    proved = proves_nesting(report)
    said = []
    for name, usage, wait in named_locks(report):
        said.append(class_text(name, usage, wait))
        told = "" if usage is None or report.layout.undecided else usage_words(usage)
        if told:
            said.append(f"  {told}")
        if wait is not None and wait[1]:
            said.append(f"  wait type {wait[1]}: {wait_words(wait, proved=proved)}")
    if said and report.layout.early:
        said.append("The characters stand here as kernels from 2.6.30 on print them.")
    return said


def _held_title(report: ParsedReport) -> str:
    return f"Held by {who_of(report)}"


def _held(report: ParsedReport) -> list[str]:
    if report.held_count == 0 and not report.held:
        return ["no locks"]
    said = []
    for lock in report.held:
        place = place_of(lock)
        number = "" if lock.number is None else f"#{lock.number} "
        said.append(f"{number}{lock.name}{f', taken in {place}' if place else ''}")
    return said


def _missing(report: ParsedReport) -> list[str]:
    more = len(report.missing) - MISSING_MAX
    said = list(report.missing[:MISSING_MAX])
    return [*said, f"and {more} more"] if more > 0 else said
