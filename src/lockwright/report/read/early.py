"""Reports of 2.6.18 to 2.6.29, which name states and write usage characters in another way.

    (&ei_local->page_lock){-+..}            (hardirq, softirq, then both once more for readers)
    {hardirq-on-W} -> {in-hardirq-W}        hard-safe, soft-irq-unsafe, soft-read-safe

There + says used in the interrupt and - taken with it on: from 2.6.30 on it is the other way round,
and a state's reader stands beside its writer.  They are read as the later kernels' are.

Source: get_usage_chars(), usage_str[] and check_prev_add_irq() of 2.6.18's kernel/lockdep.c, and
get_usage_char() of 2.6.30's.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lockwright.report.read.draft import Draft, EntryDraft
from lockwright.report.read.parsed import ParsedLock

EARLY_RELEASE = re.compile(r"2\.6\.(?:1[7-9]|2\d)(?!\d)")
EARLY_STATE = re.compile(r"(?:in-)?(?:hard|soft)(?:irq|-|$)")
KIND = re.compile(r"(HARD|SOFT)(?:-?IRQS?)?(-READ)?")
TURNED = str.maketrans("+-", "-+")
RELEASE = re.compile(r"(\d{1,3})\.(\d{1,4})(?:\.(\d{1,4}))?(?!\d)")


def before(release: str | None, version: tuple[int, int, int]) -> bool:
    """Whether a kernel is older than a version; False for one that is not known."""
    match = RELEASE.match(release) if release is not None else None
    return match is not None and (int(match[1]), int(match[2]), int(match[3] or 0)) < version


def state_name(state: str) -> str:
    """HARDIRQ, SOFTIRQ-READ: what later kernels call hard, soft-irq or soft-read."""
    match = KIND.fullmatch(state.upper())
    return f"{match[1]}IRQ{match[2] or ''}" if match is not None else state


def turned(usage: str) -> str:
    """Usage characters of the one kind as those of the other; its own inverse."""
    if len(usage) != 4:
        return usage
    signs = usage.translate(TURNED)
    return signs[0] + signs[2] + signs[1] + signs[3]


def is_early(draft: Draft, release: str | None) -> bool:
    """By the release, by a state's name, or by four characters under a headline in brackets:
    from 2.6.30 until such headlines ended, there were six."""
    if release is not None:
        return EARLY_RELEASE.match(release) is not None
    states = [state for _, state in draft.states] + [*(draft.usage or ())]
    if any(EARLY_STATE.match(state) for state in states):
        return True
    usages = {len(lock.usage) for lock in _locks(draft) if lock.usage is not None}
    return draft.title.startswith("[") and draft.kind != "wait_context" and usages == {4}


def undecided(draft: Draft, release: str | None) -> bool:
    """Whether nothing tells if its usage characters are those of 2.6.29 or of 4.14: no release, no
    headline, no state, and no lock with what only later kernels print."""
    if release is not None or draft.title or draft.states or draft.usage or draft.scenario:
        return False
    usages = [lock for lock in _locks(draft) if lock.usage is not None and len(lock.usage) == 4]
    return bool(usages) and all(lock.wait is None and lock.address is None for lock in usages)


def renew(draft: Draft) -> None:
    """All states and usage characters as from 2.6.30 on."""
    draft.locks = {part: _lock(lock) for part, lock in draft.locks.items()}
    draft.held = [_lock(lock) for lock in draft.held]
    if draft.dependency is not None:
        draft.dependency = (_lock(draft.dependency[0]), _lock(draft.dependency[1]))
    for entry in _entries(draft):
        entry.lock = _lock(entry.lock)
        entry.usages = [(bit.upper(), frames) for bit, frames in entry.usages]
    if draft.usage is not None:
        draft.usage = (draft.usage[0].upper(), draft.usage[1].upper())
    draft.states = [(role, _state(role, state)) for role, state in draft.states]


def _state(role: str, state: str) -> str:
    """hard-irq-safe is HARDIRQ-safe; the state of a registered use is one of the usages."""
    if role == "registered":
        return state.upper()
    name, _, safe = state.rpartition("-")
    return f"{state_name(name)}-{safe}"


def _entries(draft: Draft) -> list[EntryDraft]:
    return [*draft.chain, *(entry for entries in draft.dumps.values() for entry in entries)]


def _locks(draft: Draft) -> list[ParsedLock]:
    return [*draft.locks.values(), *draft.held, *(entry.lock for entry in _entries(draft))]


def _lock(lock: ParsedLock) -> ParsedLock:
    return lock if lock.usage is None else replace(lock, usage=turned(lock.usage))
