"""What a drawing says of classes and edges besides their places: the same in SVG and DOT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lockwright.core.prediction import CONFIRMED, OPEN, REFUTED
from lockwright.report.lockgraph.graph import Edge, LockClass, LockGraph, plain
from lockwright.report.lockgraph.judging import REPORTED, SAID, JudgedCycle, judged
from lockwright.report.lockgraph.search import Strength

RED, AMBER, GREEN = "#b3201a", "#8a5a00", "#17663a"
GREY = "#57606c"
COLOURS = {CONFIRMED: RED, REPORTED: RED, OPEN: AMBER, "": AMBER, REFUTED: GREEN}
"""Of a cycle, by what came of it: a deadlock, perhaps one, none that was found."""
WORST = (CONFIRMED, REPORTED, OPEN, "", REFUTED)
NAME_MAX = 44
SOURCES_SHOWN = 4
CYCLE = "\u21bb"
GONE, NEW, CHANGED = "gone", "new", "changed"
SIGNS = {GONE: "\u2212", NEW: "+", CHANGED: "~"}


class Marks:
    """The cycles of a graph that may be a deadlock, with numbers, from 1 if none are given, and
    what lies on them.

    `edges` and `classes` have the worst reality of their cycles, `numbers` the cycles' numbers;
    `changes` says of a class by its name, and of an edge by its ends, what a comparison found;
    `texts` has what an edge shows instead of its kinds.
    """

    def __init__(
        self,
        graph: LockGraph,
        found: Sequence[JudgedCycle] | None = None,
        changes: Mapping[str | tuple[str, str], str] | None = None,
        numbers: Sequence[int] | None = None,
    ) -> None:
        self.cycles = judged(graph) if found is None else list(found)
        self.changes = dict(changes or {})
        self.texts: dict[tuple[str, str], str] = {}
        self.edges: dict[tuple[str, str], str] = {}
        self.classes: dict[str, str] = {}
        self.numbers: dict[tuple[str, str], list[int]] = {}
        for at, each in enumerate(self.cycles):
            number = numbers[at] if numbers is not None else at + 1
            if each.cycle.strength is Strength.WEAK:
                continue
            for ends in each.edges:
                self.edges[ends] = _worse(self.edges.get(ends), each.reality)
                self.classes[ends[0]] = _worse(self.classes.get(ends[0]), each.reality)
                self.numbers.setdefault(ends, []).append(number)

    def label(self, edge: Edge) -> str:
        """What stands at an edge: what a comparison found, its kinds as far as they are known, and
        its cycles."""
        ends = edge.held, edge.taken
        kinds = self.texts.get(ends) or " ".join(kind for kind in edge.kinds if kind != "??")
        if ends in self.changes:
            kinds = f"{SIGNS[self.changes[ends]]} {kinds}".strip()
        if ends not in self.numbers:
            return kinds
        numbers = ",".join(map(str, self.numbers[ends][:3]))
        more = ",..." if len(self.numbers[ends]) > 3 else ""
        reality = self.edges[ends] or SAID[""]
        return f"{kinds} {CYCLE}{numbers}{more} {reality}".strip()


def _worse(one: str | None, other: str) -> str:
    return other if one is None else min(one, other, key=WORST.index)


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
