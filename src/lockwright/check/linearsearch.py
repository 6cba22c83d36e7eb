"""The search for an order of calls that explains a history.

Wing and Gong's search takes, again and again, a call that no call still to be taken was over
before, asks the reference what it gives, and goes back where that is not what it gave.  Lowe's
memoisation gives up where the same calls were taken before with the same state after them.

    taken       the mask of the calls that were taken; call n is bit n
    node        a mask and the number of a state, as one integer
    kind        calls with the same name, arguments and result are of one kind

What keeps it small:

- Which calls can come next depends on `taken` alone, and what a call of a kind makes of a state on
  these two: both are found out once.  States are numbers.
- Of several calls of one kind that can come next the one that returned first is taken: in any
  order that has another one of them here, the two can be exchanged.
- What is known of the order from the start (`linearorder.py`) is kept to.
- A pending call that changes nothing is not taken: nobody can tell.
- What changes nothing is tried first, for it leaves the most open.

With at most p calls at a time the masks are at most 2^p for each response, however long the
history is; the states multiply that by as many as the reference can come to with the same calls in
other orders, which is where the problem is hard (it is NP-complete: Gibbons, Korach, "Testing
shared memories", SIAM J. Computing 26(4), 1997).

Source: Wing, Gong, "Testing and verifying concurrent objects" (JPDC 17, 1993); Lowe, "Testing for
linearizability" (CCPE 29(4), 2017).

Order of reading: `Search.run`, `_next`, `_outcomes`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

from lockwright.check.linearorder import contradicts_itself
from lockwright.core.history import Entry, Made, Reference, Thing, plain
from lockwright.core.location import Value

Names = tuple[tuple[int, Hashable], ...]
"""What the reference calls the things that were seen, by the number of the thing."""
Taken = tuple[int, Value]
"""A call, by its place in the history, and what the reference gave for it."""


class Search:
    """One history against one reference.

    `free` is a call, by number, whose result is not known, although it has returned; -1 for none.
    `nodes` counts what was looked at.  `responses` are the calls that have returned, in order, and
    `explained` is how many of the first of them some order explains.
    Invariant: `states[n]` and `numbers` are inverse to each other; `seen` has the nodes that lead
    nowhere, or are on the path.
    """

    def __init__(self, entries: Sequence[Entry], reference: Reference, free: int = -1) -> None:
        self.entries = entries
        self.reference = reference
        self.free = free
        self.complete = _mask(n for n, entry in enumerate(entries) if entry.returned is not None)
        self.after = self._after()
        self.kinds = self._kinds()
        self.ranks = [_rank(entry) for entry in entries]
        self.states: list[tuple[Value, Names]] = []
        self.numbers: dict[tuple[Value, Names], int] = {}
        self.first = self._number((reference.initial(), ()))
        self.following: dict[int, list[int]] = {}
        self.known: dict[tuple[int, int], list[tuple[Value, int]]] = {}
        self.seen: set[int] = set()
        self.nodes = 0
        self.explained = 0
        order = sorted(range(len(entries)), key=self.ranks.__getitem__)
        self.responses = order[: self.complete.bit_count()]

    def _after(self) -> list[int]:
        """For each call the mask of those that take effect before it in any case."""
        after = [_mask(_before(self.entries, entry)) for entry in self.entries]
        order = getattr(self.reference, "order", None)
        if order is not None:
            told = list(self.entries)
            if self.free >= 0:
                told[self.free] = replace(told[self.free], returned=None, result=None)
            for first, second in order(told):
                after[second] |= 1 << first
        return after

    def _kinds(self) -> list[int]:
        """The number of each call's kind."""
        found: dict[tuple[Value, ...], int] = {}
        kinds = []
        for n, entry in enumerate(self.entries):
            known = entry.returned is not None and n != self.free
            told = (self.free,) if n == self.free else (entry.result,) if known else ()
            key = entry.call, entry.arguments, n == self.free, told
            kinds.append(found.setdefault(key, len(found)))
        return kinds

    def run(self) -> list[Taken] | None:
        """An order that explains the history, or None if there is none."""
        if contradicts_itself(self.after):
            return None
        path: list[Taken] = []
        stack = [iter(self._start())]
        while stack:
            for call, result, taken, state in stack[-1]:
                node = state << len(self.entries) | taken
                if node in self.seen:
                    continue
                self.seen.add(node)
                self.nodes += 1
                path.append((call, result))
                if not self.complete & ~taken:
                    return path[1:]
                stack.append(self._next(taken, state))
                break
            else:
                stack.pop()
                if path:
                    path.pop()
        return None

    def results(self, nodes_max: int) -> list[Value] | None:
        """What the call `free` can give, in the order of its first sight; None if that is too much
        to find out.  Instead of `run`."""
        found: dict[Value, None] = {}
        if contradicts_itself(self.after):
            return []
        start: tuple[int, int, bool, Value] = (0, self.first, False, None)
        seen, todo = {start}, [start]
        while todo:
            taken, state, given, chosen = todo.pop()
            if not self.complete & ~taken:
                found[chosen] = None
                continue
            for call, result, then, after in reversed(list(self._next(taken, state))):
                free = call == self.free
                node = then, after, given or free, result if free else chosen
                if node not in seen:
                    seen.add(node)
                    todo.append(node)
            if len(seen) > nodes_max:
                return None
        return list(found)

    def _start(self) -> Iterator[tuple[int, Value, int, int]]:
        yield -1, None, 0, self.first

    def _next(self, taken: int, state: int) -> Iterator[tuple[int, Value, int, int]]:
        """The calls that can be taken: (call, result, the mask with it, the state after it)."""
        calls = self.following.get(taken)
        if calls is None:
            calls = self.following[taken] = self._minimal(taken)
        first, then = [], []
        for call in calls:
            for result, after in self.outcomes(state, call):
                if after != state:
                    then.append((call, result, taken | 1 << call, after))
                elif self.complete >> call & 1:
                    first.append((call, result, taken | 1 << call, after))
        return iter(first + then)

    def _minimal(self, taken: int) -> list[int]:
        """The calls that nothing which is left was over before, the first to return first."""
        first = next((n for n, r in enumerate(self.responses) if not taken >> r & 1), 0)
        self.explained = max(self.explained, first)
        best: dict[int, int] = {}
        for call, kind in enumerate(self.kinds):
            if not taken >> call & 1 and not self.after[call] & ~taken:
                other = best.get(kind)
                if other is None or self.ranks[call] < self.ranks[other]:
                    best[kind] = call
        return sorted(best.values(), key=self.ranks.__getitem__)

    def outcomes(self, state: int, call: int) -> list[tuple[Value, int]]:
        """What a call gives in a state, as far as it is what it gave, and the states after it."""
        key = state, self.kinds[call]
        known = self.known.get(key)
        if known is None:
            known = self.known[key] = list(self._apply(state, call))
        return known

    def _apply(self, state: int, call: int) -> Iterator[tuple[Value, int]]:
        held, names = self.states[state]
        entry = self.entries[call]
        known = entry.returned is not None and call != self.free
        arguments = named(entry.arguments, dict(names))
        for gave, after in self.reference.apply(held, entry.call, arguments):
            result = plain(gave)
            told: dict[int, Hashable] | None = dict(names)
            if known:
                told = matched(entry.result, result, dict(names))
            if told is not None:
                yield result, self._number((after, tuple(sorted(told.items(), key=_thing))))

    def _number(self, state: tuple[Value, Names]) -> int:
        number = self.numbers.setdefault(state, len(self.states))
        if number == len(self.states):
            self.states.append(state)
        return number


