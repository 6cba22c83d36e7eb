"""A lock graph in the DOT language, for Graphviz; and two of them as one.

Source: the DOT language's grammar: in a quoted string only the quote must be escaped, in a label
a backslash begins an escape as well, and &name; an entity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockwright.report.lockgraph.compare import Comparison
from lockwright.report.lockgraph.graph import LockGraph
from lockwright.report.lockgraph.marks import (
    COLOURS,
    GONE,
    GREY,
    NEW,
    SIGNS,
    Marks,
    class_lines,
    edge_lines,
)

ENTITY = re.compile(r"&(?=#?\w+;)")
BLUE = "#0a54a3"


def graph_dot(graph: LockGraph, marks: Marks) -> str:
    """The graph as text; the classes are n0, n1 and so on, their names stand in the labels."""
    return "\n".join([*_lines(graph, [marks]), "}", ""])


def compared_dot(comparison: Comparison) -> str:
    """Both graphs as one: what is only in the old one is dotted and has a minus sign, what is only
    in the new one is blue and has a plus, and orders of other kinds have a tilde and both kinds."""
    old, new = comparison.marks()
    for before, after in comparison.changed:
        kinds = f"{' '.join(before.kinds)} > {' '.join(after.kinds)}"
        new.texts[before.held, before.taken] = kinds
    return "\n".join([*_lines(comparison.union, [new, old]), "}", ""])


def _lines(graph: LockGraph, marks: list[Marks]) -> Iterator[str]:
    """What is on a cycle is so in the first of the marks that know it."""
    number = {name: f"n{at}" for at, name in enumerate(graph.classes)}
    yield 'digraph "lock graph" {'
    yield "  rankdir=LR;"
    yield f'  node [shape=box, fontname="monospace", fontsize=11, color="{GREY}"];'
    yield f'  edge [fontname="monospace", fontsize=9, color="{GREY}"];'
    for name, lock in graph.classes.items():
        lines, change = class_lines(lock), _change(marks, name)
        if change:
            lines[0] = f"{SIGNS[change]} {lines[0]}"
        on = [each.classes[name] for each in marks if name in each.classes]
        style = _style(change, on, thick=2.5)
        yield f"  {number[name]} [label={_label(lines)}{style}];"
    for ends, edge in graph.edges.items():
        change = _change(marks, ends)
        known = [each for each in marks if ends in each.edges]
        on = [each.edges[ends] for each in known]
        text = ([each for each in marks if ends in each.changes] or known or marks)[0].label(edge)
        style = _style(change, on, thick=3, shared=edge.shared)
        said = f"label={_label([text])}, tooltip={_label(edge_lines(edge))}{style}"
        yield f"  {number[ends[0]]} -> {number[ends[1]]} [{said}];"


def _change(marks: list[Marks], thing: str | tuple[str, str]) -> str:
    return next((each.changes[thing] for each in marks if thing in each.changes), "")


def _style(change: str, on: list[str], *, thick: float, shared: bool = False) -> str:
    """The attributes of something that a comparison found, or that is on cycles."""
    made = {}
    if change == GONE:
        made = {"style": "dotted", "penwidth": "2"}
    elif shared:
        made["style"] = "dashed"
    if change == NEW:
        made |= {"color": f'"{BLUE}"', "penwidth": "2"}
    if on:
        made |= {"color": f'"{COLOURS[on[0]]}"', "penwidth": f"{thick:g}"}
    return "".join(f", {name}={value}" for name, value in made.items())


def _label(lines: list[str]) -> str:
    return '"' + "\\n".join(map(_escaped, lines)) + '"'


def _escaped(text: str) -> str:
    return ENTITY.sub("&amp;", text.replace("\\", "\\\\").replace('"', '\\"'))
