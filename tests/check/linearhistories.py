"""Histories with known answers: random ones of small objects, and a search that tries everything.

The objects are references too: `apply` is what a call does, and the state is a value.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations, permutations

from lockwright.check.linearizability import fifo
from lockwright.core.history import Entry, Reference
from lockwright.core.location import Value

Outcomes = Iterator[tuple[Value, Hashable]]


class Register:
    """Written and read, and compared and swapped."""

    calls = (("write", 1), ("write", 2), ("read",), ("cas", 1, 2), ("cas", 2, 1))

    def initial(self) -> Hashable:
        return 0

    def apply(self, state: Value, call: str, arguments: tuple[Value, ...]) -> Outcomes:
        if call == "read":
            yield state, state
        elif call == "write":
            yield None, arguments[0]
        else:
            swapped = state == arguments[0]
            yield swapped, arguments[1] if swapped else state


class Queue:
    """First in, first out; 0 where nothing is in it."""

    calls: tuple[tuple[Value, ...], ...] = (
        *(("put", 1), ("put", 2), ("put", 3)),
        *(("get",), ("get",), ("length",)),
    )

    def initial(self) -> Hashable:
        return ()

    def apply(self, state: Value, call: str, arguments: tuple[Value, ...]) -> Outcomes:
        if call == "put":
            yield None, (*state, *arguments)
        elif call == "length":
            yield len(state), state
        else:
            yield (state[0], state[1:]) if state else (0, state)


class Fifo(Queue):
    """The same, which says what follows from that; values are put once."""

    calls = (*(("put", value) for value in (1, 2, 3, 4, 5, 6, 7, 8)), *[("get",)] * 6)
    order = staticmethod(fifo("put", "get", empty=(0,)))


class Set:
    """Says of each change whether it changed anything."""

    calls = (("add", 1), ("add", 2), ("remove", 1), ("remove", 2), ("has", 1), ("has", 2))

    def initial(self) -> Hashable:
        return frozenset()

    def apply(self, state: Value, call: str, arguments: tuple[Value, ...]) -> Outcomes:
        there = arguments[0] in state
        if call == "add":
            yield not there, state | set(arguments)
        elif call == "remove":
            yield there, state - set(arguments)
        else:
            yield there, state


class Parts(Set):
    """The same, each member being a part of its own."""

    def partition(self, call: str, arguments: tuple[Value, ...]) -> Hashable:
        member: Hashable = arguments[0]
        return member


class Counter:
    """Counts, and tells what it came to, or what it had."""

    calls = (("increment",), ("take",), ("read",))

    def initial(self) -> Hashable:
        return 0

    def apply(self, state: Value, call: str, arguments: tuple[Value, ...]) -> Outcomes:
        if call == "increment":
            yield state + 1, state + 1
        elif call == "take":
            yield state, 0
        else:
            yield state, state


class Lock:
    """A lock that nobody waits for; it may fail for no reason."""

    calls = (("trylock",), ("trylock",), ("unlock",), ("is_locked",))

    def initial(self) -> Hashable:
        return False

    def apply(self, state: Value, call: str, arguments: tuple[Value, ...]) -> Outcomes:
        if call == "is_locked":
            yield state, state
        elif call == "unlock":
            yield None, False
        else:
            yield False, state
            if not state:
                yield True, True


class Directory:
    """Directories that have files: names that can only be there while their directory is."""

    calls = (
        *(("mkdir", "a"), ("rmdir", "a"), ("create", "a", "id"), ("remove", "a", "id")),
        *(("list", "a"), ("list", "a")),
    )

    def initial(self) -> Hashable:
        return None

    def apply(self, state: Value, call: str, arguments: tuple[Value, ...]) -> Outcomes:
        _, *names = arguments
        there = state is not None
        if call == "mkdir":
            yield (-17, state) if there else (0, ())
        elif not there:
            yield -2, None
        elif call == "rmdir":
            yield (-39, state) if state else (0, None)
        elif call == "list":
            yield state, state
        elif call == "create":
            yield (-17, state) if names[0] in state else (0, (*state, *names))
        else:
            yield (0, ()) if state else (-2, state)


OBJECTS: tuple[type[Reference], ...] = (Register, Queue, Fifo, Set, Parts, Counter, Lock, Directory)


def history(made: random.Random, reference: Reference, tasks: int, calls: int) -> list[Entry]:
    """What really happened: each call takes effect at some moment while it lasts.

    The last moments may be missing, so that some calls are pending; and a result may be wrong.
    """
    alphabet: Sequence[tuple[Value, ...]] = reference.calls  # type: ignore[attr-defined]  # OBJECTS
    state, clock = reference.initial(), 0
    entries: list[Entry] = []
    open_: dict[int, tuple[Entry, bool, Value]] = {}
    left = [calls] * tasks
    stop = made.randrange(2 * tasks * calls, 6 * tasks * calls)
    while clock < stop and (open_ or any(left)):
        task = made.choice([n for n in range(tasks) if left[n] or n in open_])
        clock += 1
        if task not in open_:
            name, *arguments = made.choice(alphabet)
            open_[task] = Entry(task, name, tuple(arguments), clock, None), False, None
            left[task] -= 1
            continue
        entry, done, result = open_[task]
        if not done:
            result, state = made.choice(list(reference.apply(state, entry.call, entry.arguments)))
            open_[task] = entry, True, result
            continue
        del open_[task]
        entries.append(Entry(task, entry.call, entry.arguments, entry.invoked, clock, result))
    entries += [entry for entry, _, _ in open_.values()]
    return spoilt(made, entries) if made.random() < 0.7 else entries


def spoilt(made: random.Random, entries: list[Entry]) -> list[Entry]:
    """One result more is that of another call."""
    over = [n for n, entry in enumerate(entries) if entry.returned is not None]
    if not over:
        return entries
    at, other = made.choice(over), made.choice(over)
    was = entries[at]
    told = was.task, was.call, was.arguments, was.invoked, was.returned, entries[other].result
    return [Entry(*told) if n == at else entry for n, entry in enumerate(entries)]


def explained(entries: Sequence[Entry], reference: Reference) -> bool:
    """Is there an order?  Tries all orders of the calls that returned and of any others."""
    over = [entry for entry in entries if entry.returned is not None]
    pending = [entry for entry in entries if entry.returned is None]
    return any(
        follows(order, reference)
        for count in range(len(pending) + 1)
        for some in combinations(pending, count)
        for order in permutations((*over, *some))
        if in_time(order)
    )


def in_time(order: Sequence[Entry]) -> bool:
    """Does nothing come after what had not begun when it was over?"""
    return not any(
        later.returned is not None and later.returned < earlier.invoked
        for earlier, later in combinations(order, 2)
    )


def follows(order: Sequence[Entry], reference: Reference) -> bool:
    """Can the reference give these results in this order?"""
    states = [reference.initial()]
    for entry in order:
        states = [
            after
            for state in states
            for gave, after in reference.apply(state, entry.call, entry.arguments)
            if entry.returned is None or gave == entry.result
        ]
    return bool(states)
