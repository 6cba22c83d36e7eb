"""A lock graph in the DOT language, for Graphviz.

Source: the DOT language's grammar: in a quoted string only the quote must be escaped, in a label
a backslash begins an escape as well, and &name; an entity.
"""

from __future__ import annotations

import re

from lockwright.report.lockgraph.graph import Edge, LockGraph
from lockwright.report.lockgraph.marks import GREY, RED, Marks, class_lines, edge_lines

ENTITY = re.compile(r"&(?=#?\w+;)")


def graph_dot(graph: LockGraph, marks: Marks) -> str:
    """The graph as text; the classes are n0, n1 and so on, their names stand in the labels."""
    number = {name: f"n{at}" for at, name in enumerate(graph.classes)}
    lines = [
        'digraph "lock graph" {',
        "  rankdir=TB;",
        f'  node [shape=box, fontname="monospace", fontsize=11, color="{GREY}"];',
        f'  edge [fontname="monospace", fontsize=9, color="{GREY}"];',
    ]
    for name, lock in graph.classes.items():
        red = f', color="{RED}", penwidth=2.5' if name in marks.classes else ""
        lines.append(f"  {number[name]} [label={_label(class_lines(lock))}{red}];")
    for (held, taken), edge in graph.edges.items():
        style = _style(edge, red=(held, taken) in marks.edges)
        lines.append(f"  {number[held]} -> {number[taken]} [{style}];")
    return "\n".join([*lines, "}", ""])


def _style(edge: Edge, *, red: bool) -> str:
    kinds = [kind for kind in edge.kinds if kind != "??"]
    style = f"label={_label([' '.join(kinds)])}, tooltip={_label(edge_lines(edge))}"
    if edge.shared:
        style += ", style=dashed"
    if red:
        style += f', color="{RED}", penwidth=3'
    return style


def _label(lines: list[str]) -> str:
    return '"' + "\\n".join(map(_escaped, lines)) + '"'


def _escaped(text: str) -> str:
    return ENTITY.sub("&amp;", text.replace("\\", "\\\\").replace('"', '\\"'))
