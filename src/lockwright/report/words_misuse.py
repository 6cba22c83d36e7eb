"""The reports of a fault that has happened, in words: no other task is needed for them."""

from __future__ import annotations

from collections.abc import Callable

from lockwright.report.read.parsed import ParsedFrame, ParsedLock, ParsedReport
from lockwright.report.words_deadlocks import who_of
from lockwright.report.words_frames import place_of, plain
from lockwright.report.words_locks import COARSE, WAITS, proves_nesting

TASK_LIMITS = {2: "a hard interrupt", 3: "a soft interrupt or a threaded hard one"}
RCU = (
    ("while idle", "RCU was used by an idle CPU, which RCU does not watch, so nothing is kept."),
    (
        "non-reader section",
        (
            "A list of RCU was walked outside of any read-side section: what it points to can be "
            "freed meanwhile."
        ),
    ),
    (
        "Illegal context switch",
        "The task could sleep inside a read-side section of RCU that must not.",
    ),
    (
        "Illegal synchronize",
        "The task waits for all readers to end, and is one itself: that wait need not end.",
    ),
    (
        "rcu_dereference_protected",
        (
            "A pointer of RCU was read as by an updater, and the lock that must be held for that "
            "was not."
        ),
    ),
    (
        "rcu_dereference",
        (
            "A pointer of RCU was read with neither a read-side section open nor any lock held "
            "that would do instead: what it points to can be freed meanwhile."
        ),
    ),
)


def wait_context(report: ParsedReport) -> list[str]:
    new, who = report.new_lock, who_of(report)
    if new is None:
        return [f"{who} wants a lock that must not be waited for here; which one is missing."]
    proved = proves_nesting(report)
    words = WAITS if proved else COARSE
    said = [f"{who} wants {new.name}{_in(place_of(new))}, where it must not wait for such a lock."]
    if new.wait is not None:
        inner = words.get(new.wait[1], "unknown")
        said.append(f"{new.name} is of level {new.wait[1]}: {inner}.")
    context = report.extra.get("context")
    strict = _strictest(report.held)
    limit = context[0] if context is not None else None
    if strict is not None and strict.wait is not None and (limit is None or strict.wait[1] < limit):
        level = strict.wait[1]
        said.append(
            f"The held lock {strict.name} allows no more than level {level} while it is held "
            f"({words.get(level, 'unknown')})."
        )
    elif limit is not None:
        where = "a task" if limit >= 4 else TASK_LIMITS.get(limit, "this context")
        said.append(f"The context is {where}, where level {limit} is the most.")
    if proved:
        said.append(
            "On PREEMPT_RT a spinlock_t sleeps; under a raw_spinlock_t, or where interrupts are "
            "off, that is not allowed. On other kernels this place works."
        )
    return said


def _strictest(held: tuple[ParsedLock, ...]) -> ParsedLock | None:
    checked = [lock for lock in held if lock.wait is not None and lock.wait[1]]
    return min(checked, key=lambda lock: lock.wait[1] if lock.wait else 0, default=None)


def bad_unlock(report: ParsedReport) -> list[str]:
    released, at = report.extra.get("released"), report.extra.get("at")
    where = f" in {plain(at.function)}()" if isinstance(at, ParsedFrame) else ""
    if released is None:
        return [f"{who_of(report)} releases a lock{where} that it does not hold."]
    said = [
        (
            f"{who_of(report)} releases {released}{where}, and does not hold it: it was released "
            "before, was never taken, or was taken by another task."
        )
    ]
    same = [lock.name for lock in report.held if lock.name.split("#")[0] == released]
    if same:
        said.append(
            f"It holds {', '.join(same)}: that is another lock, or it was taken outside an "
            "interrupt which now releases it."
        )
    return said


def bad_contention(report: ParsedReport) -> list[str]:
    name = report.extra.get("released") or "a lock"
    return [
        (
            f"{who_of(report)} is counted as waiting for {name}, which the validator does not have "
            "among the locks that it is about to hold: its lock statistics are out of step."
        )
    ]


