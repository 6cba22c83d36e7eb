"""The dependency graph of lock classes.

An edge P -> N says: a lock of class N was acquired while one of class P was held.  Its types say
how: E when P was held exclusively, S when shared; then R when N was taken by a recursive reader,
N when in any other way.  Of the two letters, the first belongs to the holder and the second to
the one who waits:

    ER = held exclusively, waited for as a recursive reader       EN, SR, SN likewise

A recursive reader does not wait for readers.  So of two edges `..R` and `S..` that follow one
another, the first waiter is not held up by the second one's holder, and a path that has such a
joint anywhere is *weak*: it proves nothing.  A cycle without one, all the way round, is a possible
deadlock (the kernel's document on lockdep's design proves both directions).

`DependencyGraph.strong_path()` answers whether a new edge P -> N closes such a cycle: from N to P,
hence by a shortest path.  It starts as "N is taken by a recursive reader", and P is a match if it
is held exclusively or is not only reached by R.

C: kernel/locking/lockdep.c, calc_dep(), hlock_conflict(), check_path(), lockdep_count_*_deps().
"""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.frame import Frame
from lockwright.core.lockuse import EXCLUSIVE, RECURSIVE_READER
from lockwright.lockdep.classes import LockClass
from lockwright.lockdep.search import (
    EN,
    ER,
    FORWARDS,
    SN,
    SR,
    Dependency,
    PathStep,
    Visit,
    Way,
    walk,
)


def dependency_type(*, held_read: int, new_read: int) -> int:
    """The type of the edge that one acquire makes.  C: calc_dep()."""
    if held_read == EXCLUSIVE:
        return ER if new_read == RECURSIVE_READER else EN
    return SR if new_read == RECURSIVE_READER else SN


class DependencyGraph:
    """Edges between classes, in the order in which they were first seen.

    Invariant: `_after[p][n]`, `_before[n][p]` and `_edges` hold the same edges.
    """

    __slots__ = ("_after", "_before", "_edges", "_kernel_search")

    def __init__(self, *, kernel_search: bool = False) -> None:
        self._kernel_search = kernel_search
        self._edges: list[Dependency] = []
        self._after: dict[int, dict[int, Dependency]] = {}
        self._before: dict[int, dict[int, Dependency]] = {}

    @property
    def edges(self) -> list[Dependency]:
        """All edges, oldest first; the list belongs to the graph."""
        return self._edges

    def has(self, held: LockClass, new: LockClass, bit: int) -> bool:
        """Whether an edge with this type is stored."""
        edge = self._after.get(held.index, {}).get(new.index)
        return edge is not None and bool(edge.types & bit)

    def add(self, held: LockClass, new: LockClass, bit: int, stack: tuple[Frame, ...]) -> None:
        """Store one type of an edge; `stack` is where it was seen first."""
        after = self._after.setdefault(held.index, {})
        edge = after.get(new.index)
        if edge is None:
            edge = after[new.index] = Dependency(held, new)
            self._before.setdefault(new.index, {})[held.index] = edge
            self._edges.append(edge)
        if not edge.types & bit:
            edge.types |= bit
            edge.stacks[bit] = stack

    def forget(self, lock: LockClass) -> None:
        """Take a class out, with all its edges."""
        self._edges = [edge for edge in self._edges if lock not in (edge.held, edge.new)]
        for links in (self._after, self._before):
            links.pop(lock.index, None)
            for ends in links.values():
                ends.pop(lock.index, None)

    def walk(
        self, way: Way, lock: LockClass, *, only_xr: bool, skip: bool = False
    ) -> Iterator[Visit]:
        """The classes that strong paths reach from `lock`, or from which they reach it."""
        links = self._before if way.backwards else self._after
        root = Visit(lock, None, None, only_xr=only_xr)
        return walk(links, way, root, kernel_search=self._kernel_search, skip=skip)

    def strong_path(
        self, new: LockClass, held: LockClass, *, new_read: int, held_read: int
    ) -> tuple[PathStep, ...] | None:
        """A shortest path new ... held that closes a strong cycle with the edge held -> new.

        The two classes differ: nesting within one class is judged without a search.
        """
        for visit in self.walk(FORWARDS, new, only_xr=new_read == RECURSIVE_READER):
            if visit.lock is held and (held_read == EXCLUSIVE or not visit.only_xr):
                return visit.path(FORWARDS)
        return None

    def reach(self, way: Way, lock: LockClass) -> int:
        """How many classes strong paths join with this one, itself included: FD and BD."""
        return len({visit.lock.index for visit in self.walk(way, lock, only_xr=False)})
