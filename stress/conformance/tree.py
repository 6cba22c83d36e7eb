"""The part of a kernel's `events` that a sequence is run on.

The kernels of the recording have some 1,600 static events.  A sequence's tree has the systems that
the sequence names, and those with every event that the recording lists of them, in the order of
the listing; where the sequence lists `events` itself, every system that it lists, those that it
does not name with one event each.  So every listing that was recorded comes out whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from stress.conformance.vectors import Sequence, Step, sequence

EVENTS = "$T/events"
TREE = "a_tree"
"""The sequence that lists `events` and a system."""
HIDDEN = "b_hidden_files"
"""The sequence that lists the system `ftrace`, whose events have few files."""
FILES = frozenset({".", "..", "enable", "filter", "header_page", "header_event"})
USED = {
    "timer": ("timer_start",),
    "syscalls": ("sys_enter_read",),
    "initcall": ("initcall_start",),
}
"""Systems of which a single event is used; the recording lists none of them."""
ANONYMOUS = "some_event"
"""The event of a system of which no event is known."""


@dataclass(frozen=True, slots=True)
class System:
    """A system and its events, in the order in which the top directory lists them."""

    name: str
    events: tuple[str, ...]


def systems_of(asked: Sequence) -> tuple[System, ...]:
    """The static systems of a sequence's tree."""
    named = dict.fromkeys(_named(asked.steps))
    listed = _listed(asked.steps, EVENTS)
    known = _known(asked.kernel)
    return tuple(
        System(name, known.get(name, (ANONYMOUS,)))
        for name in (listed or known)
        if listed or name in named
    )


def all_systems(kernel: str) -> tuple[System, ...]:
    """Every system of which events are known."""
    return tuple(System(name, events) for name, events in _known(kernel).items())


def _named(steps: tuple[Step, ...]) -> Iterator[str]:
    """The parts of paths that may be names of systems."""
    for step in steps:
        for arg in step.args:
            yield from re.split(r"[/. :]", arg)


@cache
def _known(kernel: str) -> dict[str, tuple[str, ...]]:
    """Systems with the events that are known of them, in the order of `events`."""
    tree, hidden = sequence(TREE, kernel), sequence(HIDDEN, kernel)
    known = {
        **USED,
        "sched": _listed(tree.steps, f"{EVENTS}/sched"),
        "ftrace": _listed(hidden.steps, f"{EVENTS}/ftrace"),
    }
    return {name: known[name] for name in _listed(tree.steps, EVENTS) if name in known}


def _listed(steps: tuple[Step, ...], path: str) -> tuple[str, ...]:
    """The directories that a listing of a directory gave, or none if it was not listed."""
    for step in steps:
        if step.op in ("ls", "lsn") and step.args == (path,):
            entries = [e if isinstance(e, str) else e["name"] for e in step.expect["entries"]]
            return tuple(name for name in entries if name not in FILES)
    return ()
