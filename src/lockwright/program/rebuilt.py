"""A thread program made from a kernel report: what the report says, as something that can be run.

Nothing is made up: a report that lacks what a program needs gives none, and says what it lacks.
Where a program needs more than the report tells, that stands in its `note`.

    circular                each order of the circle a thread
    recursive               one task, and a second one where it is two locks
    inconsistent            a task and an interrupt handler
    irq_order, irq_inversion  the orders as threads, a task and a handler
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.program.command import read_program
from lockwright.program.document import Document, Place, read_text
from lockwright.program.rebuilt_cycle import circle
from lockwright.program.rebuilt_interrupt import inconsistent, ordered
from lockwright.program.rebuilt_locks import (
    READ,
    SHARED,
    WRITE,
    WRITER,
    Draft,
    add_writer,
    declare,
    kinds_of,
    printable,
    release,
    seen_mode,
    take,
    usages_of,
)
from lockwright.report.read.parsed import Frames, ParsedReport
from lockwright.report.words import title_of
from lockwright.report.words_frames import acquiring, taking_of

ALONE = (
    "a task did this by itself; no other task and no order of steps is needed for it, so there is "
    "nothing to explore"
)
NONE = {
    "wait_context": "whether a lock may be waited for depends on where, not on what others do",
    "rcu": "whether something is protected is told by the code of one task",
    "dept": "what DEPT follows are waits and events whose beginnings it guesses, not locks",
    "unregistered_key": "it is about a lock's initialisation",
    "limit": "it is about the validator itself",
    "chain_collision": "it is about the validator itself",
    "bad_contention": "it is about lock statistics",
}


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The program of a report, as JSON; or, in `why_not`, why there is none.  `notes` say what it
    has beyond the report, `roles` what its threads are where their names do not tell."""

    data: dict[str, Value] | None
    notes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    why_not: str = ""

    def document(self, file: str, *, writers: bool = True) -> Document:
        """The program as `lockwright program` reads it from a file; or without the writers that
        the report does not show."""
        assert self.data is not None
        threads = self.data["threads"]
        shown = {name: threads[name] for name in threads if writers or name not in self.writers}
        (document,) = read_text(json.dumps({**self.data, "threads": shown}), Place(file))
        return document

    @property
    def writers(self) -> tuple[str, ...]:
        """The threads that stand for writers which the report does not show."""
        threads = self.data["threads"] if self.data is not None else {}
        return tuple(name for name in threads if name.startswith(WRITER))


def rebuild(report: ParsedReport, name: str) -> Rebuilt:
    """The program of a report; `name` is what it is to be called."""
    make = MAKERS.get(report.kind)
    if make is None:
        return Rebuilt(None, why_not=NONE.get(report.kind, ALONE))
    draft = make(report)
    if isinstance(draft, str):
        return Rebuilt(None, why_not=draft)
    if not printable([*draft.threads, *draft.locks, *draft.work, *draft.classes.values()]):
        return Rebuilt(None, why_not="a name in it cannot be printed")
    roles = tuple(f"{thread}: {role}" for thread, role in draft.roles.items())
    rebuilt = Rebuilt(draft.data(name, title_of(report)), tuple(draft.notes), roles)
    try:
        read_program(rebuilt.document(name))
    except UsageError as error:  # names of a damaged text, say one for a lock and a work item
        said = " ".join(str(error).split())
        return Rebuilt(None, why_not=f"it would be no valid program ({said})")
    return rebuilt


def recursive(report: ParsedReport) -> Draft | str:
    """A task that takes a lock of a class of which it holds one."""
    new, held = report.new_lock, report.held_lock
    if new is None or held is None:
        return "one of the two locks is missing, so whether it is one or two is not told"
    draft = Draft()
    kinds = kinds_of(report, [(new.name, acquiring(report.backtrace))])
    kind = kinds.of(new.name, draft)
    if kind in ("work", "workqueue"):
        draft.work[new.name] = "worker"
        draft.threads = {"starter": [["queue", new.name]], "worker": [["flush", new.name]]}
        return draft
    if kind in ("completion", "reclaim"):
        return f"{new.name} is an annotation that no lock can stand in for"
    usage = usages_of(report).get(new.name)
    at = (*held.inlined, held.at) if held.at is not None else ()
    modes = _mode(kind, at, usage), _mode(kind, acquiring(report.backtrace), usage)
    if not all(modes):
        draft.note(
            f"Whether {new.name} is taken as reader or writer, the report does not tell: as writer."
        )
    one, second = (mode or WRITE for mode in modes)
    if new.address is not None and new.address != held.address:
        return _two(draft, new.name, kind, (one, second))
    if new.address is None:
        draft.note("Whether it is one lock or two of a class, the report does not tell: as one.")
    return _one(draft, new.name, kind, (one, second), usage)


def _mode(kind: str, frames: Frames, usage: str | None) -> str:
    """READ or WRITE for one of the two; empty where nothing tells."""
    told = taking_of(frames).mode
    if kind == "srcu":
        return WRITE if told == "waits" else READ
    if kind not in SHARED:
        return WRITE
    if told in ("reader", "writer"):
        return READ if told == "reader" else WRITE
    return seen_mode(usage)


def _one(draft: Draft, name: str, kind: str, modes: tuple[str, str], usage: str | None) -> Draft:
    declare(draft, name, kind)
    first, second = modes
    if kind == "srcu" and second == WRITE:
        inner: list[list[Value]] = [["srcu_sync", name]]
    else:
        inner = [*take(name, kind, second), *release(name, kind, second)]
    draft.threads["task"] = [*take(name, kind, first), *inner, *release(name, kind, first)]
    if kind in SHARED and modes == (READ, READ):
        add_writer(draft, name, kind, usage)
    return draft


def _two(draft: Draft, name: str, kind: str, modes: tuple[str, str]) -> Draft:
    """Two locks of one class, and a second task that takes them the other way round."""
    both = [f"{name}, first", f"{name}, second"]
    for each in both:
        declare(draft, each, kind)
        draft.classes[each] = name
    for label, names in (("task", both), ("other task", both[::-1])):
        steps: list[list[Value]] = []
        for each, mode in zip(names, modes, strict=True):
            steps += take(each, kind, mode)
        for each, mode in zip(names[::-1], modes[::-1], strict=True):
            steps += release(each, kind, mode)
        draft.threads[label] = steps
    draft.note(
        "These are two locks of one class; one task alone does not hang on them. The other task, "
        "which takes such a pair the other way round, is assumed; the report does not show one."
    )
    return draft


MAKERS: dict[str, Callable[[ParsedReport], Draft | str]] = {
    "circular": circle,
    "recursive": recursive,
    "inconsistent": inconsistent,
    "irq_order": ordered,
    "irq_inversion": ordered,
}
