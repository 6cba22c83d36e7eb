"""The facts of a lock graph: classes, which was taken with which held, how, and who says so.

A class is known by its printed name, in whatever source it occurs.  An edge says that a lock of
class `taken` was acquired while one of class `held` was held.  Each of its *ways* is one source's
word for that: how (the holder E exclusive or S shared, then the taken one R recursive reader or N
anything else; ? is what the source does not tell) and the call chain that took the lock.

`digraph` gives all this to networkx, which is imported there and not before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx

HOLDERS, TAKEN = "ES?", "RN?"
KINDS = tuple(f"{holder}{taken}" for holder in HOLDERS for taken in TAKEN)
UNKNOWN = "??"
NUMBERED = re.compile(r"#[1-9][0-9]{0,9}(?=(?:/[0-9])?$)")
"""The number of a class name: how many keys of that name were there before, and one."""


@dataclass(frozen=True, slots=True)
class Way:
    """One source's word for an edge; `frames` begin at the innermost function."""

    kind: str
    source: str
    frames: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """Numbers of one source about a class.

    `what` is "lockdep" (operations, forward, backward), or "write" or "read" of lock_stat;
    `points` are (side, count, symbol), the side "waited" or "held meanwhile".
    """

    source: str
    what: str
    values: dict[str, float]
    points: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of a deadlock that was predicted, or happened: its kind, as a finding has it, and
    its classes; if they are a cycle, from any of them, in the cycle's order or against it.

    `reality` is "confirmed", "refuted" or "open", `because` says why, and `token` replays the
    deadlock in `scenario`; of one that is not confirmed, `scenario` is what was explored for it.
    """

    classes: tuple[str, ...]
    kind: str
    reality: str
    because: str
    token: str
    scenario: str


@dataclass(slots=True)
class LockClass:
    """A class: usage characters of all sources together, wait types (outer, inner) as seen."""

    name: str
    usage: str = ""
    waits: list[tuple[int, int]] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)


@dataclass(slots=True)
class Edge:
    """All that is known of one dependency.

    Invariant: `ways` has at most one way of each kind for a source, and is not empty.
    """

    held: str
    taken: str
    ways: list[Way] = field(default_factory=list)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds seen, in fixed order: ER EN E? SR SN S? ?R ?N ??."""
        return tuple(kind for kind in KINDS if any(way.kind == kind for way in self.ways))

    @property
    def shared(self) -> bool:
        """Whether only readers stand at one of its ends, in all ways that are known."""
        return all(way.kind[0] == "S" for way in self.ways) or all(
            way.kind[1] == "R" for way in self.ways
        )


