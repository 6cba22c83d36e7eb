"""Where a lock graph's boxes and edges stand in a drawing: columns, from what is held rightwards.

fast-sugiyama does the layered method: it gives each class its column, each edge over several
columns a bend in every one of them, the order within the columns, and heights.  What it does not
know is done here: edges that lead back are turned round before and back again after, as it takes
no cycles; columns are as wide as the boxes in them, and boxes are moved apart where they are
taller than its one size for all; components stand beside one another; edges get places of their
own along a box's side.  Classes without any edge have no place.

    layout()       components, packed into shelves
    _Columns       one component: what the library says, then places
    _settled()     the nearest places that keep an order (isotonic regression)

Source: Sugiyama, Tagawa, Toda, Methods for visual understanding of hierarchical system structures
(1981); pool adjacent violators, after Barlow et al., Statistical inference under order
restrictions (1972).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from lockwright.report.lockgraph.backedges import back_edges
from lockwright.report.lockgraph.graph import LockGraph

GAP_X, GAP_X_MAX, GAP_Y, MARGIN = 56.0, 180.0, 18.0, 24.0
GAP_LABEL = 34.0
CROWD = 5.0  # so much wider is the gap between two columns for each edge through it
BEND, BEND_GAP = 4.0, 6.0
LINE_SPACE, BOW = 10.0, 3.2
SHORT_MAX, SWAPPED_MAX = 2000, 800
"""In a drawing of more orders than that they are not made short, classes not swapped for fewer
crossings: it takes too long."""
SLACK, BEND_SHARE = 1.25, 0.25
FLATNESS = 2.2
LOOP, LOOP_WIDTH, LOOP_LABEL = 16.0, 14.0, 14.0

Point = tuple[float, float]
Size = tuple[float, float]
Ends = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Box:
    """A class's place; x and y are its middle."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Route:
    """An edge from the one that is held to the one that is taken, through these points: first
    straight on within a column, then bent to the next one, and so on; of a loop, its corners."""

    held: str
    taken: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole drawing from (0, 0) to (width, height)."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    routes: tuple[Route, ...]


def layout(
    graph: LockGraph,
    size_of: Callable[[str], Size],
    label_of: Callable[[tuple[str, str]], float] = lambda _: 0.0,
) -> Drawing:
    """Give each class that has an edge a place, and each edge its way: with room for a label of
    that width between its first two columns."""
    parts = [_Columns(names, edges, size_of, label_of).drawing() for names, edges in _parts(graph)]
    parts.sort(key=lambda part: -part.height)
    area = sum(part.width * part.height for part in parts)
    limit = max([sqrt(area * FLATNESS), *(part.width for part in parts)], default=0.0)
    boxes: list[Box] = []
    routes: list[Route] = []
    left = top = shelf = width = 0.0
    for part in parts:
        if left and left + part.width > limit:
            left, top, shelf = 0.0, top + shelf, 0.0
        boxes += (_moved_box(box, left, top) for box in part.boxes)
        routes += (_moved(route, left, top) for route in part.routes)
        left += part.width
        shelf = max(shelf, part.height)
        width = max(width, left)
    return Drawing(width, top + shelf, tuple(boxes), tuple(routes))


def _parts(graph: LockGraph) -> list[tuple[list[str], list[tuple[str, str]]]]:
    """The classes and edges of each component that has an edge."""
    import networkx  # noqa: PLC0415  # see LockGraph.digraph

    number: dict[str, int] = {}
    for at, names in enumerate(networkx.weakly_connected_components(graph.digraph())):
        number.update(dict.fromkeys(names, at))
    parts: dict[int, tuple[list[str], list[tuple[str, str]]]] = {}
    for name in graph.classes:
        parts.setdefault(number[name], ([], []))[0].append(name)
    for ends in graph.edges:
        parts[number[ends[0]]][1].append(ends)
    return [part for part in parts.values() if part[1]]


