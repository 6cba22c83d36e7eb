"""The search for strong paths: breadth first, forwards or backwards.

A path is strong if nowhere on it an edge `..R` is followed by an edge `S..` (see graph.py).
Going forwards, each node carries `only_xr`: all that leads to it so far ends in R, so only edges
that begin with E may follow.  Going backwards it is the mirror: all that leads on from the node
begins with S, so only edges that end in N may come before.

`walk()` gives the nodes that strong paths reach, nearest first, and the one who asks tests each
for what it looks for.  To be reached without only_xr is worth more than with it, so a node is
visited at most twice, first perhaps as only_xr and later without: the search is complete.  The
kernel marks a class as visited once, and before it has tested the edge, so a weak path that comes
first hides a strong one.  `kernel_search` gives the kernel's answers, hole included.

C: kernel/locking/lockdep.c, __bfs(), usage_skip().
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from lockwright.core.frame import Frame
from lockwright.lockdep.classes import LockClass

ER, EN, SR, SN = 1, 2, 4, 8
TYPE_NAMES = {ER: "ER", EN: "EN", SR: "SR", SN: "SN"}


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


Links: TypeAlias = Mapping[int, Mapping[int, Dependency]]


class Way(NamedTuple):
    """One of the two directions.

    `kept` are the types that may be added to a path that is good for xr only; a path that ends in
    one of `free` is good for more than that.
    """

    backwards: bool
    kept: int
    free: int


FORWARDS = Way(backwards=False, kept=ER | EN, free=EN | SN)
BACKWARDS = Way(backwards=True, kept=EN | SN, free=ER | EN)


class PathStep(NamedTuple):
    """One edge of a strong path, and the one of its types that the path was found to need."""

    edge: Dependency
    type: int

    def stack(self) -> tuple[Frame, ...]:
        """Where the edge was made in this way."""
        return self.edge.stacks[self.type]


class Visit:
    """A node of the search tree.  `types` is what the edge into it is good for on this path."""

    __slots__ = ("edge", "lock", "only_xr", "parent", "types")

    def __init__(
        self, lock: LockClass, edge: Dependency | None, parent: Visit | None, *, only_xr: bool
    ) -> None:
        self.lock = lock
        self.edge = edge
        self.parent = parent
        self.types = 0
        self.only_xr = only_xr

    def follow(self, way: Way) -> bool:
        """Test the joint with the edge before; False if it makes the path weak."""
        if self.edge is None or self.parent is None:
            return True
        self.types = self.edge.types & way.kept if self.parent.only_xr else self.edge.types
        self.only_xr = not self.types & way.free
        return bool(self.types)

    def path(self, way: Way) -> tuple[PathStep, ...]:
        """The edges between the root and here, in the order in which the locks are taken.

        Of several types the first recorded is taken, but a node that was left as "not only xr"
        must have been reached by a type that makes it so.
        """
        steps: list[PathStep] = []
        visit = self
        while visit.edge is not None and visit.parent is not None:
            wanted = visit.types if visit.only_xr else visit.types & way.free
            chosen = next(bit for bit in visit.edge.stacks if bit & wanted)
            steps.append(PathStep(visit.edge, chosen))
            visit = visit.parent
        if not way.backwards:
            steps.reverse()
        return tuple(steps)


class Visited:
    """The places where a search has been."""

    __slots__ = ("_kernel_search", "_places")

    def __init__(self, *, kernel_search: bool) -> None:
        self._kernel_search = kernel_search
        self._places: dict[tuple[int, bool], None] = {}

    def enter(self, visit: Visit, way: Way) -> bool:
        """Whether the search goes on from here: a strong path, and not a known place."""
        index = visit.lock.index
        if self._kernel_search:
            # The kernel's order: first the mark, one for the class, then the test of the joint.
            if (index, False) in self._places:
                return False
            self._places[index, False] = None
            return visit.follow(way)
        if not visit.follow(way):
            return False
        if (index, False) in self._places or (index, visit.only_xr) in self._places:
            return False
        self._places[index, visit.only_xr] = None
        return True


def walk(
    links: Links, way: Way, root: Visit, *, kernel_search: bool, skip: bool = False
) -> Iterator[Visit]:
    """What strong paths reach from `root`, itself included, nearest first.

    `skip`: leave out the classes that are no real locks in interrupts, and all that lies behind.
    """
    visited = Visited(kernel_search=kernel_search)
    queue = deque([root])
    while queue:
        visit = queue.popleft()
        if not visited.enter(visit, way) or (skip and visit.lock.skipped):
            continue
        yield visit
        for edge in links.get(visit.lock.index, {}).values():
            other = edge.held if way.backwards else edge.new
            queue.append(Visit(other, edge, visit, only_xr=False))
