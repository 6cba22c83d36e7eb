"""What an execution covers, as numbers: what tells a campaign that something new was seen.

A feature is one thing of what `Coverage` has: an order of two racing events, an edge of the lock
graph of one kind, a value of what tells of an object's life.  Its number is a checksum of its name,
so that it is the same in every process, on every machine, and after every restart.

Source: that a fuzzer keeps what it has covered as a set of small numbers, and an input for what it
adds to that set: Zalewski, "american fuzzy lop", technical details, sections 1 and 2; that the
orders of conflicting events take the place of a sequential program's branches: Wolff, Shi, Duck,
Mathur, Roychoudhury, "Greybox Fuzzing for Concurrency Testing" (ASPLOS 2024), section 3.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from zlib import crc32

from lockwright.core.coverage import Coverage
from lockwright.covering import Seen
from lockwright.judge import Judge

State = tuple[str, str]
"""A thing, and a value of it."""


def features_of(coverage: Coverage) -> list[int]:
    """The features that were covered, sorted."""
    orders: list[Seen] = []
    for pair, counts in coverage.pairs.items():
        orders += [(pair, not at) for at, count in enumerate(counts) if count]
    states = [(what, value) for what, values in coverage.states.items() for value in values]
    return sorted(
        {
            *(_of_order(order) for order in orders),
            *(feature for edge in coverage.lock_orders for feature in _of_lock_order(edge)),
            *(_of_state(what, value) for what, value in states),
        }
    )


def _of_order(order: Seen) -> int:
    pair, forwards = order
    return _number("order", *pair, "the one first" if forwards else "the other first")


def _of_lock_order(edge: str) -> list[int]:
    """One for each kind of the edge: of an exploration it has all that any execution has shown."""
    classes, _, kinds = edge.removesuffix(")").rpartition(" (")
    return [_number("lock order", classes, kind) for kind in kinds.split(", ")]


def _of_state(what: str, value: str) -> int:
    return _number("state", what, value)


def _number(*words: str) -> int:
    return crc32("\0".join(words).encode())


class Novelty:
    """Tells what each execution that a judge has judged adds to what was known.

    An edge of the lock graph is of the execution that taught it to the judge's validator: no later
    one is asked for it.
    Invariant: `seen` has all features known so far; `orders`, `states` and `edges` have those of
    this judge by what they are, so that an execution without anything new is not looked at twice.
    Made when the judge has been taught what others know, and before its first execution.
    """

    def __init__(self, judge: Judge, known: Collection[int]) -> None:
        if judge.covering is None:
            raise ValueError("a judge that was not asked for coverage")
        self.judge = judge
        self.covering = judge.covering
        self.seen = set(known)
        self.orders: dict[Seen, int] = {}
        self.states: dict[State, int] = {}
        self.edges = dict.fromkeys(judge.order.edges())
        self.learnt = judge.order.validator.learnt

    def fresh(self) -> list[int]:
        """All features of the last execution, sorted, if one of them is new; else none."""
        covering, taught = self.covering, self._taught()
        if (
            not taught
            and covering.orders.keys() <= self.orders.keys()
            and covering.states.keys() <= self.states.keys()
        ):
            return []
        for order in covering.orders.keys() - self.orders.keys():
            self.orders[order] = _of_order(order)
        for state in covering.states.keys() - self.states.keys():
            self.states[state] = _of_state(*state)
        features = {
            *(self.orders[order] for order in covering.orders),
            *(self.states[state] for state in covering.states),
            *taught,
        }
        if features <= self.seen:
            return []
        self.seen |= features
        return sorted(features)

    def _taught(self) -> list[int]:
        """The edges of the lock graph that the last execution has added."""
        order = self.judge.order
        if order.validator.learnt == self.learnt:
            return []
        self.learnt = order.validator.learnt
        added = [edge for edge in order.edges() if edge not in self.edges]
        self.edges.update(dict.fromkeys(added))
        features = {feature for edge in added for feature in _of_lock_order(edge)}
        return sorted(features - self.seen)


def gained(fresh: Iterable[tuple[str, Iterable[int]]], known: Collection[int]) -> int:
    """How many features a piece has added to what was known when it was given out; `fresh` has
    schedules with their features.

    Two pieces of one generation may both have found the same one: it counts for each, so that what
    a strategy is credited with does not depend on which of them is entered first.
    """
    return len({feature for _, features in fresh for feature in features}.difference(known))