class _Columns:
    """One component.  A vertex is a class or a bend; they are numbered, the classes first.

    Invariant: `columns[k]` holds the vertices of column k in order, from the top; `lines[edge]` has
    those of an edge that is not turned, one a column, its ends among them.
    """

    def __init__(
        self,
        names: Sequence[str],
        edges: Sequence[tuple[str, str]],
        size_of: Callable[[str], Size],
        label_of: Callable[[tuple[str, str]], float],
    ) -> None:
        self.names = names
        at = {name: number for number, name in enumerate(names)}
        self.edges = [(at[held], at[taken]) for held, taken in edges]
        self.known = frozenset(self.edges)
        self.sizes = [size_of(name) for name in names]
        self.labels = [label_of(ends) for ends in edges]
        after: dict[int, list[int]] = {number: [] for number in range(len(names))}
        for held, taken in self.edges:
            after[held].append(taken)
        self.turned = frozenset(back_edges(after))
        onwards = [self._onwards(edge) for edge in self.edges if edge[0] != edge[1]]
        row = max(height for _, height in self.sizes) + GAP_Y
        self.columns, wanted, steps = _placed(list(dict.fromkeys(onwards)), row)
        self.column = {
            vertex: number for number, column in enumerate(self.columns) for vertex in column
        }
        self.lines = {line[0 :: len(line) - 1]: line for line in _lines(steps, len(names))}
        self.y: dict[int, float] = {}
        self._settle(wanted)
        self.left, self.widths, self.right = self._across()

    def _onwards(self, edge: Ends) -> Ends:
        return (edge[1], edge[0]) if edge in self.turned else edge

    def _height(self, vertex: int) -> float:
        """How much room a vertex needs; a loop hangs below its box."""
        if vertex >= len(self.names):
            return BEND
        loop = 2 * (LOOP + LOOP_LABEL) if (vertex, vertex) in self.known else 0.0
        return self.sizes[vertex][1] + loop

    def _settle(self, wanted: dict[int, float]) -> None:
        """Move the vertices of each column apart, as near to where they are wanted as can be."""
        for column in self.columns:
            offsets = [0.0]
            for vertex, below in pairwise(column):
                bends = (vertex >= len(self.names)) + (below >= len(self.names))
                gap = (GAP_Y, GAP_Y / 2, BEND_GAP)[bends]
                offset = (self._height(vertex) + self._height(below)) / 2 + gap
                offsets.append(offsets[-1] + offset)
            # a bend that stays in line is worth more than a box in the middle
            weights = [1.0 if vertex < len(self.names) else 4.0 for vertex in column]
            targets = [
                wanted[vertex] - offset for vertex, offset in zip(column, offsets, strict=True)
            ]
            for vertex, y, offset in zip(column, _settled(targets, weights), offsets, strict=True):
                self.y[vertex] = y + offset
        top = min(y - self._height(vertex) / 2 for vertex, y in self.y.items())
        self.y = {vertex: y - top + MARGIN for vertex, y in self.y.items()}

    def _across(self) -> tuple[list[float], list[float], float]:
        """The left side and the width of each column, and the right side of the last one."""
        crowd, least = [0] * len(self.columns), [GAP_X] * len(self.columns)
        for line in self.lines.values():
            for vertex in line[:-1]:
                crowd[self.column[vertex]] += 1
        for edge, label in zip(self.edges, self.labels, strict=True):
            if label and edge[0] != edge[1]:
                column = self.column[self.lines[self._onwards(edge)][0]]
                least[column] = max(least[column], label + GAP_LABEL)
        lefts, widths, x = [], [], MARGIN
        for vertices, through, gap in zip(self.columns, crowd, least, strict=True):
            boxes = [self.sizes[vertex][0] for vertex in vertices if vertex < len(self.names)]
            lefts.append(x)
            widths.append(max(boxes, default=BEND))
            right = x + widths[-1]
            x = right + max(gap, min(GAP_X + CROWD * through, GAP_X_MAX))
        return lefts, widths, right

    def drawing(self) -> Drawing:
        """The places as boxes and routes."""
        boxes = []
        for vertex, name in enumerate(self.names):
            column, (width, height) = self.column[vertex], self.sizes[vertex]
            middle = self.left[column] + self.widths[column] / 2
            boxes.append(Box(name, middle, self.y[vertex], width, height))
        routes = tuple(self._routes(boxes))
        width = self.right + MARGIN
        bottom = max(y + self._height(vertex) / 2 for vertex, y in self.y.items())
        return Drawing(width, bottom + MARGIN, tuple(boxes), routes)

    def _routes(self, boxes: Sequence[Box]) -> Iterator[Route]:
        ports = self._ports(boxes)
        for edge in self.edges:
            names = self.names[edge[0]], self.names[edge[1]]
            if edge[0] == edge[1]:
                yield Route(*names, _loop(boxes[edge[0]]))
                continue
            line = self.lines[self._onwards(edge)]
            start, end = boxes[line[0]], boxes[line[-1]]
            both = edge[::-1] in self.known
            aside = both * (LINE_SPACE if edge in self.turned else -LINE_SPACE) / 2
            first, last = self.column[line[0]], self.column[line[-1]]
            out, into = ports[edge, line[0]], ports[edge, line[-1]]
            points = [(start.x + start.width / 2, out)]
            points.append((self.left[first] + self.widths[first], out))
            if both and len(line) == 2:
                middle = (points[-1][0] + self.left[last]) / 2, (out + into) / 2 + BOW * aside
                points += (middle, middle)
            for bend in line[1:-1]:
                left, y = self.left[self.column[bend]], self.y[bend] + aside
                points += ((left, y), (left + self.widths[self.column[bend]], y))
            points += ((self.left[last], into), (end.x - end.width / 2, into))
            yield Route(*names, tuple(reversed(points) if edge in self.turned else points))

    def _ports(self, boxes: Sequence[Box]) -> dict[tuple[Ends, int], float]:
        """Where along a box's side each of its edges begins or ends, by where it leads."""
        sides: dict[tuple[int, bool], list[tuple[float, bool, Ends]]] = {}
        for edge in self.edges:
            if edge[0] == edge[1]:
                continue
            line, turned = self.lines[self._onwards(edge)], edge in self.turned
            sides.setdefault((line[0], True), []).append((self.y[line[1]], turned, edge))
            sides.setdefault((line[-1], False), []).append((self.y[line[-2]], turned, edge))
        ports = {}
        for (vertex, _), ends in sides.items():
            ends.sort()
            room = boxes[vertex].height * 0.8
            for number, (_, _, edge) in enumerate(ends):
                share = (number + 0.5) / len(ends) - 0.5
                ports[edge, vertex] = boxes[vertex].y + share * room
        return ports


