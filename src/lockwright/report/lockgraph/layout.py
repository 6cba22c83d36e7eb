"""Where a lock graph's boxes and edges stand in a drawing: layers, from what is held downwards.

The layered method: edges against a depth first order are turned round, so that no cycle is left;
each class gets a layer, below all that it is taken under (networkx); an edge over several layers
gets a bend in each of them; the order within the layers is improved by barycentres, and the
sideways places by moving all towards their neighbours, as near as the order and the widths allow.
Components stand beside one another.  Classes without any edge have no place.

    layout()       components, packed into shelves
    _Layers        one component: order, then places
    _settled()     the nearest places that keep an order and distances (isotonic regression)

Source: Sugiyama, Tagawa, Toda, Methods for visual understanding of hierarchical system structures
(1981); pool adjacent violators, after Barlow et al., Statistical inference under order
restrictions (1972).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from lockwright.report.lockgraph.backedges import back_edges
from lockwright.report.lockgraph.graph import LockGraph

GAP_X, GAP_Y, MARGIN = 36.0, 56.0, 24.0
BEND_WIDTH = 10.0
BENDS_MAX = 6000  # in larger drawings long edges go straight
SWEEPS, MOVES = 8, 8
FLATNESS = 1.5
LOOP = 26.0

Point = tuple[float, float]
Size = tuple[float, float]


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
    """An edge from the one that is held to the one that is taken, through these points."""

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


def layout(graph: LockGraph, size_of: Callable[[str], Size]) -> Drawing:
    """Give each class that has an edge a place, and each edge its way."""
    parts = [_Layers(names, edges, size_of).drawing() for names, edges in _parts(graph)]
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


class _Layers:
    """One component.  A vertex is a class or a bend; they are numbered, the classes first.

    Invariant: `layers[k]` holds the vertices of layer k in order, and `above` and `below` join
    neighbouring layers only, unless `straight`.
    """

    def __init__(
        self,
        names: Sequence[str],
        edges: Sequence[tuple[str, str]],
        size_of: Callable[[str], Size],
    ) -> None:
        self.names = names
        at = {name: number for number, name in enumerate(names)}
        self.edges = [(at[held], at[taken]) for held, taken in edges]
        self.sizes = [size_of(name) for name in names]
        after: dict[int, list[int]] = {number: [] for number in range(len(names))}
        for held_at, taken_at in self.edges:
            after[held_at].append(taken_at)
        self.turned = frozenset(back_edges(after))
        self.layer = _layered(len(names), [self._down(edge) for edge in self.edges])
        self.bends: dict[tuple[int, int], list[int]] = {}
        self.above: list[list[int]] = [[] for _ in names]
        self.below: list[list[int]] = [[] for _ in names]
        self._bend()
        self.layers: list[list[int]] = [[] for _ in range(max(self.layer) + 1)]
        for vertex, layer in enumerate(self.layer):
            self.layers[layer].append(vertex)
        self._order()
        self.x = [0.0] * len(self.layer)
        self._place()

    def _down(self, edge: tuple[int, int]) -> tuple[int, int]:
        return (edge[1], edge[0]) if edge in self.turned else edge

    def _bend(self) -> None:
        """Join the vertices, with a bend in each layer between."""
        joined = dict.fromkeys(self._down(edge) for edge in self.edges if edge[0] != edge[1])
        spans = sum(self.layer[end] - self.layer[start] - 1 for start, end in joined)
        for start, end in joined:
            last, bends = start, []
            between = range(self.layer[start] + 1, self.layer[end])
            for layer in between if spans <= BENDS_MAX else ():
                bend = len(self.layer)
                self.layer.append(layer)
                self.sizes.append((BEND_WIDTH, 0.0))
                self.above.append([])
                self.below.append([])
                self._join(last, bend)
                bends.append(bend)
                last = bend
            self._join(last, end)
            self.bends[start, end] = bends

    def _join(self, upper: int, lower: int) -> None:
        self.below[upper].append(lower)
        self.above[lower].append(upper)

    def _order(self) -> None:
        """Sort each layer by the middle of its neighbours, downwards and upwards; keep the order
        with the fewest crossings."""
        best, fewest = [list(layer) for layer in self.layers], self._crossings()
        for sweep in range(SWEEPS):
            if not fewest:
                break
            downwards = sweep % 2 == 0
            beside = self.above if downwards else self.below
            for layer in self.layers if downwards else reversed(self.layers):
                place = self._places()
                middle = {
                    vertex: _mean([place[other] for other in beside[vertex]], place[vertex])
                    for vertex in layer
                }
                layer.sort(key=middle.__getitem__)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(layer) for layer in self.layers], crossings
        self.layers = best

    def _places(self) -> dict[int, float]:
        """How far along its layer each vertex stands, from 0 to 1."""
        return {
            vertex: (number + 0.5) / len(layer)
            for layer in self.layers
            for number, vertex in enumerate(layer)
        }

    def _crossings(self) -> int:
        """How many pairs of edges cross between neighbouring layers."""
        count = 0
        for layer in self.layers[1:]:
            place = self._places()
            ends: list[float] = []
            lines = sorted(
                (place[upper], place[lower]) for lower in layer for upper in self.above[lower]
            )
            for _, end in lines:
                count += len(ends) - bisect_right(ends, end)
                insort(ends, end)
        return count

    def _place(self) -> None:
        """Give each vertex its x: side by side first, then as near to its neighbours as can be."""
        for layer in self.layers:
            self._settle(layer, [0.0] * len(layer))
        for move in range(MOVES):
            beside = self.above if move % 2 == 0 else self.below
            for layer in self.layers if move % 2 == 0 else reversed(self.layers):
                wanted = [
                    _mean([self.x[other] for other in beside[vertex]], self.x[vertex])
                    for vertex in layer
                ]
                self._settle(layer, wanted)
        left = min(x - self.sizes[vertex][0] / 2 for vertex, x in enumerate(self.x))
        self.x = [x - left + MARGIN for x in self.x]

    def _settle(self, layer: Sequence[int], wanted: Sequence[float]) -> None:
        offsets, offset = [], 0.0
        for number, vertex in enumerate(layer):
            if number:
                before = self.sizes[layer[number - 1]][0]
                offset += (before + self.sizes[vertex][0]) / 2 + GAP_X
            offsets.append(offset)
        # a bend that stays in line is worth more than a box in the middle
        weights = [1.0 if vertex < len(self.names) else 4.0 for vertex in layer]
        targets = [want - offset for want, offset in zip(wanted, offsets, strict=True)]
        for vertex, x, offset in zip(layer, _settled(targets, weights), offsets, strict=True):
            self.x[vertex] = x + offset

    def drawing(self) -> Drawing:
        """The places as boxes and routes."""
        tops, y = [], MARGIN
        heights = [max(self.sizes[vertex][1] for vertex in layer) for layer in self.layers]
        for height in heights:
            tops.append(y)
            y += height + GAP_Y
        boxes = [
            Box(
                name,
                self.x[vertex],
                tops[self.layer[vertex]] + heights[self.layer[vertex]] / 2,
                *self.sizes[vertex],
            )
            for vertex, name in enumerate(self.names)
        ]
        bands = [(top, top + height) for top, height in zip(tops, heights, strict=True)]
        routes = self._routes(boxes, bands)
        loops = any(held == taken for held, taken in self.edges)
        right = max(x + self.sizes[vertex][0] / 2 for vertex, x in enumerate(self.x))
        width = right + MARGIN + (LOOP if loops else 0.0)
        return Drawing(width, y - GAP_Y + MARGIN, tuple(boxes), tuple(routes))

    def _routes(self, boxes: Sequence[Box], bands: Sequence[Point]) -> list[Route]:
        ports = self._ports(boxes)
        routes = []
        for edge in self.edges:
            names = self.names[edge[0]], self.names[edge[1]]
            if edge[0] == edge[1]:
                routes.append(Route(*names, _loop(boxes[edge[0]])))
                continue
            down = upper, lower = self._down(edge)
            points = [(ports[edge, upper], boxes[upper].y + boxes[upper].height / 2)]
            for bend in self.bends[down]:
                points += ((self.x[bend], y) for y in bands[self.layer[bend]])
            points.append((ports[edge, lower], boxes[lower].y - boxes[lower].height / 2))
            if edge in self.turned:
                points.reverse()
            routes.append(Route(*names, tuple(points)))
        return routes

    def _ports(self, boxes: Sequence[Box]) -> dict[tuple[tuple[int, int], int], float]:
        """Where along a box's side each of its edges begins or ends, by where it leads."""
        sides: dict[tuple[int, bool], list[tuple[float, bool, tuple[int, int]]]] = {}
        for edge in self.edges:
            if edge[0] == edge[1]:
                continue
            down = upper, lower = self._down(edge)
            bends = self.bends[down]
            turned = edge in self.turned
            near = self.x[bends[0] if bends else lower], turned, edge
            sides.setdefault((upper, True), []).append(near)
            far = self.x[bends[-1] if bends else upper], turned, edge
            sides.setdefault((lower, False), []).append(far)
        ports = {}
        for (vertex, _), ends in sides.items():
            ends.sort()
            room = boxes[vertex].width * 0.7
            for number, (_, _, edge) in enumerate(ends):
                share = (number + 0.5) / len(ends) - 0.5
                ports[edge, vertex] = boxes[vertex].x + share * room
        return ports


def _layered(count: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """The layer of each vertex: below all that lead to it, the first ones near to what follows."""
    import networkx  # noqa: PLC0415  # see LockGraph.digraph

    graph = networkx.DiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from((start, end) for start, end in edges if start != end)
    layers = [0] * count
    for number, generation in enumerate(networkx.topological_generations(graph)):
        for vertex in generation:
            layers[vertex] = number
    for vertex in range(count):
        if not graph.in_degree(vertex) and graph.out_degree(vertex):
            layers[vertex] = min(layers[end] for end in graph[vertex]) - 1
    return layers


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


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _loop(box: Box) -> tuple[Point, ...]:
    """Out of a box's right side and back into it."""
    right, rise = box.x + box.width / 2, box.height / 4
    return (right, box.y - rise), (right + LOOP, box.y), (right, box.y + rise)


def _moved_box(box: Box, left: float, top: float) -> Box:
    return Box(box.name, box.x + left, box.y + top, box.width, box.height)


def _moved(route: Route, left: float, top: float) -> Route:
    points = tuple((x + left, y + top) for x, y in route.points)
    return Route(route.held, route.taken, points)
