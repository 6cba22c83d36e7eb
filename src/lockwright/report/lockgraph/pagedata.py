"""What a page has of a lock graph: the pictures and words of its template, the data of its script.

shown_of      the graph, or two as one, with its cycles searched: both of the following ask it
graph_view    what the template lays out, and what can be read without any script
graph_data    the facts that a script shows when a class or an order is chosen, as plain data
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from lockwright.core.location import Value
from lockwright.report.columns import counted
from lockwright.report.document import Document
from lockwright.report.lockgraph.compare import Comparison, compare
from lockwright.report.lockgraph.compare_text import classes_changed, orders_changed
from lockwright.report.lockgraph.graph import Judgement, LockClass, LockGraph, Way, plain
from lockwright.report.lockgraph.judging import SAID, JudgedCycle, elsewhere, judged
from lockwright.report.lockgraph.marks import Marks, contentions, state_text
from lockwright.report.lockgraph.svg import compared_inline, graph_svg
from lockwright.report.lockgraph.svg_style import TONES
from lockwright.report.lockgraph.text import SAID as STRENGTHS
from lockwright.report.lockgraph.text import notes, sized

SCENARIOS_SHOWN = 3
CYCLES_MAX = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """A document's graph, or two of them as one, and the cycles as numbered in the pictures."""

    graph: LockGraph
    comparison: Comparison | None
    cycles: list[tuple[str, JudgedCycle]]
    marks: Marks


@dataclass(frozen=True, slots=True)
class StepView:
    """An order of a cycle: its ends, its kind, who says so, and the call chain."""

    held: str
    taken: str
    kind: str
    source: str
    chain: str


@dataclass(frozen=True, slots=True)
class CycleView:
    """A cycle as it is listed: `names` is closed, the first one stands last again."""

    number: int
    names: tuple[str, ...]
    strength: str
    reality: str
    tone: str
    change: str
    because: str
    others: str
    token: str
    steps: tuple[StepView, ...]
    weak_at: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderView:
    """A row of the table of orders."""

    held: str
    taken: str
    kinds: str
    cycles: str
    change: str
    source: str
    more: int


@dataclass(frozen=True, slots=True)
class GraphView:
    """All that the template lays out.  `pictures` have a title, empty if there is but one."""

    summary: str
    notes: tuple[str, ...]
    compared: bool
    changes: tuple[str, ...]
    pictures: tuple[tuple[str, Markup], ...]
    cycles: tuple[CycleView, ...]
    elsewhere: tuple[Judgement, ...]
    orders: tuple[OrderView, ...]
    alone: tuple[str, ...]
    contended: bool


def shown_of(document: Document) -> Shown | None:
    """What there is to show of a document's graphs; None if it has none."""
    if document.graph is None:
        return None
    if document.before is None:
        marks = Marks(document.graph, judged(document.graph, CYCLES_MAX))
        return Shown(document.graph, None, [("", each) for each in marks.cycles], marks)
    found = compare(document.before, document.graph, CYCLES_MAX)
    both = Marks(found.union, [each for _, each in found.cycles])
    old, new = found.marks()
    both.changes = {**old.changes, **new.changes}
    return Shown(found.union, found, found.cycles, both)


def graph_view(shown: Shown) -> GraphView:
    """What the template lays out."""
    graph = shown.graph
    beside = {name for ends in graph.edges for name in ends}
    return GraphView(
        summary=sized(graph, " in both together" if shown.comparison is not None else ""),
        notes=tuple(notes(graph, [each.cycle for _, each in shown.cycles])),
        compared=shown.comparison is not None,
        changes=tuple(_changes(shown.comparison)),
        pictures=tuple(_pictures(shown)),
        cycles=tuple(_cycle(shown, at) for at in range(len(shown.cycles))),
        elsewhere=tuple(elsewhere(graph)),
        orders=tuple(_order(shown, ends) for ends in graph.edges),
        alone=tuple(name for name in graph.classes if name not in beside),
        contended=any(contentions(lock) is not None for lock in graph.classes.values()),
    )


def _changes(found: Comparison | None) -> Iterable[str]:
    if found is None:
        return
    if found.same:
        yield "nothing differs"
        return
    yield classes_changed(found)
    yield orders_changed(found)
    yield (
        f"cycles: {len(found.cycles_gone)} gone, {len(found.cycles_new)} new, "
        f"{len(found.cycles_still)} in both"
    )


def _pictures(shown: Shown) -> Iterable[tuple[str, Markup]]:
    if shown.comparison is None:
        yield "", Markup(graph_svg(shown.graph, shown.marks, inline=True))
        return
    old, new = compared_inline(shown.comparison)
    yield "Old", Markup(old)
    yield "New", Markup(new)


