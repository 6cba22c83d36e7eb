"""A lock graph, its cycles and its paths in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from lockwright.core.location import Value
from lockwright.report.columns import counted
from lockwright.report.lines import folded, replay_line
from lockwright.report.lockgraph.graph import Judgement, LockGraph, plain
from lockwright.report.lockgraph.jsonform import judgement_as_json
from lockwright.report.lockgraph.judging import REPORTED, JudgedCycle
from lockwright.report.lockgraph.judging import SAID as CAME_OF_IT
from lockwright.report.lockgraph.marks import contentions, state_text
from lockwright.report.lockgraph.search import Cycle, Path, Strength

FRAMES_SHOWN = 8
SCENARIOS_SHOWN = 3
SAID = {
    Strength.STRONG: "a strong cycle",
    Strength.POSSIBLE: "a possible cycle",
    Strength.WEAK: "a weak cycle, no deadlock",
}
UNKNOWN_SAID = (
    "? is what the source does not tell: such a cycle or path is strong unless readers make it weak"
)
NUMBERS_SAID = (
    "numbers in names (#N) differ from one boot to another: with several sources, such names may "
    "stand for other locks; --fold-numbers takes them together"
)
FOLDED_SAID = (
    "numbers in names (#N) are left out: a class here may be several, and a cycle through it none"
)


def summary(graph: LockGraph) -> str:
    """How large it is, in one line."""
    return f"lock graph: {sized(graph)}"


def sized(graph: LockGraph, both: str = "") -> str:
    """`4 lock classes, 6 orders, from 1 source`; `both` says that they are those of two graphs."""
    orders = counted(len(graph.edges), "order")
    told = counted(len(graph.sources), "source")
    return f"{_classes(len(graph))}, {orders}{both}, from {told}"


def _classes(count: int) -> str:
    return f"{count} lock class" + ("" if count == 1 else "es")


def notes(graph: LockGraph, found: Iterable[Cycle | Path]) -> list[str]:
    """What a reader has to know to judge the cycles and paths that are shown."""
    said = []
    if any("?" in kind for each in found for kind in each.kinds):
        said.append(UNKNOWN_SAID)
    if graph.numbers_folded:
        said.append(FOLDED_SAID)
        if graph.folded:
            said.append(f"{counted(graph.folded, 'order')} between classes taken together left out")
    elif len({source.rpartition(":")[0] or source for source in graph.sources}) > 1 and any(
        graph.numbered()
    ):
        said.append(NUMBERS_SAID)
    return said


def cycle_text(graph: LockGraph, judged: JudgedCycle, number: int, width: int) -> str:
    """One cycle: what it is, what came of it, then each edge with where it was made."""
    cycle = judged.cycle
    head = f"cycle {number}: {SAID[cycle.strength]} of {_classes(len(cycle.classes))}"
    if cycle.reported:
        head += f", as a kernel reported ({', '.join(map(plain, cycle.reported[:3]))})"
    if cycle.strength is not Strength.WEAK and judged.reality not in ("", REPORTED):
        head += f": {CAME_OF_IT[judged.reality]}"
    lines = folded(head, width)
    lines += judgement_lines(judged.by, width)
    for ends, kind in zip(pairwise((*cycle.classes, cycle.classes[0])), cycle.kinds, strict=True):
        lines += _step(graph, ends, kind)
    lines += weak_lines(cycle.weak_at, width)
    return "\n".join(lines)


def judgement_lines(by: Sequence[Judgement], width: int) -> list[str]:
    """Who says what came of a cycle: the one that decides, and how many others say what."""
    if not by:
        return []
    first = by[0]
    lines = folded(f"  {first.reality} in {plain(first.scenario)}: {plain(first.because)}", width)
    if first.token:
        lines.append(f"  {replay_line(plain(first.token))}")
    for reality in dict.fromkeys(each.reality for each in by):
        names = _named(by, reality)
        if reality == first.reality:
            names.remove(plain(first.scenario))
        if names:
            said = f"  {reality} in {', '.join(names[:SCENARIOS_SHOWN])}"
            said = said if reality != first.reality else said.replace("  ", "  also ", 1)
            more = len(names) - SCENARIOS_SHOWN
            lines += folded(f"{said} and {more} more" if more > 0 else said, width)
    return lines


def _named(by: Sequence[Judgement], reality: str) -> list[str]:
    return list(dict.fromkeys(plain(each.scenario) for each in by if each.reality == reality))


def elsewhere_text(judgement: Judgement, width: int) -> str:
    """What is said of classes that are no cycle of orders."""
    names = ", ".join(map(plain, judgement.classes))
    head = f"{plain(judgement.kind)} of {names}: {judgement.reality}"
    return "\n".join([*folded(head, width), *judgement_lines([judgement], width)])


def weak_lines(weak_at: Sequence[str], width: int) -> list[str]:
    """Why a cycle or a path proves nothing."""
    lines: list[str] = []
    for name in weak_at:
        lines += folded(
            f"  weak at {plain(name)}: taken by a recursive reader, held by a reader; neither "
            "waits for the other",
            width,
        )
    return lines


def path_text(graph: LockGraph, path: Path, number: int, width: int) -> str:
    """One path: what it is, then each edge with where it was made."""
    which = "shortest path" if number == 1 else f"shortest {path.strength} path"
    orders = counted(len(path.kinds), "order")
    head = f"{which} from {plain(path.classes[0])} to {plain(path.classes[-1])}"
    lines = folded(f"{head}: {orders}, {path.strength}", width)
    for ends, kind in zip(pairwise(path.classes), path.kinds, strict=True):
        lines += _step(graph, ends, kind)
    lines += weak_lines(path.weak_at, width)
    return "\n".join(lines)


def _step(graph: LockGraph, ends: tuple[str, str], kind: str) -> list[str]:
    """An edge of the wanted kind, with the first call chain of that kind."""
    way = next(way for way in graph.edges[ends].ways if way.kind == kind)
    held, taken = map(plain, ends)
    lines = [f"  {held} -> {taken}  {kind}  {plain(way.source)}"]
    lines += (f"      {plain(frame)}" for frame in way.frames[:FRAMES_SHOWN])
    more = len(way.frames) - FRAMES_SHOWN
    if more > 0:
        lines.append(f"      and {more} more")
    return lines


def listing(graph: LockGraph) -> Iterator[str]:
    """All classes with what is taken with them held."""
    after: dict[str, list[str]] = {name: [] for name in graph.classes}
    for (held, taken), edge in graph.edges.items():
        after[held].append(f"  -> {plain(taken)}  {' '.join(edge.kinds)}")
    for name, lock in graph.classes.items():
        state, contended = state_text(lock), contentions(lock)
        line = f"{plain(name)} {state}" if state else plain(name)
        yield line if contended is None else f"{line}  contentions {contended}"
        yield from after[name]


def cycle_as_json(judged: JudgedCycle) -> dict[str, Value]:
    """A cycle for machines; `reality` is null if nobody judged it."""
    cycle = judged.cycle
    return {
        "classes": list(cycle.classes),
        "kinds": list(cycle.kinds),
        "strength": cycle.strength.value,
        "weak_at": list(cycle.weak_at),
        "reported": list(cycle.reported),
        "reality": judged.reality or None,
        "judgements": [judgement_as_json(each) for each in judged.by],
    }


def path_as_json(path: Path) -> dict[str, Value]:
    """A path for machines."""
    return {
        "classes": list(path.classes),
        "kinds": list(path.kinds),
        "strength": path.strength.value,
        "weak_at": list(path.weak_at),
    }
