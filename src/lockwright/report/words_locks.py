"""Locks in words: what the usage characters and the wait types of a class say.

Source: kernel/locking/lockdep.c, get_usage_chars() and print_lock_name(); lockdep_types.h.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.report.read.parsed import Frames, ParsedLock, ParsedReport, Wait
from lockwright.report.words_frames import acquiring, taking_of

STATES = ("hardirq", "softirq", "memory reclaim")
SWITCHES = ("hardirqs on", "softirqs on", "reclaim allowed")
EXCLUSIVE, READING = "taken exclusively", "taken by a reader"
WAITS = {
    0: "not checked",
    1: "wait-free",
    2: "may only spin (raw_spinlock_t)",
    3: "a spinlock_t or rwlock_t, which sleeps on PREEMPT_RT",
    4: "may sleep",
    5: "no limit",
}
COARSE = {0: "not checked", 1: "wait-free", 2: "may only spin", 3: "may sleep", 4: "no limit"}
SPINS, SLEEPS = ("spinlock", "rwlock"), ("mutex", "rwsem", "ww_mutex", "rtmutex")


def usage_words(usage: str) -> str:
    """`+.+.` as a sentence's part; empty for what is not as the kernel prints it."""
    if len(usage) not in (4, 6) or set(usage) - set(".-+?"):
        return ""
    parts = [_mode(EXCLUSIVE, usage[0::2]), _mode(READING, usage[1::2])]
    said = [part for part in parts if part]
    if not said:
        return "so far never in an interrupt, and only taken with interrupts off or by trylock"
    return "; ".join(said)


def _mode(what: str, marks: str) -> str:
    inside = [STATES[at] for at, char in enumerate(marks) if char in "-?"]
    enabled = [SWITCHES[at] for at, char in enumerate(marks) if char in "+?"]
    said = []
    if inside:
        said.append(f"in {' and '.join(inside)} context")
    if enabled:
        said.append(f"with {' and '.join(enabled)}")
    return f"{what} {', and '.join(said)}" if said else ""


def modes_seen(usage: str | None) -> tuple[bool, bool]:
    """Whether a class was ever taken exclusively, and by a reader, as far as its usage tells."""
    if usage is None:
        return False, False
    return any(c != "." for c in usage[0::2]), any(c != "." for c in usage[1::2])


def proves_nesting(report: ParsedReport) -> bool | None:
    """Does the kernel tell spinlock_t from raw_spinlock_t (PROVE_RAW_LOCK_NESTING)?  None if the
    report does not show it."""
    context = report.extra.get("context")
    if report.kind == "wait_context" and context is not None and context[0] >= 4:
        return bool(context[0] == 5)
    for wait, frames in _waits(report):
        kind = taking_of(frames).kind
        if wait[1] == 4 or (wait[1] == 3 and kind in SPINS):
            return True
        if wait[1] == 3 and kind in SLEEPS:
            return False
    return None


def _waits(report: ParsedReport) -> Iterator[tuple[Wait, Frames]]:
    """Wait types, each with frames that tell what kind of lock it is."""
    for entry in report.chain:
        if entry.wait is not None:
            yield entry.wait, entry.frames
    if report.new_lock is not None and report.new_lock.wait is not None:
        yield report.new_lock.wait, acquiring(report.backtrace)
    locks = [report.new_lock, report.held_lock, *report.held]
    for lock in locks:
        if lock is not None and lock.wait is not None:
            yield lock.wait, (*lock.inlined, *((lock.at,) if lock.at else ()))
    for dump in (each for dumps in report.dumps.values() for each in dumps):
        if dump.wait is not None:
            for _, frames in dump.usages:
                yield dump.wait, frames


def wait_words(wait: Wait, *, proved: bool | None) -> str:
    """`{3:3}` as a sentence's part."""
    outer, inner = wait
    if proved is None and inner in (2, 3):
        told = (
            "may only spin"
            if inner == 2
            else "a spinlock_t if this kernel proves raw lock nesting, else a lock that may sleep"
        )
    else:
        told = (WAITS if proved else COARSE).get(inner, "unknown")
    if outer != inner and outer:
        told += f", and can be taken where level {outer} is the limit"
    return told


def class_text(name: str, usage: str | None, wait: Wait | None) -> str:
    """A class as the kernel prints it: name{usage}-{outer:inner}."""
    text = name
    if usage is not None:
        text += f" {{{usage}}}"
    if wait is not None:
        text += f"-{{{wait[0]}:{wait[1]}}}"
    return text


def named_locks(report: ParsedReport) -> list[tuple[str, str | None, Wait | None]]:
    """The classes that a report is about, each once, in the order in which it names them."""
    found: dict[str, tuple[str, str | None, Wait | None]] = {}
    given: list[ParsedLock | None] = [report.new_lock, report.held_lock]
    given += [state.lock for state in report.states]
    for lock in given:
        if lock is not None and lock.name != "<RELEASED>":
            found.setdefault(lock.name, (lock.name, lock.usage, lock.wait))
    for entry in report.chain:
        found.setdefault(entry.name, (entry.name, entry.usage, entry.wait))
    return list(found.values())
