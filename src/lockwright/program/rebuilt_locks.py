"""The locks and threads of a program that is made from a report.

What a report does not tell (which kind of lock, held as reader or as writer) is filled in with what
its class has been seen to do, and said in `notes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from lockwright.core.location import Value
from lockwright.report.read.parsed import Frames, ParsedReport
from lockwright.report.words_frames import Taking, plain, taking_of
from lockwright.report.words_locks import modes_seen

READ, WRITE, UNTOLD = "read", "write", ""
WRITER = "writer of "
MAPS = (
    (r"\(work_completion\)", "work"),
    (r"\(wq_completion\)", "workqueue"),
    (r"\(completion\)|\(\(complet", "completion"),
    (r"fs_reclaim$|mmu_notifier_invalidate_range_start$", "reclaim"),
    (r"sb_(?:writers|internal|pagefaults)|cpu_hotplug_lock", "percpu_rwsem"),
    (r"sk_lock-|console_lock$", "mutex"),
    (r"jbd2_handle$|&q->q_usage_counter|kn->active|s_active", "rwsem"),
)
KINDS = tuple((re.compile(pattern), kind) for pattern, kind in MAPS)
NO_LOCK = ("jbd2_handle", "&q->q_usage_counter", "kn->active", "s_active", "console_owner")
WAITING = re.compile(r"\w*(?:freeze|drain|wait_commit|wait_for_commit|log_wait|kernfs_\w*remove)")
"""Functions that wait until all users of such a map are gone, as a writer does."""


SPINNING = ("spinlock", "raw_spinlock", "rwlock")
SHARED = ("rwlock", "rwsem", "percpu_rwsem")
LOCKS = (*SPINNING, "mutex", "rwsem", "percpu_rwsem", "srcu")
PRINTED = ("spinlock", "rwlock", "mutex", "rwsem")
"""Kinds whose own function may be the place of a lock, where it was not inlined."""

STAND_INS = {"ww_mutex": "mutex", "rtmutex": "rtmutex"}


@dataclass(slots=True)
class Draft:
    """A program in the making: its keys, what its threads are, and what was assumed."""

    threads: dict[str, list[list[Value]]] = field(default_factory=dict)
    locks: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    work: dict[str, str] = field(default_factory=dict)
    irq: dict[str, Value] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Say what was assumed, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def data(self, name: str, title: str) -> dict[str, Value]:
        """The program as `lockwright program` reads it."""
        found: dict[str, Value] = {"name": name, "title": title, "locks": self.locks}
        for key in ("classes", "work", "irq"):
            if getattr(self, key):
                found[key] = getattr(self, key)
        found["threads"] = self.threads
        if self.notes:
            found["note"] = " ".join(self.notes)
        return found


@dataclass(frozen=True, slots=True)
class Kinds:
    """What kind of lock each class of a report is."""

    known: dict[str, str]
    guessed: dict[str, str]

    def of(self, name: str, draft: Draft) -> str:
        """The kind of a class; a guess is noted."""
        if name in self.known:
            kind = self.known[name]
            if kind == "rwsem" and name.startswith(NO_LOCK):
                draft.note(f"{name} is an annotation of a wait; a rwsem stands in for it.")
            return kind
        kind = self.guessed.get(name, "mutex")
        draft.note(f"The report does not tell what kind of lock {name} is; taken for a {kind}.")
        return kind


def kinds_of(report: ParsedReport, takings: Iterable[tuple[str, Frames]]) -> Kinds:
    """What names, call chains and usage tell of each class."""
    known: dict[str, str] = {}
    guessed: dict[str, str] = {}
    for name, frames in takings:
        by_name = next((kind for pattern, kind in KINDS if pattern.match(name)), None)
        kind = by_name or taking_of(frames).kind
        kind = STAND_INS.get(kind or "", kind or "")
        if kind:
            known.setdefault(name, kind)
    for lock in (report.new_lock, report.held_lock, *report.held):
        taken = taking_of((lock.at,)).kind if lock is not None and lock.at is not None else None
        if lock is not None and taken in PRINTED:
            known.setdefault(lock.name, taken)
    usages = usages_of(report)
    for name, usage in usages.items():
        exclusive, reading = modes_seen(usage)
        in_interrupt = any(mark in "-?" for mark in usage)
        never = not exclusive and not reading
        if in_interrupt or never or name.startswith("console_owner"):
            guessed[name] = "rwlock" if reading else "spinlock"
        else:
            guessed[name] = "rwsem" if reading else "mutex"
    return Kinds(known, guessed)


def usages_of(report: ParsedReport) -> dict[str, str]:
    """The usage characters of each class that the report prints them for, if they can be read."""
    found: dict[str, str] = {}
    if report.layout.undecided:
        return found
    locks = [report.new_lock, report.held_lock, *report.held]
    locks += [state.lock for state in report.states]
    for lock in locks:
        if lock is not None and lock.usage:
            found.setdefault(lock.name, lock.usage)
    for entry in report.chain:
        if entry.usage:
            found.setdefault(entry.name, entry.usage)
    for dump in (dump for dumps in report.dumps.values() for dump in dumps):
        if dump.usage:
            found.setdefault(dump.name, dump.usage)
    return found


def mode_of(name: str, kind: str, taking: Taking, frames: Frames, usage: str | None) -> str:
    """READ, WRITE, or UNTOLD, for how a call chain takes a lock."""
    if kind not in SHARED:
        return READ if kind == "srcu" and taking.mode != "waits" else WRITE
    if taking.mode in ("reader", "writer"):
        return READ if taking.mode == "reader" else WRITE
    if name.startswith(NO_LOCK) and frames:
        names = [plain(frame.function) for frame in frames[:8] if not frame.unsure]
        return WRITE if any(WAITING.match(each) for each in names) else READ
    return seen_mode(usage)


def seen_mode(usage: str | None) -> str:
    """What a class's usage leaves open: nobody has read, or nobody has written."""
    exclusive, reading = modes_seen(usage)
    if exclusive != reading:
        return WRITE if exclusive else READ
    return UNTOLD


def take(name: str, kind: str, mode: str, *, handler: bool = False) -> list[list[Value]]:
    """The step that takes a lock."""
    if kind == "srcu":
        return [["srcu_lock", name]]
    if kind in SHARED:
        reading = "rrlock" if handler and kind == "rwlock" else "rlock"
        return [[reading if mode == READ else "wlock", name]]
    return [["lock", name]]


def release(name: str, kind: str, mode: str) -> list[list[Value]]:
    """The step that releases it."""
    if kind == "srcu":
        return [["srcu_unlock", name]]
    if kind in SHARED:
        return [["runlock" if mode == READ else "wunlock", name]]
    return [["unlock", name]]


def declare(draft: Draft, name: str, kind: str) -> None:
    """Give the program a lock."""
    if kind in LOCKS or kind == "rtmutex":
        draft.locks[name] = kind


def add_writer(draft: Draft, name: str, kind: str, usage: str | None) -> None:
    """A task that wants a lock exclusively, for readers to wait behind."""
    exclusive, _ = modes_seen(usage)
    draft.threads[f"{WRITER}{name}"] = [*take(name, kind, WRITE), *release(name, kind, WRITE)]
    seen = (
        ""
        if exclusive or usage is None
        else "; as far as its usage tells, nobody had taken it exclusively by then"
    )
    draft.note(
        f"A reader of {name} waits for another one only if a writer waits in between; the report "
        f"shows no writer{seen}."
    )


def printable(names: Iterable[str]) -> bool:
    """Can all be names in a program?"""
    return all(name and name.isprintable() for name in names)
