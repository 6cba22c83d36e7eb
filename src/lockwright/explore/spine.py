"""The top of a search tree, whose parts can be explored by themselves, in any order.

A search by `Dpor` can be cut: the nodes near the root, with the branches still to be explored
there, become the spine, and each branch, as well as what is left below, a part of its own (`Unit`).
Races that a part finds with steps above it are sequences to insert into the spine.

Why parts are independent.  A sequence that is inserted into a wakeup tree conflicts with all that
sleeps there, so nothing sleeps where it ends, and a search from a node where nothing sleeps finds
all that is below it by its own races (theorem 7.7 of JACM 64(4), for an empty sleep set).  Such a
node is `closed`: what is inserted above never needs to be added below it.  The nodes on the way
there are open: siblings sleep in them, and what is found below these siblings may have to be added.
So a node keeps its children, also those that are done, as long as one before them is not: in the
order in which they were inserted each child counts as explored for those after it, which is how
the children sleep there in a search by one.

Where something sleeps at the end of a branch all the same (another outcome of an operation, say),
the part waits until all parts before it are done.
"""

from __future__ import annotations

from lockwright.explore.unit import Unit
from lockwright.explore.wakeup import NOT_INITIAL, Branch, Sleep, Step, awake, initial, sleeps

BRANCHES = 8
"""A part is cut so far down that at least so many branches come free, if there are so many."""


class Node:
    """A node of the spine.

    `key`, `read` and `write` are the step that leads to it from `parent`, at this `depth`.  `sleep`
    is what sleeps there, with the children that are gone, or None where that was not needed yet.  A
    node with a `unit` is the root of a part; one without unit and children is done.  `tried` counts
    the children that are gone.
    """

    __slots__ = (
        "children",
        "closed",
        "depth",
        "key",
        "parent",
        "read",
        "sleep",
        "tried",
        "unit",
        "write",
    )

    def __init__(self, parent: Node | None, key: int, read: int, write: int) -> None:
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.key = key
        self.read = read
        self.write = write
        self.sleep: Sleep | None = None
        self.children: list[Node] = []
        self.closed = False
        self.unit: Unit | None = None
        self.tried = 0

    @property
    def done(self) -> bool:
        """Is all below it explored?"""
        return self.unit is None and not self.children

    def asleep(self) -> Sleep:
        """What sleeps there.  All siblings before it are as old as the node, so that the answer
        does not change but for children that go."""
        if self.sleep is None:
            parent = self.parent
            assert parent is not None
            before = dict(parent.asleep())
            for child in parent.children:
                if child is self:
                    break
                before[child.key] = (child.read, child.write)
            self.sleep = awake(before, self.key, self.read, self.write)
        return self.sleep

    def path(self) -> list[int]:
        """The keys that lead to it."""
        keys: list[int] = []
        node = self
        while node.parent is not None:
            keys.append(node.key)
            node = node.parent
        keys.reverse()
        return keys


class Spine:
    """The nodes above the parts of a search.  To begin with, the whole search is one part."""

    def __init__(self) -> None:
        self.root = Node(None, -1, 0, 0)
        self.root.closed = True
        self.root.sleep = {}
        self.root.unit = Unit([], 0, [({}, [], 0)], [], 0)

    def parts(self) -> list[Node]:
        """The roots of the parts that can be explored now, in the order of the search."""
        found: list[Node] = []
        waiting = False
        todo = [self.root]
        while todo:
            node = todo.pop()
            todo.extend(reversed(node.children))
            unit = node.unit
            if unit is None:
                continue
            if not unit.nodes:
                asleep = dict(node.asleep())
                unit = node.unit = Unit(
                    node.path(), node.depth, [(asleep, [], 0)], [], unit.planned
                )
            asleep, _, tried = unit.nodes[0]
            if tried or not asleep or not (found or waiting):
                found.append(node)
            else:
                waiting = True
        return found

    def explored(self, node: Node, left: Unit | None, *, cut: bool) -> int:
        """A part was explored, but for what is left, which may be cut.  Returns how many parts
        there are more than before."""
        node.unit = left
        if left is None:
            return -1
        return self._cut(node, left) if cut else 0

    def _cut(self, node: Node, left: Unit) -> int:
        """Make spine of the part's first nodes, down to one below which nothing sleeps."""
        node.unit = None
        freed = 0
        last = len(left.nodes) - 1
        for depth, (sleep, branches, tried) in enumerate(left.nodes):
            node.sleep = sleep
            node.tried = tried
            freed += len(branches)
            below = None
            if depth < last:
                key = left.keys[left.base + depth]
                below = Node(node, key, *left.footprints[depth])
                node.children.append(below)
                node.tried -= 1
            for branch in branches:
                _hang(node, branch, node.depth)
            if below is None:
                return freed - 1
            node = below
            if freed >= BRANCHES and not node.asleep():
                break
        node.closed = True
        at = depth + 1
        nodes, footprints = left.nodes[at:], left.footprints[at:]
        node.unit = Unit(left.keys, left.base + at, nodes, footprints, left.planned)
        return freed

    def insert(self, part: Node, depth: int, v: list[Step]) -> None:
        """Add a sequence that a part found for a node above it, unless it is covered there."""
        origin = part
        while origin.depth > depth + 1:
            assert origin.parent is not None
            origin = origin.parent
        assert origin.parent is not None
        node = origin.parent
        if sleeps(v, node.asleep()):
            return
        before = True
        while True:
            for child in node.children:
                if child is origin:
                    before = False
                    continue
                at = initial(child.key, child.read, child.write, v)
                if at == NOT_INITIAL:
                    continue
                if before or child.closed:
                    return
                if at >= 0:
                    v = v[:at] + v[at + 1 :]
                if not v:
                    return
                node = child
                break
            else:
                _grow(node, v)
                return

    def prune(self) -> None:
        """Let go of what is done and has nothing before it that is not."""
        self._prune(self.root)

    def _prune(self, node: Node) -> None:
        first = True
        left: list[Node] = []
        for child in node.children:
            if first or child.closed:
                # into an open node, what is found before it may still have to be inserted
                self._prune(child)
            if first and child.done:
                node.sleep = {**node.asleep(), child.key: (child.read, child.write)}
                node.tried += 1
            else:
                first = False
                left.append(child)
        node.children = left

    def share(self) -> float:
        """The share of the search that is done, as Knuth's walk would come to it."""
        return _share(self.root)


def _share(node: Node) -> float:
    unit = node.unit
    if unit is not None:
        share = 0.0
        for depth, (_, branches, tried) in reversed(list(enumerate(unit.nodes))):
            going = depth < len(unit.nodes) - 1  # the last one that was tried goes on below
            share = (tried - going + share) / max(tried + len(branches), 1)
        return share
    if not node.children:
        return 1.0
    done = node.tried + sum(_share(child) for child in node.children)
    return done / (node.tried + len(node.children))


def _hang(parent: Node, branch: Branch, depth: int) -> None:
    """Make nodes of a wakeup tree that hangs at this depth."""
    node = Node(parent, branch.key, branch.read, branch.write)
    parent.children.append(node)
    for child in branch.children:
        _hang(node, child, depth)
    if not branch.children:
        _leaf(node, depth)


def _grow(node: Node, v: list[Step]) -> None:
    depth = node.depth
    for key, read, write in v:
        child = Node(node, key, read, write)
        node.children.append(child)
        node = child
    _leaf(node, depth)


def _leaf(node: Node, depth: int) -> None:
    """The root of a part; the races of the steps from `depth` on are still to be found."""
    node.closed = True
    node.unit = Unit([], 0, [], [], depth)  # made whole when its turn comes