def _before(entries: Sequence[Entry], entry: Entry) -> Iterator[int]:
    """The calls that were over before a call began."""
    for at, other in enumerate(entries):
        if other.returned is not None and other.returned < entry.invoked:
            yield at


def named(value: Value, names: dict[int, Hashable]) -> Value:
    """An argument as the reference knows it: things by its own names."""
    if isinstance(value, Thing):
        return names.get(value.number, value)
    if isinstance(value, tuple):
        return tuple(named(item, names) for item in value)
    return value


def matched(seen: Value, given: Value, names: dict[int, Hashable]) -> dict[int, Hashable] | None:
    """The names, with those that are new, if a result is what the reference gave; None if not."""
    if isinstance(seen, Thing):
        if not isinstance(given, Made) or names.get(seen.number, given.key) != given.key:
            return None
        return {**names, seen.number: given.key}
    if isinstance(seen, tuple):
        if not isinstance(given, tuple) or isinstance(given, Made) or len(seen) != len(given):
            return None
        told: dict[int, Hashable] | None = names
        for item, other in zip(seen, given, strict=True):
            told = told if told is None else matched(item, other, told)
        return told
    return names if bool(seen == given) else None


def _thing(pair: tuple[int, Hashable]) -> int:
    return pair[0]


def _rank(entry: Entry) -> tuple[bool, int, int]:
    """Who returned first comes first, pending calls last."""
    return entry.returned is None, entry.returned or 0, entry.invoked


def _mask(bits: Iterator[int]) -> int:
    mask = 0
    for bit in bits:
        mask |= 1 << bit
    return mask