def held_freed(report: ParsedReport) -> list[str]:
    lock, memory = report.new_lock, report.extra.get("memory")
    part = f" (from {memory[0]} to {memory[1]})" if memory else ""
    if lock is None:
        return [f"{who_of(report)} frees memory{part} that holds a lock still held."]
    return [
        (
            f"{who_of(report)} frees memory{part}, or initialises it anew, and in it lies "
            f"{lock.name}, which the task itself still holds{_taken(lock)}. Its unlock will write "
            "to freed memory."
        )
    ]


def still_held(report: ParsedReport) -> list[str]:
    return [
        (
            f"{who_of(report)} ends, or is frozen, and holds {_locks(report)}. Nobody will release "
            "what it holds, or not for a long time."
        )
    ]


def user_return(report: ParsedReport) -> list[str]:
    return [
        (
            f"{who_of(report)} goes back to user space and holds {_locks(report)}: some way out of "
            "the system call leaves the unlock out."
        )
    ]


def nested(report: ParsedReport) -> list[str]:
    lock, nest = report.new_lock, report.extra.get("nest")
    name = lock.name if lock is not None else "a lock"
    where = _in(place_of(lock)) if lock is not None else ""
    outer = nest or "that lock, whose name is missing,"
    return [
        (
            f"{who_of(report)} takes {name}{where} with the annotation that another lock keeps all "
            f"of its class in order, and {outer} is not held."
        )
    ]


def rcu(report: ParsedReport) -> list[str]:
    message, place = report.extra.get("message"), report.extra.get("place")
    if message is None:
        return ["RCU is used in a way that nothing protects; the line that says how is missing."]
    said = [f"{who_of(report)}, at {place}: {message}"]
    notes = [note for note in report.extra.get("notes", ()) if not note.startswith("Possible")]
    if notes:
        said += notes
        said.append(
            "RCU does not watch such a CPU, so not even an open read-side section protects "
            "anything there."
        )
    else:
        said += [words for mark, words in RCU if mark in message][:1]
    if report.extra.get("debug_locks") == 0:
        said.append(
            "The validator was off by then (debug_locks = 0), so it may not know all that is "
            "held: this may be a false alarm after an earlier report."
        )
    return said


def sleeping(report: ParsedReport) -> list[str]:
    extra = report.extra
    why = []
    if extra.get("irqs_disabled"):
        why.append("interrupts are off")
    if extra.get("in_atomic"):
        why.append(f"preemption is off{_counted(extra.get('preempt_count'))}")
    if extra.get("non_block"):
        why.append("it is in a section that must not block")
    depth = extra.get("rcu_depth")
    if depth is not None and depth[0] != depth[1]:
        why.append(f"it is in {depth[0]} read-side section{'s' * (depth[0] != 1)} of RCU")
    said = [
        (
            f"{who_of(report)} calls something that may sleep, at {extra.get('place', 'a place')}"
            f"{f', while {_and(why)}' if why else ''}."
        )
    ]
    said += _off_at(report)
    if not why and any(lock.name.startswith("rcu_read_lock") for lock in report.held):
        said.append("It is in a read-side section of RCU, which must not sleep either.")
    return said


def sched_atomic(report: ParsedReport) -> list[str]:
    count = report.extra.get("preempt_count")
    said = [f"{who_of(report)} gives the CPU away where it must not."]
    if isinstance(count, int):
        said.append(f"Its preempt_count is {count:#010x}: {count_words(count)}.")
    return [*said, *_off_at(report)]


def count_words(count: int) -> str:
    """What the parts of preempt_count say."""
    parts = []
    if count & 0x7F000000 == 0x7F000000:  # bit 31 is x86's mark that the CPU is wanted
        return "below zero, so that it was lowered more often than raised"
    if count & 0xFF:
        parts.append(f"preemption is switched off {count & 0xFF}-fold")
    soft = count >> 8 & 0xFF
    if soft & 1:
        parts.append("a soft interrupt runs")
    if soft >> 1:
        parts.append(f"soft interrupts are switched off {soft >> 1}-fold")
    if count >> 16 & 0xF:
        parts.append("a hard interrupt runs")
    return _and(parts) if parts else "which does not show why"


