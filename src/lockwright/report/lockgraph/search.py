"""Cycles and paths in a lock graph, where readers decide what counts.

A path is strong if no edge that was taken by a recursive reader (R) is followed by one whose
holder is a reader (S); see lockwright.lockdep.search.  Here each class becomes two *states*, "last
reached by R" and "last reached otherwise", with a step between two states wherever a strong path
may take an edge.  Then strong cycles are just the cycles over states, and plain algorithms find
them: strongly connected components first, so that what lies on no cycle costs nothing, then
breadth first searches inside each.

Where a source does not tell a kind, two readings are searched: the one that makes the fewest
paths strong (a holder that may be a reader is one, what may be a recursive reader is one) gives
the cycles that are *strong*, whatever the kinds are; the one that makes the most gives those that
are *possible*.  A circular report of a kernel proves its own cycle, whatever it tells of kinds.

    cycles()          for each component its shortest strong cycle, then for each edge that is on
                      none of those the shortest through it; then the same for possible ones; and
                      for a component that has neither, a weak cycle and why it is none
    paths()           the shortest path between two classes, and the shortest strong one

A walk that is strong may come through a class twice, by R and not by R; it then holds a shorter
strong cycle, and is not itself given.

Source: the kernel's Documentation/locking/lockdep-design.rst, and __bfs() of lockdep.c.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from lockwright.lockdep.search import FORWARDS, TYPE_NAMES
from lockwright.report.lockgraph.backedges import back_edges
from lockwright.report.lockgraph.graph import Edge, LockGraph

if TYPE_CHECKING:
    import networkx

State: TypeAlias = tuple[str, bool]  # a class, and whether it was last reached by R
Node = TypeVar("Node", str, State)
BITS = {name: bit for bit, name in TYPE_NAMES.items()}
LEAST = str.maketrans("?", "S"), str.maketrans("?", "R")
MOST = str.maketrans("?", "E"), str.maketrans("?", "N")
READINGS = {"strong": LEAST, "possible": MOST}


class Strength(StrEnum):
    """What a cycle or a path proves."""

    STRONG = "strong"
    POSSIBLE = "possible"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class Cycle:
    """Classes in order, the last one leading back to the first, and the kind of each such edge.

    `weak_at` has the classes that are reached by a recursive reader and held by a reader: there,
    nobody waits.  `reported` names the kernel reports that have all of its edges.
    """

    classes: tuple[str, ...]
    kinds: tuple[str, ...]
    strength: Strength
    weak_at: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """Classes in order, and the kind of the edge between each two."""

    classes: tuple[str, ...]
    kinds: tuple[str, ...]
    strength: Strength
    weak_at: tuple[str, ...] = ()


def cycles(graph: LockGraph, most: int | None = None) -> list[Cycle]:
    """The cycles of a graph, `most` at most; those that are certain first, the weak ones last."""
    found = list(_limited(_cycles(graph), most))
    ranks = {strength: rank for rank, strength in enumerate(Strength)}
    # a search among possible cycles may come upon a certain one
    return sorted(found, key=lambda cycle: ranks[cycle.strength])


def _limited(found: Iterator[Cycle], most: int | None) -> Iterator[Cycle]:
    for count, cycle in enumerate(found):
        if most is not None and count >= most:
            return
        yield cycle


def _cycles(graph: LockGraph) -> Iterator[Cycle]:
    whole = graph.digraph()
    place = {name: number for number, name in enumerate(graph.classes)}
    components = [_induced(whole, names) for names in _components(whole, list(graph.classes))]
    covered: set[tuple[str, str]] = set()
    answered: set[str] = set()
    for strength in (Strength.STRONG, Strength.POSSIBLE):
        for component in components:
            for cycle in _strong_cycles(component, strength, covered):
                answered.add(next(iter(component)))
                yield cycle_of(graph, _turned(cycle, place))
    for component in components:
        if next(iter(component)) not in answered:
            weak = _turned(shortest_cycle(component), place)
            yield _judged(graph, weak, Strength.WEAK)


def _turned(names: tuple[str, ...], place: Mapping[str, int]) -> tuple[str, ...]:
    """A cycle from that of its classes on which stands first in the graph."""
    start = min(range(len(names)), key=lambda at: place[names[at]])
    return (*names[start:], *names[:start])


def _components(graph: networkx.DiGraph, order: Sequence[Node]) -> list[list[Node]]:
    """The components with a cycle in them, each and all in the given order of the nodes."""
    import networkx  # noqa: PLC0415  # see LockGraph.digraph

    at: dict[Node, int] = {}
    for number, component in enumerate(networkx.strongly_connected_components(graph)):
        at.update(dict.fromkeys(component, number))
    found: dict[int, list[Node]] = {}
    for node in order:
        found.setdefault(at[node], []).append(node)
    return [
        nodes for nodes in found.values() if len(nodes) > 1 or graph.has_edge(nodes[0], nodes[0])
    ]


def _induced(graph: networkx.DiGraph, nodes: Sequence[Node]) -> networkx.DiGraph:
    """These nodes with the edges between them, in this order (networkx's own has that of a set)."""
    import networkx  # noqa: PLC0415  # see LockGraph.digraph

    made = networkx.DiGraph()
    made.add_nodes_from(nodes)
    made.add_edges_from(
        (node, after, data)
        for node in nodes
        for after, data in graph.adj[node].items()
        if after in made
    )
    return made


def _strong_cycles(
    component: networkx.DiGraph, strength: Strength, covered: set[tuple[str, str]]
) -> Iterator[tuple[str, ...]]:
    """The shortest cycle of a component, then for each edge not in `covered` one through it."""
    states = states_of(component, strength)
    parts = [_induced(states, part) for part in _components(states, list(states))]
    if not parts:
        return
    names = _names(min((shortest_cycle(part) for part in parts), key=len))
    if not covered.issuperset(_edges(names)):
        covered.update(_edges(names))
        yield names
    through: dict[tuple[str, str], list[tuple[networkx.DiGraph, State, State]]] = {}
    for part in parts:
        for start, end in part.edges:
            through.setdefault((start[0], end[0]), []).append((part, start, end))
    for held, taken in component.edges:
        if (held, taken) in covered or (held, taken) not in through:
            continue
        names = _names(min((_through(*step) for step in through[held, taken]), key=len))
        if len(set(names)) == len(names):
            covered.update(_edges(names))
            yield names


def states_of(graph: networkx.DiGraph, strength: Strength) -> networkx.DiGraph:
    """The states of a graph, and the steps that a strong path may take, in one reading."""
    import networkx  # noqa: PLC0415  # see LockGraph.digraph

    holder, taken = READINGS[strength]
    states = networkx.DiGraph()
    states.add_nodes_from((name, by_r) for name in graph for by_r in (False, True))
    for start, end, edge in graph.edges(data="edge"):
        types = 0
        for kind in edge.kinds:
            types |= BITS[kind[0].translate(holder) + kind[1].translate(taken)]
        for by_r, reached_by_r in steps(types):
            states.add_edge((start, by_r), (end, reached_by_r))
    return states


def steps(types: int) -> list[tuple[bool, bool]]:
    """How a strong path may take an edge: reached by R before it, and after it."""
    found = []
    for by_r in (False, True):
        usable = types & FORWARDS.kept if by_r else types
        if usable & FORWARDS.free:
            found.append((by_r, False))
        if usable & ~FORWARDS.free:
            found.append((by_r, True))
    return found


def shortest_cycle(graph: networkx.DiGraph) -> tuple[Node, ...]:
    """A shortest cycle of a graph that has one; of several, the first that is found.

    Breadth first from the nodes that back edges lead to, which lie on all cycles, never deeper
    than the best cycle so far.
    """
    best: tuple[Node, ...] = ()
    for root in dict.fromkeys(end for _, end in back_edges(graph.adj)):
        parents: dict[Node, Node | None] = {root: None}
        ring = deque([(root, 1)])
        while ring:
            node, length = ring.popleft()
            if best and length >= len(best):
                break
            if graph.has_edge(node, root):
                best = _back(parents, node)
                break
            for after in graph[node]:
                if after not in parents:
                    parents[after] = node
                    ring.append((after, length + 1))
        if len(best) == 1:
            break
    return best


def _back(parents: dict[Node, Node | None], node: Node) -> tuple[Node, ...]:
    walk = []
    at: Node | None = node
    while at is not None:
        walk.append(at)
        at = parents[at]
    return tuple(reversed(walk))


def _through(part: networkx.DiGraph, start: State, end: State) -> tuple[State, ...]:
    """A shortest cycle that takes one step, which lies on one."""
    import networkx  # noqa: PLC0415  # see LockGraph.digraph

    return (start, *networkx.bidirectional_shortest_path(part, end, start)[:-1])


def _names(walk: Sequence[State]) -> tuple[str, ...]:
    return tuple(name for name, _ in walk)


def _edges(names: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(names, (*names[1:], names[0]), strict=True))


def cycle_of(graph: LockGraph, names: tuple[str, ...]) -> Cycle:
    """The cycle of these classes: edges of the graph lead from each to the next."""
    kinds, weak = best_kinds([graph.edges[ends] for ends in _edges(names)], closed=True)
    return _judged(graph, names, _strength_of((*kinds, kinds[0]), weak))


def _strength_of(kinds: Sequence[str], weak: Sequence[int]) -> Strength:
    """What a walk with these kinds proves, of which these joints are weak."""
    if weak:
        return Strength.WEAK
    uncertain = any(may_be for _, may_be in (joint(*two) for two in pairwise(kinds)))
    return Strength.POSSIBLE if uncertain else Strength.STRONG


def _judged(graph: LockGraph, names: tuple[str, ...], strength: Strength) -> Cycle:
    """A cycle from its classes: the kinds that serve best, and who reported it."""
    edges = [graph.edges[ends] for ends in _edges(names)]
    kinds, weak = best_kinds(edges, closed=True)
    weak_at = tuple(edges[at].taken for at in weak)
    shared = [
        source
        for source in graph.reported
        if all(any(way.source == source for way in edge.ways) for edge in edges)
    ]
    if strength is Strength.POSSIBLE and shared:
        strength = Strength.STRONG
    return Cycle(names, kinds, strength, weak_at, tuple(shared))


def best_kinds(edges: Sequence[Edge], *, closed: bool) -> tuple[tuple[str, ...], list[int]]:
    """One kind for each edge: with the fewest weak joints, then the fewest that may be, then the
    fewest unknown letters.

    Gives the kinds, and the places of the weak joints: after edge i.  `closed` has a joint from
    the last edge to the first.
    """
    best: _Choice | None = None
    for first in edges[0].kinds:
        ways = {first: _Choice((0, 0, first.count("?")), (first,))}
        for edge in edges[1:]:
            ways = {kind: min(choice.then(kind) for choice in ways.values()) for kind in edge.kinds}
        for choice in ways.values():
            found = choice.closed() if closed else choice
            best = found if best is None or found.cost < best.cost else best
    assert best is not None
    kinds = best.kinds
    follows = [*kinds[1:], kinds[0]] if closed else kinds[1:]
    joints = enumerate(zip(kinds, follows, strict=False))
    return kinds, [at for at, (one, other) in joints if joint(one, other) == _WEAK]


class _Choice(NamedTuple):
    """Kinds for the edges so far, and what is against them: (weak, uncertain, unknown)."""

    cost: tuple[int, int, int]
    kinds: tuple[str, ...]

    def then(self, kind: str) -> _Choice:
        """With one more edge."""
        weak, uncertain = joint(self.kinds[-1], kind)
        unknown = kind.count("?")
        cost = self.cost[0] + weak, self.cost[1] + uncertain, self.cost[2] + unknown
        return _Choice(cost, (*self.kinds, kind))

    def closed(self) -> _Choice:
        """With the joint from the last edge to the first."""
        weak, uncertain = joint(self.kinds[-1], self.kinds[0])
        return self._replace(cost=(self.cost[0] + weak, self.cost[1] + uncertain, self.cost[2]))


_WEAK = (1, 0)


def joint(kind: str, after: str) -> tuple[int, int]:
    """Whether two edges that follow one another are weak, and whether they may be: a recursive
    reader does not wait for a reader."""
    if kind[1] == "R" and after[0] == "S":
        return _WEAK
    return 0, int(kind[1] != "N" and after[0] != "E")


def paths(graph: LockGraph, start: str, end: str) -> list[Path]:
    """The shortest path, and if that is not certainly strong the shortest strong one, then, if
    there is none, the shortest possible one.  Empty if nothing leads from start to end.

    From a class to itself: through other classes.
    """
    whole = graph.digraph()
    shortest = _walk(whole, start, [end])
    if shortest is None:
        return []
    found = [_path(graph, shortest)]
    for strength in (Strength.STRONG, Strength.POSSIBLE):
        if found[-1].strength in (Strength.STRONG, strength):
            break
        states = states_of(whole, strength)
        walk = _walk(states, (start, False), [(end, False), (end, True)])
        if walk is not None:
            found.append(_path(graph, _names(walk)))
    return found


def _walk(graph: networkx.DiGraph, start: Node, ends: Sequence[Node]) -> tuple[Node, ...] | None:
    """A shortest walk of one edge or more from the start to one of the ends."""
    parents: dict[Node, Node] = {}
    ring = deque([start])
    while ring:
        node = ring.popleft()
        for after in graph[node]:
            if after in ends:
                walk = [after, node]
                while walk[-1] != start:
                    walk.append(parents[walk[-1]])
                return tuple(reversed(walk))
            if after not in parents:
                parents[after] = node
                ring.append(after)
    return None


def _path(graph: LockGraph, names: Sequence[str]) -> Path:
    edges = [graph.edges[ends] for ends in pairwise(names)]
    kinds, weak = best_kinds(edges, closed=False)
    at = tuple(edges[at].taken for at in weak)
    return Path(tuple(names), kinds, _strength_of(kinds, weak), at)
