"""What a drawing says of classes and edges besides their places: the same in SVG and DOT."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lockwright.report.lockgraph.graph import Edge, LockClass, LockGraph, plain
from lockwright.report.lockgraph.search import Cycle, Strength, cycles

RED = "#c1121f"
GREY = "#4a4a4a"
NAME_MAX = 44
SOURCES_SHOWN = 4


class Marks:
    """The classes and edges of a graph that lie on a strong or possible cycle."""

    def __init__(self, graph: LockGraph, found: Sequence[Cycle] | None = None) -> None:
        listed = cycles(graph) if found is None else found
        self.edges: set[tuple[str, str]] = set()
        self.classes: set[str] = set()
        for cycle in listed:
            if cycle.strength is not Strength.WEAK:
                self.edges.update(pairwise((*cycle.classes, cycle.classes[0])))
                self.classes.update(cycle.classes)


def class_lines(lock: LockClass) -> list[str]:
    """What stands in a class's box: its name, its state, how contended it is."""
    name = plain(lock.name)
    lines = [name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 3]}..."]
    state = state_text(lock)
    if state:
        lines.append(state)
    contended = contentions(lock)
    if contended is not None:
        lines.append(f"contentions {contended}")
    return lines


def state_text(lock: LockClass) -> str:
    """{usage}-{outer:inner} as reports print it, of all wait types that were seen."""
    waits = " or ".join(f"{{{outer}:{inner}}}" for outer, inner in lock.waits)
    usage = f"{{{lock.usage}}}" if lock.usage else ""
    return "-".join(part for part in (plain(usage), waits) if part)


def contentions(lock: LockClass) -> int | None:
    """How often somebody waited for a lock of a class, if any source tells."""
    told = [
        measure.values["contentions"]
        for measure in lock.measures
        if "contentions" in measure.values
    ]
    return int(sum(told)) if told else None


def edge_lines(edge: Edge) -> list[str]:
    """What is known of an edge: its ends, then each way with its source and its call chain."""
    lines = [f"{plain(edge.held)} -> {plain(edge.taken)}"]
    for way in edge.ways[:SOURCES_SHOWN]:
        lines.append(f"{way.kind} {plain(way.source)}")
        lines += [f"  {plain(frame)}" for frame in way.frames]
    more = len(edge.ways) - SOURCES_SHOWN
    if more > 0:
        lines.append(f"and {more} more")
    return lines
