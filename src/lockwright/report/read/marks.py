"""Lines that say which part of a report begins: the sentences that reports are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from lockwright.report.read.draft import Draft, EntryDraft
from lockwright.report.read.frames import parse_frame
from lockwright.report.read.locks import parse_lock, parse_who, scan_class, split_irqs

PARTS = {
    "but task is already holding lock:": "held",
    "and this task is already holding:": "held",
    "which would create a new lock dependency:": "dependency",
    "which lock already depends on the new lock.": "depends",
    "the existing dependency chain (in reverse order) is:": "chain",
    "other info that might help us debug this:": "info",
    "other info that might help us debug this::": "info",
    "Chain exists of:": "exists",
    "Possible unsafe locking scenario:": "scenario",
    "Possible interrupt unsafe locking scenario:": "scenario",
    "*** DEADLOCK ***": "deadlock",
    "May be due to missing lock nesting notation": "nesting",
    "and interrupts could create inverse lock ordering between them.": "inverse",
    "the dependencies between the lock to be acquired": "dumps",
    "the shortest dependencies between 2nd lock and 1st lock:": "dumps:path",
    "the first lock's dependencies:": "dumps:path",
    "the second lock's dependencies:": "dumps:second",
    "stack backtrace:": "backtrace",
    "but there are no more locks to release!": "no_more",
    "but there are no locks held!": "no_more",
    "but this task is not holding:": "nest",
    "Preemption disabled at:": "preempt",
    "turning off the locking correctness validator.": "off",
}
ACQUIRES = {
    " is trying to acquire lock:": "new",
    " is trying to acquire:": "new",
    " is trying to lock:": "new",
    " just changed the state of lock:": "new",
    " takes:": "new",
}
LEAVES = (" is leaving the kernel with locks still held!", " is exiting with locks still held!")
HELD = re.compile(r"(?:no|(\d{1,5})) locks? held by (.{1,80}?)[.:]$", re.DOTALL)
RELEASE = re.compile(
    r"(.{1,80}?) is trying to (?:release|contend) lock \((.{0,512})\) ?at:$", re.DOTALL
)
FREED = re.compile(
    r"(.{1,80}?) is freeing memory (?:([0-9a-fA-Fx]{4,18})-([0-9a-fA-Fx]{4,18})|\.\.\.),"
    r"(?: with a lock still held there!)?$"
)
SAFE = re.compile(r"but this new dependency connects a ([\w-]{4,24}?)(?:-irq)?-safe lock:$")
UNSAFE = re.compile(r"to a ([\w-]{4,24}?)(?:-irq)?-unsafe lock:$")
BECAME = re.compile(r"\.{2,3} which became ([\w-]{4,24}?)(?:-irq)?-(safe|unsafe) at:$")
OTHER = re.compile(
    r"but this lock (took|was taken by) another, ([\w-]{4,24})-(safe|unsafe) lock in the past:$"
)
SAFE_DUMP = re.compile(r"the dependencies between [\w-]{4,24}-safe lock and the holding lock:$")
OLD_DUMP = re.compile(r"the [\w-]{4,24}-(safe|unsafe) lock's dependencies:$")
UNSAFE_DUMP = re.compile(r"and [\w-]{4,24}-unsafe lock:$")
USAGES = re.compile(r"(?:inconsistent|illegal) \{([^{}]{1,40})\} -> \{([^{}]{1,40})\} usage\.$")
REGISTERED = re.compile(r"\{([^{}]{1,40})\} state was registered at:$")
COMPARED = re.compile(r"and the lock comparison function returns (-?\d{1,10}):$")
EVENTS = re.compile(r"irq event stamp: (\d{1,16})$")
SWITCH = re.compile(
    r"((?:hard|soft)irqs) last +(enabled|disabled) at \((\d{1,16})\): ?(.{0,3800})$"
)
Action: TypeAlias = Callable[[Draft, re.Match[str]], None]
INLINED_MAX = 100
TURNED_OFF = "INFO: lockdep is turned off."
STARTS = (
    "-> #",
    "... which",
    ".. which",
    "{",
    "inconsistent {",
    "illegal {",
    "irq event",
    "hardirqs last",
    "softirqs last",
    "but this",
    "to a ",
    "the ",
    "and ",
    TURNED_OFF,
)


def mark(draft: Draft, body: str) -> bool:
    """A sentence that begins a part; `body` has no blanks around it.  False: it is none."""
    part = PARTS.get(body)
    if part is not None:
        draft.again = part == "backtrace" and part in draft.found
        draft.begin(part)
        if part == "chain":
            draft.part = "entries"
        return True
    if body.startswith(STARTS):
        return _by_start(draft, body)
    last = body[-1]
    if last == ":":
        return _by_end(draft, body)
    if last == "." and body.startswith("no locks held by "):
        return _held_list(draft, body)
    if last in "!," and " " in body:
        return _freed(draft, body)
    return False


def take_who(draft: Draft, text: str) -> bool:
    """comm/pid, of the first task that the report names."""
    who = parse_who(text)
    if who is None:
        return False
    if draft.comm is None:
        draft.comm, draft.pid = who
    return True


def _by_end(draft: Draft, body: str) -> bool:
    for end, part in ACQUIRES.items():
        if body.endswith(end):
            text, irqs = split_irqs(body[: -len(end)])
            if "new" in draft.found or not take_who(draft, text):
                return False
            draft.irqs = draft.irqs or irqs
            draft.begin(part)
            return True
    if " held by " in body:
        return _held_list(draft, body)
    match = RELEASE.match(body)
    if match is not None and take_who(draft, match[1]):
        draft.extra["released"] = match[2]
        draft.begin("release")
        return True
    return False


def _held_list(draft: Draft, body: str) -> bool:
    match = HELD.match(body)
    if match is None or "held_list" in draft.found:
        return False
    draft.held_count = int(match[1]) if match[1] else 0
    take_who(draft, match[2])
    draft.begin("held_list")
    return True


def _freed(draft: Draft, body: str) -> bool:
    if body.endswith(LEAVES):
        draft.begin("leaving")
        return take_who(draft, body[: body.rindex(" is ")])
    match = FREED.match(body)
    if match is None or not take_who(draft, match[1]):
        return False
    if match[2]:
        draft.extra["memory"] = (match[2], match[3])
    draft.begin("new")
    return True


def _by_start(draft: Draft, body: str) -> bool:
    if body.startswith("-> #"):
        return _entry(draft, body)
    if body.startswith(("irq event", "hardirqs", "softirqs")):
        return _stamps(draft, body)
    if body == TURNED_OFF:
        draft.extra["lockdep_off"] = True
        return True
    for pattern, act in ACTIONS:
        match = pattern.match(body)
        if match is not None:
            act(draft, match)
            return True
    return False


def _entry(draft: Draft, body: str) -> bool:
    digits = len(body) - len(body[4:].lstrip("0123456789")) - 4
    if not 0 < digits < 6:
        return False
    number = int(body[4 : 4 + digits])
    found = scan_class(body[4 + digits :])
    draft.begin(f"entry:{number}")
    draft.part = "entries"
    if found is None:
        draft.extra.setdefault("unreadable", []).append(number)
        return True
    entry = EntryDraft(number, found[0])
    draft.chain.append(entry)
    draft.frames = entry.frames
    return True


def _stamps(draft: Draft, body: str) -> bool:
    stamps = draft.extra.setdefault("stamps", {})
    match = EVENTS.match(body)
    if match is not None:
        stamps["events"] = int(match[1])
        draft.begin("stamps")
        return True
    match = SWITCH.match(body)
    if match is None:
        return False
    stamps[f"{match[1]} last {match[2]}"] = (int(match[3]), parse_frame(match[4]))
    draft.frames = None
    return True


def _state(role: str) -> Action:
    def act(draft: Draft, match: re.Match[str]) -> None:
        draft.states.append((role, f"{match[1]}-{role}"))
        draft.begin(f"state:{role}")

    return act


def _other(draft: Draft, match: re.Match[str]) -> None:
    draft.states.append(("other", f"{match[2]}-{match[3]}"))
    draft.extra["forwards"] = match[1] == "took"
    draft.begin("state:other")


def _became(draft: Draft, match: re.Match[str]) -> None:
    draft.begin(f"became:{match[2]}")
    draft.frames = draft.state_frames.setdefault(match[2], [])


def _registered(draft: Draft, match: re.Match[str]) -> None:
    draft.states.append(("registered", match[1]))
    draft.begin("registered")
    draft.frames = draft.state_frames.setdefault("registered", [])


def _usages(draft: Draft, match: re.Match[str]) -> None:
    draft.usage = (match[1], match[2])
    draft.begin("usage")


def _compared(draft: Draft, match: re.Match[str]) -> None:
    draft.extra["compared"] = int(match[1])


def _dumps(name: str | None) -> Action:
    def act(draft: Draft, match: re.Match[str]) -> None:
        draft.begin(f"dumps:{name or match[1]}")

    return act


ACTIONS = (
    (SAFE, _state("safe")),
    (UNSAFE, _state("unsafe")),
    (BECAME, _became),
    (OTHER, _other),
    (SAFE_DUMP, _dumps("safe")),
    (UNSAFE_DUMP, _dumps("unsafe")),
    (OLD_DUMP, _dumps(None)),
    (USAGES, _usages),
    (REGISTERED, _registered),
    (COMPARED, _compared),
)


def take_lock(draft: Draft, part: str, body: str) -> bool:
    """A lock line of a part; a symbolised log repeats it for each inlined function."""
    lock = parse_lock(body)
    if lock is None:
        return False
    before = draft.locks.get(part)
    if before is None:
        draft.locks[part] = lock
        return True
    if before.name != lock.name or before.at is None or len(before.inlined) >= INLINED_MAX:
        return False
    draft.locks[part] = replace(lock, inlined=(*before.inlined, before.at))
    return True
