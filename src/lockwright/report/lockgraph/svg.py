"""A lock graph as one SVG picture, without any other program.

What is held stands above what is taken with it held.  An edge on a cycle is red and thick, one
that only readers make is dashed; so nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from lockwright.report.lockgraph.graph import LockGraph
from lockwright.report.lockgraph.layout import Box, Route, Size, layout
from lockwright.report.lockgraph.marks import GREY, RED, Marks, class_lines, edge_lines

CHAR, LINE, PAD = 7.3, 16.0, 10.0  # of 12 pixels monospace
LEGEND = 64.0
LEGEND_WIDTH = 620.0
DASHED = ' stroke-dasharray="6 4"'


def graph_svg(graph: LockGraph, marks: Marks) -> str:
    """The picture as text."""
    lines = {name: class_lines(lock) for name, lock in graph.classes.items()}

    def size_of(name: str) -> Size:
        longest = max(map(len, lines[name]))
        return longest * CHAR + 2 * PAD, len(lines[name]) * LINE + PAD

    drawing = layout(graph, size_of)
    width, height = max(drawing.width, LEGEND_WIDTH), drawing.height + LEGEND
    frame = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame} font-family="monospace" font-size="12">',
        "<title>lock graph</title>",
        "<defs>",
        *(_arrow(name, colour) for name, colour in (("grey", GREY), ("red", RED))),
        "</defs>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *_legend(graph, len(drawing.boxes)),
        f'<g transform="translate(0 {LEGEND:.0f})">',
    ]
    for route in drawing.routes:
        parts += _edge(graph, route, red=(route.held, route.taken) in marks.edges)
    for box in drawing.boxes:
        parts += _box(box, lines[box.name], red=box.name in marks.classes)
    parts += ["</g>", "</svg>", ""]
    return "\n".join(parts)


def _arrow(name: str, colour: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="10" refY="5" markerWidth="9" '
        'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0 0L10 5L0 10z" fill="{colour}"/></marker>'
    )


def _legend(graph: LockGraph, drawn: int) -> Iterator[str]:
    alone = len(graph) - drawn
    said = f"{drawn} lock classes, {len(graph.edges)} orders"
    if alone:
        said += f"; {alone} more without any order are not drawn"
    yield f'<text x="24" y="24" font-weight="bold">{said}</text>'
    samples = (
        ("taken with the upper one held", GREY, 1.2, ""),
        ("by readers only", GREY, 1.2, DASHED),
        ("on a cycle", RED, 3.0, ""),
    )
    x = 24.0
    for text, colour, thick, dash in samples:
        yield f'<path d="M{x:.0f} 44h36" stroke="{colour}" stroke-width="{thick}"{dash}/>'
        yield f'<text x="{x + 44:.0f}" y="48">{text}</text>'
        x += 44 + len(text) * CHAR + 24


def _edge(graph: LockGraph, route: Route, *, red: bool) -> Iterator[str]:
    edge = graph.edges[route.held, route.taken]
    colour, thick, name = (RED, 3.0, "red") if red else (GREY, 1.2, "grey")
    dash = DASHED if edge.shared else ""
    yield (
        f'<path d="{_curve(route)}" fill="none" stroke="{colour}" stroke-width="{thick}"{dash} '
        f'marker-end="url(#{name})">'
    )
    yield f"<title>{escape(chr(10).join(edge_lines(edge)))}</title></path>"


def _curve(route: Route) -> str:
    """Straight down through a layer, bent between two."""
    (x, y), *rest = route.points
    if route.held == route.taken:
        (right, middle), (end, last) = rest
        return (
            f"M{x:.1f} {y:.1f}C{right:.1f} {y:.1f} {right:.1f} {middle:.1f} {right:.1f} "
            f"{middle:.1f}S{right:.1f} {last:.1f} {end:.1f} {last:.1f}"
        )
    path = f"M{x:.1f} {y:.1f}"
    for to_x, to_y in rest:
        middle = (y + to_y) / 2
        if x == to_x:
            path += f"L{to_x:.1f} {to_y:.1f}"
        else:
            path += f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
        x, y = to_x, to_y
    return path


def _box(box: Box, lines: list[str], *, red: bool) -> Iterator[str]:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    colour, thick = (RED, 2.5) if red else (GREY, 1.0)
    yield (
        f'<g><title>{escape(chr(10).join(lines))}</title><rect x="{left:.1f}" y="{top:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}" rx="4" fill="#ffffff" '
        f'stroke="{colour}" stroke-width="{thick}"/>'
    )
    for number, line in enumerate(lines):
        y = top + PAD / 2 + LINE * (number + 0.75)
        weight = ' font-weight="bold"' if not number else ""
        fitted = f' textLength="{len(line) * CHAR:.1f}" lengthAdjust="spacingAndGlyphs"'
        yield (
            f'<text x="{left + PAD:.1f}" y="{y:.1f}"{weight}{fitted} xml:space="preserve">'
            f"{escape(line)}</text>"
        )
    yield "</g>"
