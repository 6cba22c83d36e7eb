"""What can be said of the order of calls before any order is tried.

A search through the orders of twenty puts is long where nothing that comes later tells it early
that it is wrong.  A reference that has a method `order(history)` tells: it gives pairs of places in
the history, and the first call of a pair takes effect before the second in every order that
explains the history.  `fifo` says so of queues; a pair with itself says that there is no order.

Source: Henzinger, Sezgin, Vafeiadis, "Aspect-oriented linearizability proofs" (CONCUR 2013), which
has the violations of a queue; here they are orders that contradict each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lockwright.core.history import Entry
from lockwright.core.location import Value

Pairs = Iterable[tuple[int, int]]
Order = Callable[[Sequence[Entry]], Pairs]


def fifo(put: str, get: str, *, empty: Sequence[Value] = (None,)) -> Order:
    """The order of a queue's calls, as a class says it: `order = staticmethod(fifo("put", "get"))`.

    `put` has the value as its first argument and always succeeds, `get` gives it, or one of `empty`
    if nothing is there, and no other call puts anything in or takes anything out.
    """

    def order(history: Sequence[Entry]) -> Pairs:
        return _Queue(history, put, get).pairs(empty)

    return order


class _Queue:
    """Who was put, and who was got: by value, the places of the calls.

    `first[x]` has the values that were put after x and, if they were got, got after x.
    """

    def __init__(self, history: Sequence[Entry], put: str, get: str) -> None:
        self.history = history
        self.puts: dict[Value, list[int]] = {}
        self.gets: dict[Value, list[int]] = {}
        self.open = 0
        for at, entry in enumerate(history):
            if entry.call == put:
                self.puts.setdefault(entry.arguments[0], []).append(at)
            elif entry.call == get and entry.returned is None:
                self.open += 1
            elif entry.call == get:
                self.gets.setdefault(entry.result, []).append(at)

    def pairs(self, empty: Sequence[Value]) -> Pairs:
        """All that is known, of values that were put once; and what was got too often."""
        for value, gets in self.gets.items():
            if value not in empty and len(gets) > len(self.puts.get(value, ())):
                yield gets[-1], gets[-1]
        once = [value for value, puts in self.puts.items() if len(puts) == 1]
        alone = [value for value in once if len(self.gets.get(value, ())) <= 1]
        first = self._first(alone)
        for value in alone:
            left = [other for other in alone if value in first[other] and other not in self.gets]
            if value in self.gets and len(left) > self.open:
                yield self.gets[value][0], self.gets[value][0]  # somebody has to get these before
            (put,) = self.puts[value]
            for got in self.gets.get(value, ()):
                yield put, got
            for other in first[value]:
                yield put, self.puts[other][0]
                if value in self.gets and other in self.gets:
                    yield self.gets[value][0], self.gets[other][0]

    def _first(self, values: list[Value]) -> dict[Value, dict[Value, None]]:
        """Which values were put before which others, with all that follows from that."""
        first = {
            one: {other: None for other in values if one is not other and self._before(one, other)}
            for one in values
        }
        for middle in values:
            for one in values:
                if middle in first[one]:
                    first[one].update(first[middle])
        return first

    def _before(self, one: Value, other: Value) -> bool:
        """Was one value put before another, or was it got before?"""
        if self._over(self.puts[one][0], self.puts[other][0]):
            return True
        if one in self.gets and other in self.gets:
            return self._over(self.gets[one][0], self.gets[other][0])
        return one in self.gets and other not in self.gets and not self.open

    def _over(self, one: int, other: int) -> bool:
        """Was a call over before another began?"""
        returned = self.history[one].returned
        return returned is not None and returned < self.history[other].invoked


def contradicts_itself(after: Sequence[int]) -> bool:
    """Is there no order at all, by the masks of what has to come before each call?"""
    left, progress = list(range(len(after))), True
    taken = 0
    while left and progress:
        ready = [call for call in left if not after[call] & ~taken]
        progress = bool(ready)
        for call in ready:
            taken |= 1 << call
        left = [call for call in left if call not in ready]
    return bool(left)
