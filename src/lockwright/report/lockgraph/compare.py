"""What differs between two lock graphs: classes and orders that came or went, and cycles.

A cycle is still there if its orders still are and make a cycle that is not weak: whether the
search that lists cycles would list the same one is chance.

Source: the same question as that of abidiff or bloat-o-meter: what did a patch change?
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lockwright.report.lockgraph.graph import Edge, LockGraph
from lockwright.report.lockgraph.judging import JudgedCycle, canonical, judged, judged_as
from lockwright.report.lockgraph.marks import CHANGED, GONE, NEW, Marks
from lockwright.report.lockgraph.search import Strength

Ends = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ChangedCycle:
    """A cycle that is in both graphs: what came of it in the old one and in the new one."""

    old: JudgedCycle
    new: JudgedCycle


@dataclass(slots=True)
class Comparison:
    """Two graphs and their differences, each in the order of the graph that has it.

    `changed` are the orders that are in both with other kinds.  Cycles are those that may be a
    deadlock.  `union` has both graphs, the old one's classes first.
    """

    old: LockGraph
    new: LockGraph
    union: LockGraph
    classes_gone: list[str] = field(default_factory=list)
    classes_new: list[str] = field(default_factory=list)
    orders_gone: list[Edge] = field(default_factory=list)
    orders_new: list[Edge] = field(default_factory=list)
    changed: list[tuple[Edge, Edge]] = field(default_factory=list)
    cycles_gone: list[JudgedCycle] = field(default_factory=list)
    cycles_new: list[JudgedCycle] = field(default_factory=list)
    cycles_still: list[ChangedCycle] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        lists = (
            *(self.classes_gone, self.classes_new, self.orders_gone, self.orders_new),
            *(self.changed, self.cycles_gone, self.cycles_new),
        )
        return not any(lists) and all(
            each.old.reality == each.new.reality for each in self.cycles_still
        )

    @property
    def cycles(self) -> list[tuple[str, JudgedCycle]]:
        """All cycles, as numbered from 1 in both drawings, each with its change, "" if it is in
        both: those as they are in the new graph, then the new ones, then those that are gone."""
        return [
            *(("", each.new) for each in self.cycles_still),
            *((NEW, each) for each in self.cycles_new),
            *((GONE, each) for each in self.cycles_gone),
        ]

    def marks(self) -> tuple[Marks, Marks]:
        """What the drawings of the old and of the new graph say."""
        still = len(self.cycles_still)
        first_gone = still + len(self.cycles_new)
        gone = [*range(1, still + 1), *range(first_gone + 1, len(self.cycles) + 1)]
        olds = [*(each.old for each in self.cycles_still), *self.cycles_gone]
        news = [*(each.new for each in self.cycles_still), *self.cycles_new]
        old = self._changes(self.classes_gone, self.orders_gone, GONE)
        new = self._changes(self.classes_new, self.orders_new, NEW)
        return Marks(self.old, olds, old, gone), Marks(self.new, news, new)

    def _changes(
        self, classes: list[str], orders: list[Edge], change: str
    ) -> dict[str | Ends, str]:
        made: dict[str | Ends, str] = {}
        for edge, _ in self.changed:
            made[edge.held, edge.taken] = CHANGED
        for name in classes:
            made[name] = change
        for edge in orders:
            made[edge.held, edge.taken] = change
        return made


def compare(old: LockGraph, new: LockGraph, most: int | None = None) -> Comparison:
    """What a change has made of a lock graph; of each graph `most` cycles at most are looked at."""
    union = LockGraph()
    union.merge(old)
    union.merge(new)
    found = Comparison(old, new, union)
    found.classes_gone = [name for name in old.classes if name not in new.classes]
    found.classes_new = [name for name in new.classes if name not in old.classes]
    found.orders_gone = [edge for ends, edge in old.edges.items() if ends not in new.edges]
    found.orders_new = [edge for ends, edge in new.edges.items() if ends not in old.edges]
    found.changed = [
        (edge, new.edges[ends])
        for ends, edge in old.edges.items()
        if ends in new.edges and new.edges[ends].kinds != edge.kinds
    ]
    _compare_cycles(found, most)
    return found


def _compare_cycles(found: Comparison, most: int | None) -> None:
    told: set[tuple[str, ...]] = set()
    for before in _serious(found.old, most):
        after = judged_as(found.new, before.cycle.classes)
        told.add(canonical(before.cycle.classes))
        if after is None:
            found.cycles_gone.append(before)
        else:
            found.cycles_still.append(ChangedCycle(before, after))
    for after in _serious(found.new, most):
        if canonical(after.cycle.classes) in told:
            continue
        before_too = judged_as(found.old, after.cycle.classes)
        if before_too is None:
            found.cycles_new.append(after)
        else:
            found.cycles_still.append(ChangedCycle(before_too, after))


def _serious(graph: LockGraph, most: int | None) -> list[JudgedCycle]:
    return [each for each in judged(graph, most) if each.cycle.strength is not Strength.WEAK]
