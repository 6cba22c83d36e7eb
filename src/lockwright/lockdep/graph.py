"""The dependency graph of lock classes, and the search for strong cycles in it.

An edge P -> N says: a lock of class N was acquired while one of class P was held.  Its types say
how: E when P was held exclusively, S when shared; then R when N was taken by a recursive reader,
N when in any other way.  Of the two letters, the first belongs to the holder and the second to
the one who waits:

    ER = held exclusively, waited for as a recursive reader       EN, SR, SN likewise

A recursive reader does not wait for readers.  So of two edges `..R` and `S..` that follow one
another, the first waiter is not held up by the second one's holder, and a path that has such a
joint anywhere is *weak*: it proves nothing.  A cycle without one, all the way round, is a possible
deadlock (the kernel's document on lockdep's design proves both directions).

`DependencyGraph.strong_path()` answers whether a new edge P -> N closes such a cycle: breadth
first from N to P, hence by a shortest path.  Each node carries `only_xr`: all ways that lead to
it so far end in R, so only edges that begin with E may follow.  It starts as "N is taken by a
recursive reader", and P is a match if it is held exclusively or is not only reached by R.

Being reached by N is worth more than being reached by R only, so a node is visited at most twice,
first perhaps as only_xr and later without: the search is complete.  The kernel marks a class as
visited once, and before it has tested the edge, so a weak path that comes first hides a strong
one.  `kernel_search=True` gives the kernel's answers, hole included.

C: kernel/locking/lockdep.c, __bfs(), calc_dep(), hlock_conflict(), check_path().
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from lockwright.core.frame import Frame
from lockwright.core.lockuse import EXCLUSIVE, RECURSIVE_READER
from lockwright.lockdep.classes import LockClass

ER, EN, SR, SN = 1, 2, 4, 8
HELD_EXCLUSIVE = ER | EN
WAITED_BY_OTHERS = EN | SN  # the N types: not by a recursive reader
TYPE_NAMES = {ER: "ER", EN: "EN", SR: "SR", SN: "SN"}


def dependency_type(*, held_read: int, new_read: int) -> int:
    """The type of the edge that one acquire makes.  C: calc_dep()."""
    if held_read == EXCLUSIVE:
        return ER if new_read == RECURSIVE_READER else EN
    return SR if new_read == RECURSIVE_READER else SN


class Dependency:
    """One edge: all the types seen, each with the stack of the acquire that made it.

    Invariant: `types` is the union of the keys of `stacks`.
    """

    __slots__ = ("held", "new", "stacks", "types")

    def __init__(self, held: LockClass, new: LockClass) -> None:
        self.held = held
        self.new = new
        self.types = 0
        self.stacks: dict[int, tuple[Frame, ...]] = {}

    def type_names(self) -> tuple[str, ...]:
        """The types in fixed order: ER, EN, SR, SN."""
        return tuple(name for bit, name in TYPE_NAMES.items() if self.types & bit)


class PathStep(NamedTuple):
    """One edge of a strong path, and the one of its types that the path was found to need."""

    edge: Dependency
    type: int

    def stack(self) -> tuple[Frame, ...]:
        """Where the edge was made in this way."""
        return self.edge.stacks[self.type]


class _Visit:
    """A node of the search tree.  `types` is what the edge into it is good for on this path."""

    __slots__ = ("edge", "lock", "only_xr", "parent", "types")

    def __init__(self, lock: LockClass, edge: Dependency | None, parent: _Visit | None) -> None:
        self.lock = lock
        self.edge = edge
        self.parent = parent
        self.types = 0
        self.only_xr = False

    def follow(self, *, came_by_r: bool) -> bool:
        """Test the joint with the edge before; False if it makes the path weak."""
        assert self.edge is not None
        self.types = self.edge.types & HELD_EXCLUSIVE if came_by_r else self.edge.types
        self.only_xr = not self.types & WAITED_BY_OTHERS
        return bool(self.types)

    def path(self) -> tuple[PathStep, ...]:
        """The edges from the root to here.

        Of several types the first recorded is taken, but a node that was left as "not only R"
        must have been reached by N.
        """
        steps: list[PathStep] = []
        visit = self
        while visit.edge is not None:
            wanted = visit.types if visit.only_xr else visit.types & WAITED_BY_OTHERS
            chosen = next(bit for bit in visit.edge.stacks if bit & wanted)
            steps.append(PathStep(visit.edge, chosen))
            assert visit.parent is not None
            visit = visit.parent
        steps.reverse()
        return tuple(steps)


class DependencyGraph:
    """Edges between classes, in the order in which they were first seen.

    Invariant: `_after[p][n]` and `_edges` hold the same edges.
    """

    __slots__ = ("_after", "_edges")

    def __init__(self) -> None:
        self._edges: list[Dependency] = []
        self._after: dict[int, dict[int, Dependency]] = {}

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
            self._edges.append(edge)
        if not edge.types & bit:
            edge.types |= bit
            edge.stacks[bit] = stack

    def strong_path(
        self,
        new: LockClass,
        held: LockClass,
        *,
        new_read: int,
        held_read: int,
        kernel_search: bool = False,
    ) -> tuple[PathStep, ...] | None:
        """A shortest path new ... held that closes a strong cycle with the edge held -> new.

        The two classes differ: nesting within one class is judged without a search.
        """
        visited: dict[tuple[int, bool], None] = {}
        root = _Visit(new, None, None)
        root.only_xr = new_read == RECURSIVE_READER
        queue = deque([root])
        while queue:
            visit = queue.popleft()
            if not _enter(visit, visited, kernel_search=kernel_search):
                continue
            if visit.lock is held and (held_read == EXCLUSIVE or not visit.only_xr):
                return visit.path()
            for edge in self._after.get(visit.lock.index, {}).values():
                queue.append(_Visit(edge.new, edge, visit))
        return None


def _enter(visit: _Visit, visited: dict[tuple[int, bool], None], *, kernel_search: bool) -> bool:
    """Whether the search goes on from here: a strong path, and not a known place."""
    index = visit.lock.index
    if kernel_search:
        # The kernel's order: first the mark, one for the class, then the test of the joint.
        if (index, False) in visited:
            return False
        visited[index, False] = None
    if visit.parent is not None and not visit.follow(came_by_r=visit.parent.only_xr):
        return False
    if not kernel_search:
        if (index, False) in visited or (index, visit.only_xr) in visited:
            return False
        visited[index, visit.only_xr] = None
    return True
