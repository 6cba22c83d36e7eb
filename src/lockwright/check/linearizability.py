"""Linearizability: can the calls of a history have taken effect one by one, each at some moment
between its invocation and its response?

    found = linearize(history, reference_of(Table))
    if isinstance(found, Refusal):
        print(found.text)

An object is its own reference when nobody else is about.  Where it has parts that do not affect
each other, and says so (`Reference.partition`), each part is searched alone.

Every prefix of a linearizable history is linearizable.  So of one that is not, the shortest prefix
that is not is reported: its last response is what no order explains.

Source: Herlihy, Wing, "Linearizability: A Correctness Condition for Concurrent Objects" (TOPLAS
12(3), 1990); Horn, Kroening, "Faster linearizability checking via P-compositionality" (FORTE
2015); the search is `linearsearch.py`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from lockwright.check.linearorder import fifo
from lockwright.check.linearreference import AnyOf, reference_of
from lockwright.check.linearsearch import Search
from lockwright.check.lineartext import because, timeline
from lockwright.check.rule import Rule
from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.history import Entry, Made, Reference, Thing, plain
from lockwright.core.location import Value
from lockwright.core.world import World

__all__ = [
    "NOT_LINEARIZABLE",
    "AnyOf",
    "Effect",
    "Entry",
    "Linearizability",
    "Linearization",
    "Made",
    "Reference",
    "Refusal",
    "Thing",
    "fifo",
    "linearize",
    "reference_of",
]

NOT_LINEARIZABLE = "not linearizable"
"""The kind of finding."""
EXPLAINED_MAX = 20_000
"""At most so many nodes are looked at to say what a call could have given."""


class Effect(NamedTuple):
    """A call that takes effect, and what it gives."""

    entry: Entry
    result: Value


@dataclass(frozen=True, slots=True)
class Linearization:
    """An order of the calls that explains a history.

    Pending calls that need not have taken effect are not in it.  `nodes` tells how much was looked
    at.
    """

    order: tuple[Effect, ...]
    nodes: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """No order explains a history.

    `history` is its shortest prefix that is not linearizable, of the part that it is about: what
    returned later is pending there.  `last` is the call that returned last in it, and `possible`
    are the results that some order explains, None if that was too much to find out.  `order`
    explains all other responses.
    """

    history: tuple[Entry, ...]
    last: Entry
    possible: tuple[Value, ...] | None
    order: tuple[Effect, ...]
    nodes: int

    @property
    def message(self) -> str:
        """What broke, as one sentence."""
        return because(self.last)

    @property
    def lines(self) -> list[str]:
        """The calls over time, and what they could have given."""
        return timeline(self.history, self.last, self.possible, self.order)

    @property
    def text(self) -> str:
        """Both."""
        return "\n".join([f"{NOT_LINEARIZABLE}: {self.message}", *self.lines])


def linearize(history: Sequence[Entry], reference: Reference) -> Linearization | Refusal:
    """Find an order that explains a history, or that there is none.

    Raises UsageError for a call that returned before it began.
    """
    entries = [_checked(entry) for entry in history]
    orders: list[list[tuple[int, Value]]] = []
    nodes = 0
    for part in _parts(entries, reference):
        search = Search([entries[at] for at in part], reference)
        order = search.run()
        nodes += search.nodes
        if order is None:
            return _refusal(search, nodes)
        orders.append([(part[call], result) for call, result in order])
    order = _merged(entries, orders)
    return Linearization(tuple(Effect(entries[at], gave) for at, gave in order), nodes)


def _checked(entry: Entry) -> Entry:
    if entry.returned is not None and entry.returned <= entry.invoked:
        raise UsageError(
            f"{entry} of {entry.who} returned at {entry.returned}, and was invoked at "
            f"{entry.invoked}: a call returns after its invocation"
        )
    arguments = tuple(plain(argument) for argument in entry.arguments)
    return replace(entry, arguments=arguments, result=plain(entry.result))


def _parts(entries: Sequence[Entry], reference: Reference) -> list[list[int]]:
    """The places of the calls of each part of the object; of all, if some are about several."""
    partition = getattr(reference, "partition", None)
    everything = list(range(len(entries)))
    if partition is None:
        return [everything]
    parts: dict[Hashable, list[int]] = {}
    for at, entry in enumerate(entries):
        part = None if _has_thing(entry.arguments) else partition(entry.call, entry.arguments)
        if part is None:
            return [everything]
        parts.setdefault(part, []).append(at)
    return list(parts.values())


def _has_thing(value: Value) -> bool:
    """Is it known by another name to the reference, or has it parts that are?"""
    if isinstance(value, Thing):
        return True
    return isinstance(value, tuple) and any(map(_has_thing, value))


def _merged(
    entries: Sequence[Entry], orders: list[list[tuple[int, Value]]]
) -> list[tuple[int, Value]]:
    """One order of all parts; there is one, because linearizability is a local property."""
    if len(orders) == 1:
        return orders[0]
    left = [list(order) for order in orders if order]
    merged: list[tuple[int, Value]] = []
    while left:
        ends = [entries[at].returned for order in left for at, _ in order]
        first = min((end for end in ends if end is not None), default=None)
        # its own part's order may put others first; all of them began before it returned
        queue = next(
            (order for order in left if first is None or entries[order[0][0]].invoked <= first),
        )
        merged.append(queue.pop(0))
        left = [order for order in left if order]
    return merged


def _refusal(whole: Search, nodes: int) -> Refusal:
    """Say why there is no order, of the shortest prefix for which there is none."""
    for count in range(whole.explained + 1, len(whole.responses) + 1):
        entries, places = _prefix(whole, count)
        search = Search(entries, whole.reference)
        found = search.run()
        nodes += search.nodes
        if found is None:
            break
    last = places.index(whole.responses[count - 1])
    possible = Search(entries, whole.reference, last).results(EXPLAINED_MAX)
    without = list(entries)
    without[last] = replace(entries[last], returned=None, result=None)
    order = Search(without, whole.reference).run()
    return Refusal(
        tuple(entries),
        entries[last],
        None if possible is None else tuple(possible),
        tuple(Effect(entries[call], gave) for call, gave in order or ()),
        nodes,
    )


def _prefix(whole: Search, count: int) -> tuple[list[Entry], list[int]]:
    """The history up to so many responses, and the places that its calls have in all of it."""
    over = whole.responses[:count]
    end = whole.entries[over[-1]].returned or 0
    places = [at for at, entry in enumerate(whole.entries) if entry.invoked <= end]
    entries = [
        whole.entries[at] if at in over else replace(whole.entries[at], returned=None, result=None)
        for at in places
    ]
    return entries, places


class Linearizability(Rule):
    """The calls of each execution, against the reference that they were given.

    After a deadlock the calls that hang are pending; after an oops only what came before counts.
    Invariant: `known` has what was found of each history seen, whatever its moments were exactly.
    """

    name = "linearizability"

    def __init__(self) -> None:
        self.known: dict[tuple[Entry, ...], Refusal | None] = {}

    def finish(self, world: World) -> None:
        if world.history is None:
            return
        history = tuple(in_turns(world.history.entries()))
        if history not in self.known:
            found = linearize(history, world.history.reference)
            self.known[history] = found if isinstance(found, Refusal) else None
        refusal = self.known[history]
        if refusal is not None:
            world.report(
                Finding(
                    NOT_LINEARIZABLE,
                    refusal.message,
                    NOT_LINEARIZABLE,
                    0,
                    "",
                    lines=tuple(refusal.lines),
                    fatal=False,
                )
            )


def in_turns(history: Sequence[Entry]) -> list[Entry]:
    """The same order of responses and invocations, told in as few moments as possible.

    Invocations happen at even moments and responses at odd ones; a new pair of these begins with
    each invocation that follows a response.
    """
    moments = [(entry.invoked, 0, n) for n, entry in enumerate(history)]
    moments += [(e.returned, 1, n) for n, e in enumerate(history) if e.returned is not None]
    at: dict[tuple[int, int], int] = {}
    turn, before = 0, 0
    for _, response, n in sorted(moments):
        turn += before and not response
        at[n, response] = 2 * turn + response
        before = response
    return [
        replace(entry, invoked=at[n, 0], returned=at.get((n, 1))) for n, entry in enumerate(history)
    ]
