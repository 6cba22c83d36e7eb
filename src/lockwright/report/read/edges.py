"""The edges that a report proves: which class was taken with which held, and how.

How is read from the function that took the lock, where a call chain shows one; a reader of an
rwlock_t may be recursive or not, by context and kernel, so it stays open.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from lockwright.report.read.dept import dept_edges
from lockwright.report.read.draft import Draft, EntryDraft
from lockwright.report.read.missing import same_class
from lockwright.report.read.parsed import ParsedEdge, ParsedFrame

FAIR_READERS = ("down_read", "percpu_down_read", "__percpu_down_read", "cpus_read_lock")
RECURSIVE_READERS = ("srcu_read_lock", "__srcu_read_lock", "rcu_read_lock", "srcu_lock_acquire")
OPEN_READERS = ("_raw_read_lock", "__raw_read_lock", "queued_read_lock", "do_raw_read_lock")
WRITERS = (
    "down_write",
    "percpu_down_write",
    "_raw_write_lock",
    "__raw_write_lock",
    "cpus_write_lock",
    "lock_sync",
    "__synchronize_srcu",
)
ALWAYS_EXCLUSIVE = (
    "mutex_lock",
    "__mutex_lock",
    "_mutex_lock",
    "ww_mutex_lock",
    "__ww_mutex_lock",
    "rt_mutex_lock",
    "_raw_spin_lock",
    "__raw_spin_lock",
    "_spin_lock",
    "lock_sock_nested",
)
LOOKED_AT = 12


def taken_as(frames: Iterable[ParsedFrame]) -> tuple[str, bool]:
    """R, N or ? for the acquire that this chain ends in; True if its lock has no readers at all."""
    for number, frame in enumerate(frames):
        if number >= LOOKED_AT:
            break
        name = frame.function
        if name.startswith(ALWAYS_EXCLUSIVE):
            return "N", True
        if name.startswith(RECURSIVE_READERS):
            return "R", False
        if name.startswith(OPEN_READERS):
            return "?", False
        if name.startswith(FAIR_READERS) or name.startswith(WRITERS):
            return "N", False
    return "?", False


def edges_of(draft: Draft) -> tuple[ParsedEdge, ...]:
    """All edges of a report, in printed order, the one that it is about last."""
    if draft.kind == "dept":
        return dept_edges(draft)
    raw = _chain_edges(draft) if draft.kind == "circular" else _dump_edges(draft)
    exclusive = {taken for _, taken, frames, _ in raw if taken_as(frames)[1]}
    exclusive |= {name for name, reader in _scenario_holders(draft) if not reader}
    readers = {name for name, reader in _scenario_holders(draft) if reader}
    edges = []
    for held, taken, frames, newest in raw:
        holder = "E" if held in exclusive else "?"
        if newest and held in readers:
            holder = "S"
        kind = taken_as(frames)[0]
        edges.append(ParsedEdge(held, taken, holder + kind, tuple(frames)))
    return tuple(edges)


Raw = tuple[str, str, list[ParsedFrame], bool]


def _scenario_holders(draft: Draft) -> list[tuple[str, bool]]:
    """The held lock of a circular report's scenario, if it says rlock( anywhere, as from 6.4 on."""
    lines = [text for _, text in draft.scenario]
    held = draft.locks.get("held")
    if draft.kind != "circular" or held is None or not lines:
        return []
    return [(held.name, True)] if lines[0] == f"rlock({held.name});" else []


def _chain_edges(draft: Draft) -> list[Raw]:
    """#k was taken with #(k-1) held; the task that reports holds #n and takes #0."""
    by_number = {entry.number: entry for entry in draft.chain}
    found: list[Raw] = []
    for entry in draft.chain:
        below = by_number.get(entry.number - 1)
        if entry.number > 0 and below is not None:
            found.append((below.lock.name, entry.lock.name, entry.frames, False))
    newest = by_number.get(0)
    held, new = draft.locks.get("held"), draft.locks.get("new")
    if held is not None and new is not None:
        names = [entry.lock.name for entry in draft.chain]
        first, last = class_among(names, held.name), class_among(names, new.name)
        found.append((first, last, newest.frames if newest else [], True))
    return found


def class_among(names: list[str], printed: str) -> str:
    """A lock's class: its printed name, but for what a print function added to it."""
    if printed in names:
        return printed
    return next((name for name in names if same_class(printed, name)), printed)


def _dump_edges(draft: Draft) -> list[Raw]:
    """Of the lists of classes of an interrupt report."""
    found = _backwards(draft.dumps.get("safe", []))
    found += _forwards(draft.dumps.get("unsafe", []))
    path = draft.dumps.get("path", [])
    found += _forwards(path) if draft.extra.get("forwards", True) else _backwards(path)
    if draft.dependency is not None:
        held, new = draft.dependency
        frames = [line.frame for line in draft.trace if line.frame is not None]
        found.append((held.name, new.name, frames, True))
    elif draft.kind == "recursive" and "held" in draft.locks and "new" in draft.locks:
        frames = [line.frame for line in draft.trace if line.frame is not None]
        found.append((draft.locks["held"].name, draft.locks["new"].name, frames, True))
    return found


def _neighbours(dump: list[EntryDraft]) -> list[tuple[EntryDraft, EntryDraft]]:
    """Printed after each other, the second one blank less indented."""
    pairs = pairwise(dump)
    return [(first, second) for first, second in pairs if first.number == second.number + 1]


def _forwards(dump: list[EntryDraft]) -> list[Raw]:
    """The root (no indent) was held first; an entry's trace is where it was taken."""
    return [
        (outer.lock.name, inner.lock.name, inner.acquired or [], False)
        for inner, outer in _neighbours(dump)
    ]


def _backwards(dump: list[EntryDraft]) -> list[Raw]:
    """The deepest was held first.  From 5.11 on an entry's trace is where it was taken itself, and
    the deepest has none; before, it is where the next one was taken."""
    old = bool(dump) and dump[0].acquired is not None
    return [
        (outer.lock.name, inner.lock.name, (outer if old else inner).acquired or [], False)
        for outer, inner in _neighbours(dump)
    ]
