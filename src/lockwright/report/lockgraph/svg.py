"""A lock graph as one SVG picture, without any other program; and two, beside one another.

What is held stands left of what is taken with it held, but for the orders that close a cycle.  Of
two graphs each class stands at the same place; the second one is below if they are wide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from xml.sax.saxutils import escape

from lockwright.report.lockgraph.compare import Comparison
from lockwright.report.lockgraph.graph import LockGraph, names_text
from lockwright.report.lockgraph.judging import SAID, JudgedCycle
from lockwright.report.lockgraph.layout import Drawing, Size, layout
from lockwright.report.lockgraph.marks import CHANGED, GONE, NEW, SIGNS, Marks, class_lines
from lockwright.report.lockgraph.search import Strength
from lockwright.report.lockgraph.svg_parts import ALL_LABELLED_MAX, Picture, sign
from lockwright.report.lockgraph.svg_style import CHAR, LABEL_CHAR, LINE, PAD, STYLE, number

HEAD, HEAD_LINE = 30.0, 20.0
LEGEND_WIDTH = 1120.0
CYCLES_SHOWN = 12
NAMES_MAX = 110
SPACE = 40.0
ORDERS = (
    ("", "taken with the left one held"),
    ("lg-shared", "by readers only"),
    ("lg-bad", "on a cycle, confirmed or reported"),
    ("lg-unsure", "on one, open or not judged"),
    ("lg-good", "on one, refuted"),
)
CHANGES = ((GONE, "only in the old one"), (NEW, "only in the new one"), (CHANGED, "other kinds"))


def graph_svg(graph: LockGraph, marks: Marks, *, inline: bool = False) -> str:
    """The picture as text; `inline` is a part of a page, which has the style and the legend."""
    drawing = layout(graph, _size_of(graph), _label_of(graph, marks))
    picture = Picture(graph, marks, drawing, "lg-tip-")
    picture.number(graph)
    if inline:
        return _inline(picture, drawing, "lock graph")
    named = [("", each) for each in marks.cycles]
    legend = _Legend(graph, named, len(drawing.boxes), changes=False)
    top = legend.height
    body = [*_moved(picture, drawing, 0.0, top)]
    width = max(drawing.width, LEGEND_WIDTH)
    return _whole(width, top + drawing.height, [picture], [*legend.lines(), *body])


def compared_svg(comparison: Comparison) -> str:
    """The old graph and the new one as one picture, each class at the same place in both."""
    drawing, pictures = _both(comparison)
    old, new = comparison.marks()
    legend = _Legend(comparison.union, comparison.cycles, len(drawing.boxes), changes=True)
    width, height = max(drawing.width, LEGEND_WIDTH / 2) + SPACE, HEAD + drawing.height
    below = drawing.width > drawing.height
    parts = [*legend.lines()]
    for at, (picture, marks, name) in enumerate(
        zip(pictures, (old, new), ("old", "new"), strict=True)
    ):
        left, top = (0.0, at * height) if below else (at * width, 0.0)
        x, y = number(left + 24), number(legend.height + top + LINE)
        said = f"{name}: {_sized(picture.graph)}, {_cycles_said(marks.cycles)}"
        parts.append(f'<text class="lg-title" x="{x}" y="{y}">{said}</text>')
        parts += _moved(picture, drawing, left, legend.height + top + HEAD)
    size = (width, 2 * height) if below else (2 * width, height)
    return _whole(max(size[0], LEGEND_WIDTH), legend.height + size[1], pictures, parts)


def compared_inline(comparison: Comparison) -> tuple[str, str]:
    """The two pictures as parts of a page."""
    drawing, (old, new) = _both(comparison)
    return _inline(old, drawing, "old lock graph"), _inline(new, drawing, "new lock graph")


def _both(comparison: Comparison) -> tuple[Drawing, list[Picture]]:
    sides = comparison.old, comparison.new
    sizes = [_size_of(graph) for graph in sides]

    def size_of(name: str) -> Size:
        known = [
            size(name) for size, graph in zip(sizes, sides, strict=True) if name in graph.classes
        ]
        return max(width for width, _ in known), max(height for _, height in known)

    marks = comparison.marks()
    labels = [_label_of(graph, each) for graph, each in zip(sides, marks, strict=True)]
    drawing = layout(comparison.union, size_of, lambda ends: max(label(ends) for label in labels))
    pictures = []
    for graph, each, name in zip(sides, marks, ("old", "new"), strict=True):
        picture = Picture(graph, each, drawing, f"lg-tip-{name}-")
        picture.number(comparison.union)
        pictures.append(picture)
    return drawing, pictures


def _size_of(graph: LockGraph) -> Callable[[str], Size]:
    def size_of(name: str) -> Size:
        lines = class_lines(graph.classes[name])
        return max(map(len, lines)) * CHAR + 2 * PAD, len(lines) * LINE + PAD

    return size_of


def _label_of(graph: LockGraph, marks: Marks) -> Callable[[tuple[str, str]], float]:
    """How wide what is written beside an order is."""
    every = len(graph.edges) <= ALL_LABELLED_MAX

    def label_of(ends: tuple[str, str]) -> float:
        if ends not in graph.edges or not (every or ends in marks.numbers or ends in marks.changes):
            return 0.0
        return len(marks.label(graph.edges[ends])) * LABEL_CHAR

    return label_of


def _moved(picture: Picture, drawing: Drawing, left: float, top: float) -> Iterator[str]:
    yield f'<g transform="translate({number(left)} {number(top)})">'
    yield from picture.lines()
    yield "</g>"


def _inline(picture: Picture, drawing: Drawing, label: str) -> str:
    picture.titles = False
    width, height = number(drawing.width), number(drawing.height)
    parts = [
        (
            f'<svg class="lg-picture" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
        ),
        "<defs>",
        *picture.heads(),
        "</defs>",
        *picture.lines(),
        "</svg>",
    ]
    return "\n".join(parts)


def _whole(width: float, height: float, pictures: Sequence[Picture], parts: Sequence[str]) -> str:
    size = number(width), number(height)
    frame = f'width="{size[0]}" height="{size[1]}" viewBox="0 0 {size[0]} {size[1]}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame} font-family="monospace" font-size="12">',
        "<title>lock graph</title>",
        f"<style>\n{STYLE}</style>",
        "<defs>",
        *(line for picture in pictures for line in picture.heads()),
        "</defs>",
        '<rect class="lg-ground" width="100%" height="100%"/>',
        *parts,
        *("</svg>", ""),
    ]
    return "\n".join(lines)


class _Legend:
    """What stands above a picture: how much it shows, what its lines mean, its cycles."""

    def __init__(
        self,
        graph: LockGraph,
        found: Sequence[tuple[str, JudgedCycle]],
        drawn: int,
        *,
        changes: bool,
    ) -> None:
        self.graph = graph
        self.drawn = drawn
        self.changes = changes
        self.cycles = [
            f"cycle {number}: {_names(each)}: {each.cycle.strength}, {SAID[each.reality]}"
            + (f", {change}" if change else "")
            for number, (change, each) in enumerate(found, 1)
            if each.cycle.strength is not Strength.WEAK
        ]
        if len(self.cycles) > CYCLES_SHOWN:
            more = len(self.cycles) - CYCLES_SHOWN
            self.cycles = [*self.cycles[:CYCLES_SHOWN], f"and {more} more"]
        self.height = 2 * HEAD + HEAD_LINE * (len(self.cycles) + changes)

    def lines(self) -> Iterator[str]:
        """All of it."""
        alone = len(self.graph) - self.drawn
        said = f"{self.drawn} lock classes, {len(self.graph.edges)} orders"
        if alone:
            said += f"; {alone} more without any order are not drawn"
        yield f'<text class="lg-title" x="24" y="24">{said}</text>'
        x, y = 24.0, 46.0
        for kind, text in ORDERS:
            kinds = f"lg-order {kind}".strip()
            yield f'<path class="{kinds}" d="M{number(x)} {number(y - 4)}h30"/>'
            yield f'<text class="lg-said" x="{number(x + 36)}" y="{number(y)}">{text}</text>'
            x += 36 + len(text) * CHAR + 16
        if self.changes:
            x, y = 34.0, y + HEAD_LINE
            for change, text in CHANGES:
                group = f'<g class="lg-{change}">{sign(x, y - 4, SIGNS[change])}</g>'
                yield group
                yield f'<text class="lg-said" x="{number(x + 14)}" y="{number(y)}">{text}</text>'
                x += 14 + len(text) * CHAR + 26
        for text in self.cycles:
            y += HEAD_LINE
            yield f'<text x="24" y="{number(y)}">{escape(text)}</text>'


def _names(each: JudgedCycle) -> str:
    names = names_text((*each.cycle.classes, each.cycle.classes[0]))
    return names if len(names) <= NAMES_MAX else f"{names[: NAMES_MAX - 3]}..."


def _sized(graph: LockGraph) -> str:
    return f"{len(graph)} lock classes, {len(graph.edges)} orders"


def _cycles_said(found: Sequence[JudgedCycle]) -> str:
    return f"{len(found)} cycle{'' if len(found) == 1 else 's'}"


__all__ = ["compared_inline", "compared_svg", "graph_svg"]