def _cycle(shown: Shown, at: int) -> CycleView:
    change, each = shown.cycles[at]
    reality = each.reality
    because, token = "", ""
    if each.by:
        because = f"{each.by[0].reality} in {each.by[0].scenario}: {each.by[0].because}"
        token = each.by[0].token
    elif each.cycle.reported:
        because = f"in {', '.join(each.cycle.reported[:SCENARIOS_SHOWN])}"
    names = each.cycle.classes
    return CycleView(
        number=at + 1,
        names=(*names, names[0]),
        strength=STRENGTHS[each.cycle.strength],
        reality=SAID[reality],
        tone=TONES[reality] if each.cycle.strength != "weak" else "",
        change=change,
        because=because,
        others=_others(each.by),
        token=token,
        steps=tuple(
            _step(shown.graph, ends, kind)
            for ends, kind in zip(each.edges, each.cycle.kinds, strict=True)
        ),
        weak_at=each.cycle.weak_at,
    )


def _others(by: tuple[Judgement, ...]) -> str:
    """How many other scenarios say what."""
    said = []
    for reality in dict.fromkeys(each.reality for each in by):
        names = dict.fromkeys(each.scenario for each in by if each.reality == reality)
        count = len(names) - (reality == by[0].reality)
        if count:
            also = "also " if reality == by[0].reality else ""
            said.append(f"{also}{reality} in {counted(count, 'scenario')}")
    return ", ".join(said)


def _step(graph: LockGraph, ends: tuple[str, str], kind: str) -> StepView:
    way = _way(graph.edges[ends].ways, kind)
    return StepView(*ends, kind, way.source, "\n".join(way.frames))


def _way(ways: list[Way], kind: str) -> Way:
    """One of the kind, if there is one; one with a call chain, if there is one."""
    of_kind = [way for way in ways if way.kind == kind] or ways
    return next((way for way in of_kind if way.frames), of_kind[0])


def _order(shown: Shown, ends: tuple[str, str]) -> OrderView:
    edge = shown.graph.edges[ends]
    cycles = ", ".join(map(str, shown.marks.numbers.get(ends, ())))
    sources = list(dict.fromkeys(way.source for way in edge.ways))
    change = shown.marks.changes.get(ends, "")
    return OrderView(*ends, " ".join(edge.kinds), cycles, change, sources[0], len(sources) - 1)


def graph_data(shown: Shown) -> dict[str, Value]:
    """The facts, as plain data: call chains and sources stand in lists of their own, each once.

    `classes` and `orders` have the places that the pictures' elements name; a way of an order is
    (kind, its sources, its frames).
    """
    graph = shown.graph
    at = {name: number for number, name in enumerate(graph.classes)}
    place = {ends: number for number, ends in enumerate(graph.edges)}
    frames, sources = _Places(), _Places()
    orders = []
    for (held, taken), edge in graph.edges.items():
        ways: dict[tuple[str, tuple[str, ...]], list[int]] = {}
        for way in edge.ways:
            ways.setdefault((way.kind, way.frames), []).append(sources.of(way.source))
        orders.append(
            {
                "held": at[held],
                "taken": at[taken],
                "kinds": " ".join(edge.kinds),
                "shared": edge.shared,
                "cycles": shown.marks.numbers.get((held, taken), []),
                "change": shown.marks.changes.get((held, taken), ""),
                "ways": [
                    [kind, found, [frames.of(frame) for frame in chain]]
                    for (kind, chain), found in ways.items()
                ],
            }
        )
    cycles = [
        {
            "classes": [at[name] for name in each.cycle.classes],
            "orders": [place[ends] for ends in each.edges],
            "said": SAID[each.reality],
        }
        for _, each in shown.cycles
    ]
    classes = [_class(lock, shown.marks) for lock in graph.classes.values()]
    return {
        "classes": classes,
        "orders": orders,
        "cycles": cycles,
        "frames": list(frames.known),
        "sources": list(sources.known),
    }


def _class(lock: LockClass, marks: Marks) -> dict[str, Value]:
    return {
        "name": plain(lock.name),
        "state": state_text(lock),
        "contended": contentions(lock),
        "change": marks.changes.get(lock.name, ""),
        "measures": [
            {
                "source": measure.source,
                "what": measure.what,
                "values": [[name, value] for name, value in measure.values.items()],
                "points": [list(point) for point in measure.points],
            }
            for measure in lock.measures
        ],
    }


class _Places:
    """Texts, each once, and where each stands."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def of(self, text: str) -> int:
        """Its place, a new one if it is new."""
        return self.known.setdefault(text, len(self.known))
