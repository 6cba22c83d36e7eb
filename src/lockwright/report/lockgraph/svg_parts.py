"""The pieces of a lock graph's picture: boxes, orders, and the labels between.

What is on a cycle is coloured and thicker and says so in a label, what only readers make is
dashed, what a comparison finds gone or new has a sign: nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from lockwright.report.lockgraph.graph import Edge, LockGraph
from lockwright.report.lockgraph.layout import Box, Drawing, Point, Route
from lockwright.report.lockgraph.marks import SIGNS, Marks, class_lines, edge_lines
from lockwright.report.lockgraph.svg_labels import Places
from lockwright.report.lockgraph.svg_style import (
    CHAR,
    LABEL_CHAR,
    LABEL_LINE,
    LINE,
    PAD,
    TONES,
    number,
)

ALL_LABELLED_MAX = 120  # orders; in larger pictures only those on cycles have a label
SIGN = 8.0
PLATE = 1.5  # so much wider to each side is the ground of a label


class Picture:
    """One graph in a drawing, which may be that of a larger graph: what of it there is.

    `tips` is what the ids of its arrow heads begin with: two pictures of a page may share none.
    With `titles` a browser shows what is known where the pointer rests.
    """

    def __init__(self, graph: LockGraph, marks: Marks, drawing: Drawing, tips: str) -> None:
        self.graph = graph
        self.marks = marks
        self.drawing = drawing
        self.tips = tips
        self.titles = True
        self.boxes = [box for box in drawing.boxes if box.name in graph.classes]
        self.routes = [
            route for route in drawing.routes if (route.held, route.taken) in graph.edges
        ]

    def heads(self) -> Iterator[str]:
        """The arrow heads."""
        for tone in ("", "bad", "unsure", "good"):
            kind = f"lg-tip lg-{tone}" if tone else "lg-tip"
            yield (
                f'<marker id="{self.tips}{tone}" viewBox="0 0 10 10" refX="9.5" refY="5" '
                'markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">'
                f'<path class="{kind}" d="M0 0.5L10 5L0 9.5z"/></marker>'
            )

    def lines(self) -> Iterator[str]:
        """The orders, below the boxes, then the boxes, then what is written beside orders."""
        for route in self.routes:
            yield from self._order(route)
        for box in self.boxes:
            yield from self._box(box)
        yield from self._labels()

    def _order(self, route: Route) -> Iterator[str]:
        ends = route.held, route.taken
        edge = self.graph.edges[ends]
        tone = TONES[self.marks.edges[ends]] if ends in self.marks.edges else ""
        kinds = ["lg-order", *self._kinds(ends, tone), *(["lg-shared"] if edge.shared else [])]
        at = f' data-order="{self._place(edge)}"'
        head = f'<path class="{" ".join(kinds)}"{at} d="{_curve(route)}" '
        head += f'marker-end="url(#{self.tips}{tone})"'
        if self.titles:
            yield f"{head}><title>{escape(chr(10).join(edge_lines(edge)))}</title></path>"
        else:
            yield f"{head}/>"

    def _kinds(self, thing: str | tuple[str, str], tone: str) -> list[str]:
        change = self.marks.changes.get(thing)
        return [f"lg-{each}" for each in (tone, change) if each]

    def _place(self, edge: Edge) -> int:
        """Where an order stands in the list that the page has."""
        return self.order_at[edge.held, edge.taken]

    @property
    def order_at(self) -> dict[tuple[str, str], int]:
        """The place of each order."""
        return self._order_at

    def number(self, whole: LockGraph) -> None:
        """Take the places of classes and orders from a graph."""
        self._class_at = {name: at for at, name in enumerate(whole.classes)}
        self._order_at = {ends: at for at, ends in enumerate(whole.edges)}

    def _box(self, box: Box) -> Iterator[str]:
        lock = self.graph.classes[box.name]
        lines = class_lines(lock)
        left, top = box.x - box.width / 2, box.y - box.height / 2
        tone = TONES[self.marks.classes[box.name]] if box.name in self.marks.classes else ""
        kinds = " ".join(["lg-box", *self._kinds(box.name, tone)])
        title = f"<title>{escape(chr(10).join(lines))}</title>" if self.titles else ""
        yield (
            f'<g class="{kinds}" data-class="{self._class_at[box.name]}">{title}'
            f'<rect x="{number(left)}" y="{number(top)}" width="{number(box.width)}" '
            f'height="{number(box.height)}" rx="4"/>'
        )
        for row, line in enumerate(lines):
            y = top + PAD / 2 + LINE * (row + 0.75)
            yield (
                f'<text class="{"lg-more" if row else "lg-name"}" x="{number(left + PAD)}" '
                f'y="{number(y)}" textLength="{number(len(line) * CHAR)}" '
                f'lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escape(line)}</text>'
            )
        change = self.marks.changes.get(box.name)
        if change is not None:
            yield sign(left, top, SIGNS[change])
        yield "</g>"

    def _labels(self) -> Iterator[str]:
        """What stands at orders, each where it covers no box and no other label; of those that find
        no such place, one that is on no cycle and as it was is left out."""
        taken = Places(self.drawing, self.boxes, self.routes)
        taken.keep((box for box in self.boxes if box.name in self.marks.changes), 2 * SIGN)
        every = len(self.routes) <= ALL_LABELLED_MAX
        if every:
            taken.cross()
        cyclic = self.marks.numbers
        first = {*cyclic, *self.marks.changes}
        for route in sorted(self.routes, key=lambda each: (each.held, each.taken) not in first):
            ends = route.held, route.taken
            text = self.marks.label(self.graph.edges[ends])
            needed = ends in cyclic or ends in self.marks.changes
            if not text or not (every or needed):
                continue
            place = taken.find(route, len(text) * LABEL_CHAR, must=needed)
            if place is not None:
                yield self._label(ends, text, place)

    def _label(self, ends: tuple[str, str], text: str, place: Point) -> str:
        """A text on plain ground, as a line would strike it through."""
        tone = TONES[self.marks.edges[ends]] if ends in self.marks.edges else ""
        kinds = " ".join(["lg-label", *self._kinds(ends, tone)])
        (x, y), width = place, len(text) * LABEL_CHAR
        return (
            f'<g class="{kinds}" data-label="{self._order_at[ends]}">'
            f'<rect x="{number(x - width / 2 - PLATE)}" y="{number(y - LABEL_LINE / 2)}" '
            f'width="{number(width + 2 * PLATE)}" height="{number(LABEL_LINE)}" rx="2"/>'
            f'<text text-anchor="middle" x="{number(x)}" y="{number(y + LABEL_LINE / 3)}" '
            f'textLength="{number(width)}">{text}</text></g>'
        )


def sign(x: float, y: float, text: str) -> str:
    """A sign on a box's corner."""
    return (
        f'<g class="lg-sign"><circle cx="{number(x)}" cy="{number(y)}" r="{number(SIGN)}"/>'
        f'<text x="{number(x)}" y="{number(y + 4)}" text-anchor="middle">{text}</text></g>'
    )


def _curve(route: Route) -> str:
    """Straight on through a column, bent between two; a loop is round."""
    (x, y), *rest = route.points
    path = f"M{number(x)} {number(y)}"
    if route.held == route.taken:
        (_, low), (end, last) = rest
        deep = number(y + (low - y) * 4 / 3)
        return f"{path}C{number(x)} {deep} {number(end)} {deep} {number(end)} {number(last)}"
    for at, (to_x, to_y) in enumerate(rest):
        if (to_x, to_y) == (x, y):
            continue
        if not at % 2 or to_y == y:
            path += f"L{number(to_x)} {number(to_y)}"
        else:
            half = number((x + to_x) / 2)
            path += f"C{half} {number(y)} {half} {number(to_y)} {number(to_x)} {number(to_y)}"
        x, y = to_x, to_y
    return path