def _counted(pair: tuple[int, int] | None) -> str:
    if pair is None:
        return ""
    return f" (preempt_count is {pair[0]:#x}, and {pair[1]:#x} was expected)"


def _off_at(report: ParsedReport) -> list[str]:
    frame = report.extra.get("preempt_off_at")
    if not isinstance(frame, ParsedFrame) or frame.function == "0x0":
        return []
    return [f"Preemption was switched off in {plain(frame.function)}()."]


def workqueue_leak(report: ParsedReport) -> list[str]:
    function, locks = report.extra.get("function"), report.extra.get("locks")
    said = [
        (
            f"A work function, {f'{function}()' if function else 'not named'}, run by "
            f"{who_of(report)}, did not leave the worker as it found it."
        )
    ]
    if locks is not None and locks[0] != locks[1]:
        said.append(f"Held locks: {locks[0]} before it, {locks[1]} after it.")
    count, depth = report.extra.get("preempt_count"), report.extra.get("rcu_depth")
    if count:
        said.append(f"preempt_count: {count_words(count)}.")
    if depth is not None and depth[0] != depth[1]:
        said.append(f"Depth of RCU sections: {depth[0]} before, {depth[1]} after.")
    return said


def unregistered_key(report: ParsedReport) -> list[str]:
    return [
        (
            "A lock is used that the validator has no key for: it lies in memory that was not "
            "initialised as a lock, or its key was not registered. The validator is off from here."
        )
    ]


def limit(report: ParsedReport) -> list[str]:
    return [
        (
            "A table of the validator is full, so it is off from here. Either a class is made anew "
            "again and again, or the kernel needs larger tables (CONFIG_LOCKDEP_*_BITS)."
        )
    ]


def chain_collision(report: ParsedReport) -> list[str]:
    return [
        (
            "Two different chains of held locks have the same key in the validator's table: a "
            "check of the validator itself; no lock is to blame."
        )
    ]


def dept(report: ParsedReport) -> list[str]:
    said = [
        (
            "DEPT, which tracks waits and the events that end them, found a circle: each context "
            "below waits for something before it comes to the event that another one waits for."
        )
    ]
    for name, context in report.extra.get("contexts", {}).items():
        wait, event = context.get("wait"), context.get("event")
        if wait and event:
            said.append(
                f"Context {name}: {event[0]}({event[1]}) is not reached before {wait[0]}({wait[1]})"
                " ends."
            )
    return said


def unknown(report: ParsedReport) -> list[str]:
    return [f"{who_of(report)}: a report that is not known here; see its text."]


KINDS: dict[str, Callable[[ParsedReport], list[str]]] = {
    "wait_context": wait_context,
    "bad_unlock": bad_unlock,
    "bad_contention": bad_contention,
    "held_freed": held_freed,
    "still_held": still_held,
    "user_return": user_return,
    "nested_not_taken": nested,
    "rcu": rcu,
    "sleeping": sleeping,
    "sched_atomic": sched_atomic,
    "workqueue_leak": workqueue_leak,
    "unregistered_key": unregistered_key,
    "limit": limit,
    "chain_collision": chain_collision,
    "dept": dept,
}


def _locks(report: ParsedReport) -> str:
    names = [lock.name for lock in report.held]
    if not names:
        return "locks that the text does not list"
    return _and([f"{lock.name}{_taken(lock)}" for lock in report.held])


def _taken(lock: ParsedLock) -> str:
    place = place_of(lock)
    return f" (taken in {place})" if place else ""


def _and(parts: list[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _in(place: str | None) -> str:
    return f" in {place}" if place else ""