class LockGraph:
    """Classes by name and edges by (held, taken), both in the order in which they came.

    `sources` names what the graph was made of, `reported` those that are circular reports of a
    kernel, `judgements` what came of cycles, `folded` how many edges lay between classes that
    folding took together.
    Invariant: both ends of each edge are in `classes`.
    """

    def __init__(self) -> None:
        self.classes: dict[str, LockClass] = {}
        self.edges: dict[tuple[str, str], Edge] = {}
        self.sources: list[str] = []
        self.reported: list[str] = []
        self.judgements: list[Judgement] = []
        self.folded = 0
        self.numbers_folded = False

    def __len__(self) -> int:
        return len(self.classes)

    def add_source(self, source: str, *, reported: bool = False) -> None:
        """Name a source; `reported` if it is a circular report."""
        if source not in self.sources:
            self.sources.append(source)
        if reported and source not in self.reported:
            self.reported.append(source)

    def add_class(
        self, name: str, usage: str = "", wait: tuple[int, int] | None = None
    ) -> LockClass:
        """A class, new or known, with what else a source knows of it."""
        known = self.classes.get(name)
        if known is None:
            known = self.classes[name] = LockClass(name)
        known.usage = joined_usage(known.usage, usage)
        if wait is not None and wait not in known.waits:
            known.waits.append(wait)
        return known

    def add_edge(self, held: str, taken: str, way: Way) -> None:
        """A dependency as one source tells it; of the same kind, its first word stays."""
        edge = self.edges.get((held, taken))
        if edge is None:
            self.add_class(held)
            self.add_class(taken)
            edge = self.edges[held, taken] = Edge(held, taken)
        if not any(way.kind == old.kind and way.source == old.source for old in edge.ways):
            edge.ways.append(way)

    def add_measure(self, name: str, measure: Measure) -> None:
        """Numbers about a class."""
        measures = self.add_class(name).measures
        if measure not in measures:
            measures.append(measure)

    def add_judgement(self, judgement: Judgement) -> None:
        """What came of a cycle."""
        if judgement not in self.judgements:
            self.judgements.append(judgement)

    def merge(self, other: LockGraph) -> None:
        """Take up all that another graph knows: the same name is the same class."""
        for source in other.sources:
            self.add_source(source, reported=source in other.reported)
        self.folded += other.folded
        self.numbers_folded = self.numbers_folded or other.numbers_folded
        for judgement in other.judgements:
            self.add_judgement(judgement)
        self._take(other.classes.values(), other.edges.values())

    def _take(self, classes: Iterable[LockClass], edges: Iterable[Edge]) -> None:
        for lock in classes:
            self.add_class(lock.name, lock.usage)
            for wait in lock.waits:
                self.add_class(lock.name, wait=wait)
            for measure in lock.measures:
                self.add_measure(lock.name, measure)
        for edge in edges:
            for way in edge.ways:
                self.add_edge(edge.held, edge.taken, way)

    def without_numbers(self) -> LockGraph:
        """The graph with `#N` left out of names, so that what differs by that alone is one class.

        An edge between two such would be one from a class to itself, which it was not: it is left
        out, and counted in `folded`.
        """
        made = LockGraph()
        made.sources, made.reported = list(self.sources), list(self.reported)
        made.folded, made.numbers_folded = self.folded, True
        for name, lock in self.classes.items():
            one = LockClass(NUMBERED.sub("", name), lock.usage, lock.waits, lock.measures)
            made._take((one,), ())
        for (held, taken), edge in self.edges.items():
            ends = NUMBERED.sub("", held), NUMBERED.sub("", taken)
            if ends[0] == ends[1] and held != taken:
                made.folded += 1
                continue
            made._take((), (Edge(*ends, edge.ways),))
        for judgement in self.judgements:
            names = tuple(NUMBERED.sub("", name) for name in judgement.classes)
            if len(set(names)) == len(judgement.classes):
                made.add_judgement(replace(judgement, classes=names))
        return made

    def part(self, names: Iterable[str]) -> LockGraph:
        """These classes and what lies between them, in this graph's order."""
        wanted = frozenset(names)
        made = LockGraph()
        made.sources, made.reported = list(self.sources), list(self.reported)
        made.numbers_folded = self.numbers_folded
        for judgement in self.judgements:
            if wanted.issuperset(judgement.classes):
                made.add_judgement(judgement)
        made._take(
            (lock for name, lock in self.classes.items() if name in wanted),
            (edge for ends, edge in self.edges.items() if wanted.issuperset(ends)),
        )
        return made

    def around(self, name: str, depth: int) -> LockGraph:
        """The classes that so many edges or less, in either direction, lead to."""
        beside: dict[str, list[str]] = {known: [] for known in self.classes}
        for held, taken in self.edges:
            beside[held].append(taken)
            beside[taken].append(held)
        found = {name: None}
        ring = [name]
        for _ in range(depth):
            ring = [near for known in ring for near in beside[known]]
            ring = [near for near in dict.fromkeys(ring) if near not in found]
            if not ring:
                break
            found.update(dict.fromkeys(ring))
        return self.part(found)

    def numbered(self) -> Iterator[str]:
        """The class names that hold a number."""
        return (name for name in self.classes if NUMBERED.search(name))

    def digraph(self) -> networkx.DiGraph:
        """The classes and edges for networkx; each edge has its `Edge` as attribute `edge`."""
        import networkx  # noqa: PLC0415  # it takes long to load, and few commands need it

        made = networkx.DiGraph()
        made.add_nodes_from(self.classes)
        made.add_edges_from((*ends, {"edge": edge}) for ends, edge in self.edges.items())
        return made


def joined_usage(one: str, other: str) -> str:
    """Two sources' usage characters as those of one kernel that saw both.

    Source: get_usage_char(); a fifth and a sixth character are of kernels before 4.14.
    """
    if len(one) < len(other):
        one, other = other, one
    return "".join(map(_joined_char, one, other + "." * (len(one) - len(other))))


def _joined_char(one: str, other: str) -> str:
    if other in (one, "."):
        return one
    return other if one == "." else "?"


def names_text(names: Sequence[str]) -> str:
    """Class names as a chain."""
    return " -> ".join(map(plain, names))


def plain(text: str) -> str:
    """Text that is safe in a line of a terminal or a drawing: what does not print is spelt out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