def _placed(
    edges: Sequence[Ends], row: float
) -> tuple[list[list[int]], dict[int, float], list[Ends]]:
    """The vertices of each column in order, where they should stand in it, and the steps between
    neighbouring columns: of one component, of which every vertex but a single one has an edge.

    Bends get numbers that no class has.  The library leaves much room between: its heights are
    taken together, so that the fullest column has `SLACK` times the room it needs.  Of a drawing
    that is too large for it, less is asked.
    """
    from fast_sugiyama import from_edges  # noqa: PLC0415  # few commands draw

    if not edges:
        return [[0]], {0: 0.0}, []
    ((placed, _, _, made),) = from_edges(
        edges,
        vertex_spacing=1,
        dummy_vertices=True,
        dummy_size=BEND_SHARE,
        check_layout=False,
        ranking_type="minimize" if len(edges) <= SHORT_MAX else "down",
        transpose=len(edges) <= SWAPPED_MAX,
    )
    places = {int(vertex): place for vertex, place in placed}
    columns: dict[int, list[tuple[float, int]]] = {}
    for vertex, (along, across) in places.items():
        columns.setdefault(round(across), []).append((along, vertex))
    ordered = [sorted(columns[across]) for across in sorted(columns, reverse=True)]
    classes = 1 + max(map(max, edges))
    needed = max(sum(1.0 if at < classes else BEND_SHARE for _, at in column) for column in ordered)
    heights = [along for along, _ in places.values()]
    scale = row * min(1.0, SLACK * needed / max(max(heights) - min(heights), 1.0))
    wanted = {vertex: along * scale for vertex, (along, _) in places.items()}
    steps = sorted((int(start), int(end)) for start, end in made or ())
    return [[vertex for _, vertex in column] for column in ordered], wanted, steps


def _lines(steps: Sequence[Ends], classes: int) -> Iterator[tuple[int, ...]]:
    """The vertices of each edge, from the steps between columns: a bend has one step onwards."""
    after = {start: end for start, end in steps if start >= classes}
    for start, end in steps:
        if start < classes:
            line = [start, end]
            while line[-1] >= classes:
                line.append(after[line[-1]])
            yield tuple(line)


def _settled(targets: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The places nearest to the targets, by weighted squares, that do not decrease."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for target, weight in zip(targets, weights, strict=True):
        mean, total, count = target, weight, 1
        while blocks and blocks[-1][0] > mean:
            before, heavy, more = blocks.pop()
            mean = (mean * total + before * heavy) / (total + heavy)
            total, count = total + heavy, count + more
        blocks.append((mean, total, count))
    return [mean for mean, _, count in blocks for _ in range(count)]


def _loop(box: Box) -> tuple[Point, ...]:
    """Out of a box's lower side and back into it."""
    bottom = box.y + box.height / 2
    return (box.x + LOOP_WIDTH, bottom), (box.x, bottom + LOOP), (box.x - LOOP_WIDTH, bottom)


def _moved_box(box: Box, left: float, top: float) -> Box:
    return Box(box.name, box.x + left, box.y + top, box.width, box.height)


def _moved(route: Route, left: float, top: float) -> Route:
    points = tuple((x + left, y + top) for x, y in route.points)
    return Route(route.held, route.taken, points)
