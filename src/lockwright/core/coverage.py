"""What an exploration has covered: orders of racing events, lock orders, states of objects.

Everything goes by names that are the same in every execution and process, so that what several
explorations covered can be added up, or compared.  `docs/coverage.md` says what each thing is.

Source: that the order of two racing events is what a schedule decides, and all that it decides:
Abdulla, Aronis, Jonsson, Sagonas, JACM 64(4), 2017, definition 3.3; that pairs of accesses are a
measure of what a test of a concurrent program has tried: Yu, Narayanasamy, Pereira, Pokam, "Maple:
A Coverage-Driven Testing Tool for Multithreaded Programs" (OOPSLA 2012), section 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lockwright.core.location import Value


class Pair(NamedTuple):
    """Two events of different tasks that race: where, and what each of them does.

    `location` is what both touch, by its class; `one` and `other`, in alphabetical order, are a
    function and what it does there: `eventfs_remove_rec() mutex_lock`.
    """

    location: str
    one: str
    other: str


class Orders(NamedTuple):
    """How many executions had `one` first, and how many the `other`.

    Where both do the same in the same function, `one` is that of the task which was made first.
    """

    one_first: int = 0
    other_first: int = 0

    @property
    def both(self) -> bool:
        """Were both orders seen?"""
        return self.one_first > 0 < self.other_first


@dataclass(slots=True)
class Coverage:
    """What was covered in so many executions, of one exploration or of several.

    `pairs` are the racing events with their orders, `lock_orders` the edges of the lock graph as
    text, `states` the values that were seen of each thing that tells of an object's life, with the
    number of executions that saw them.
    """

    executions: int = 0
    pairs: dict[Pair, Orders] = field(default_factory=dict)
    lock_orders: dict[str, None] = field(default_factory=dict)
    states: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, other: Coverage) -> None:
        """Add what another exploration covered, or another part of this one."""
        self.executions += other.executions
        for pair, (one, two) in other.pairs.items():
            had = self.pairs.get(pair, Orders())
            self.pairs[pair] = Orders(had.one_first + one, had.other_first + two)
        self.lock_orders.update(other.lock_orders)
        for what, values in other.states.items():
            mine = self.states.setdefault(what, {})
            for value, count in values.items():
                mine[value] = mine.get(value, 0) + count

    def beyond(self, other: Coverage) -> Coverage:
        """What was seen here and not there, with the counts of here."""
        left = Coverage(self.executions)
        for pair, orders in self.pairs.items():
            seen = other.pairs.get(pair, Orders())
            new = Orders(*(0 if there else here for here, there in zip(orders, seen, strict=True)))
            if any(new):
                left.pairs[pair] = new
        left.lock_orders = {
            edge: None for edge in self.lock_orders if edge not in other.lock_orders
        }
        for what, values in self.states.items():
            known = other.states.get(what, {})
            fresh = {value: count for value, count in values.items() if value not in known}
            if fresh:
                left.states[what] = fresh
        return left

    def both(self) -> list[Pair]:
        """The pairs that were seen in both orders, in alphabetical order."""
        return sorted(pair for pair, orders in self.pairs.items() if orders.both)

    def one_order(self) -> list[Pair]:
        """The pairs that were seen in one order only, in alphabetical order."""
        return sorted(pair for pair, orders in self.pairs.items() if not orders.both)

    def score(self) -> float:
        """How much was covered, as one number: orders of pairs, lock orders and states.

        It never falls as executions are added: made for Hypothesis's `target()`.
        """
        orders = sum((one > 0) + (other > 0) for one, other in self.pairs.values())
        return float(orders + len(self.lock_orders) + sum(map(len, self.states.values())))

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form: sorted, so that it does not say what came first."""
        return {
            "executions": self.executions,
            "pairs": [
                {**pair._asdict(), **self.pairs[pair]._asdict()} for pair in sorted(self.pairs)
            ],
            "lock_orders": sorted(self.lock_orders),
            "states": {
                what: dict(sorted(self.states[what].items())) for what in sorted(self.states)
            },
        }

    @classmethod
    def from_json(cls, data: Value) -> Coverage:
        """Read what `as_json` wrote.

        Raises KeyError, TypeError, ValueError or AttributeError for anything else.
        """
        pairs = {}
        for told in data["pairs"]:
            pair = Pair(*(_text(told[name]) for name in Pair._fields))
            pairs[pair] = Orders(*(_count(told[name]) for name in Orders._fields))
        states = {
            what: {value: _count(count) for value, count in values.items()}
            for what, values in dict(data["states"]).items()
        }
        edges = {_text(edge): None for edge in data["lock_orders"]}
        return cls(_count(data["executions"]), pairs, edges, states)


def score_of(coverage: Coverage | None) -> int:
    """How much was covered, as one number; 0 if nobody asked."""
    return 0 if coverage is None else int(coverage.score())


def merged(coverages: Iterable[Coverage]) -> Coverage:
    """What several explorations covered together."""
    whole = Coverage()
    for each in coverages:
        whole.add(each)
    return whole


def _count(told: Value) -> int:
    if not isinstance(told, int) or isinstance(told, bool) or told < 0:
        raise ValueError(f"{told!r} is no count")
    return told


def _text(told: Value) -> str:
    if not isinstance(told, str):
        raise TypeError(f"{told!r} is no text")
    return told
