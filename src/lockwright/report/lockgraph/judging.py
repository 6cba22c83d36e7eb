"""What came of a lock graph's cycles: confirmed, refuted, open, or not judged.

Findings and predictions say it of classes; here each cycle of a graph finds those that speak of
it.  One confirmation confirms a cycle; it is refuted if nobody who judged it left it open.

    add_findings, add_predictions   fill a graph's judgements
    judged                          the cycles of a graph, each with what came of it
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.prediction import CONFIRMED, OPEN, REFUTED, Prediction
from lockwright.report.findings import PROOF
from lockwright.report.lockgraph.graph import UNKNOWN, Judgement, LockGraph, Way
from lockwright.report.lockgraph.search import Cycle, Strength, cycle_of, cycles

REPORTED = "reported"
RANKS = (CONFIRMED, OPEN, REFUTED)
"""The reality of a cycle is the first of these that somebody found it to have."""
SAID = {
    CONFIRMED: "confirmed",
    OPEN: "open",
    REFUTED: "refuted",
    REPORTED: "reported by the kernel",
    "": "not judged",
}
DEADLOCK = "deadlock"
RECURSIVE = "possible recursive locking"


@dataclass(frozen=True, slots=True)
class JudgedCycle:
    """A cycle, what came of it (a key of `SAID`), and who says so, those that decide first."""

    cycle: Cycle
    reality: str
    by: tuple[Judgement, ...]

    @property
    def edges(self) -> list[tuple[str, str]]:
        """Its edges, by their ends."""
        names = self.cycle.classes
        return list(zip(names, (*names[1:], names[0]), strict=True))


def add_findings(graph: LockGraph, scenario: str, found: Iterable[Finding]) -> None:
    """What the findings of an exploration say of cycles."""
    for each in found:
        _add(graph, scenario, each.kind, each.classes, (each.reality, each.because, each.token))


def add_findings_json(
    graph: LockGraph, scenario: str, found: Iterable[Mapping[str, Value]]
) -> None:
    """The same from JSON.  Raises UsageError for what is malformed."""
    try:
        for each in found:
            told = each.get("reality"), each.get("because", ""), each.get("token", "")
            _add(graph, scenario, each["kind"], each["classes"], told)
    except (AttributeError, KeyError, TypeError) as error:
        raise UsageError(f"malformed finding: {type(error).__name__}: {error}") from None


def add_predictions(graph: LockGraph, found: Iterable[Prediction]) -> None:
    """What the predictions over several scenarios say."""
    for each in found:
        tried = each.composed or each.design
        _add(graph, tried, each.kind, each.classes, (each.reality, each.because, each.token))


def add_predictions_json(graph: LockGraph, found: Iterable[Mapping[str, Value]]) -> None:
    """The same from JSON.  Raises UsageError for what is malformed."""
    try:
        for each in found:
            told = each["reality"], each["because"], each["token"]
            tried = each["composed"] or each["design"]
            _add(graph, tried, each["kind"], each["classes"], told)
    except (AttributeError, KeyError, TypeError) as error:
        raise UsageError(f"malformed prediction: {type(error).__name__}: {error}") from None


def _add(
    graph: LockGraph, scenario: str, kind: str, classes: Iterable[str], told: tuple[Value, ...]
) -> None:
    """Take up what is said of some classes; of a recursion there is no order but the one to the
    class itself, which the validator does not learn."""
    names = tuple(classes)
    reality, because, token = told
    if not names or (reality is None and kind != DEADLOCK):
        return
    if not all(isinstance(each, str) for each in (scenario, kind, *names, because, token)):
        raise TypeError("a finding's texts are no text")
    if kind == DEADLOCK:
        reality = CONFIRMED
    elif reality not in RANKS:
        raise TypeError(f"{reality!r} is no reality of a cycle")
    if PROOF in because:
        because, _, token = because.rpartition(PROOF)
    elif kind != DEADLOCK and reality != CONFIRMED:
        token = ""  # it replays what predicts the cycle, not the cycle
    graph.add_judgement(Judgement(names, kind, reality, because, token, scenario))
    if kind == RECURSIVE and len(names) == 1:
        graph.add_edge(names[0], names[0], Way(UNKNOWN, scenario))


def judged(graph: LockGraph, most: int | None = None) -> list[JudgedCycle]:
    """The cycles of a graph, `most` at most, each with what came of it; and after those that a
    search finds the others that somebody spoke of."""
    said = _Said(graph)
    found = cycles(graph, most)
    known = {canonical(cycle.classes) for cycle in found}
    for names in said.walks:
        if names not in known and (most is None or len(found) < most):
            found.append(cycle_of(graph, names))
    return [said.of(cycle) for cycle in found]


def judged_as(graph: LockGraph, names: tuple[str, ...]) -> JudgedCycle | None:
    """One cycle of a graph by its classes; None if it has none there, or a weak one."""
    if not closed(graph, names):
        return None
    cycle = cycle_of(graph, names)
    return None if cycle.strength is Strength.WEAK else _Said(graph).of(cycle)


def dangerous(found: Iterable[JudgedCycle]) -> bool:
    """Whether one of the cycles is strong, or may be as its kinds are unknown."""
    return any(each.cycle.strength is not Strength.WEAK for each in found)


class _Said:
    """What a graph's judgements say: of its cycles, `walks`, each from its least name; and which
    deadlocks happened."""

    def __init__(self, graph: LockGraph) -> None:
        self.walks: dict[tuple[str, ...], list[Judgement]] = {}
        self.deadlocks: list[Judgement] = []
        for each in graph.judgements:
            if each.kind == DEADLOCK:
                self.deadlocks.append(each)
            elif names := _walk(graph, each):
                self.walks.setdefault(canonical(names), []).append(each)

    def of(self, cycle: Cycle) -> JudgedCycle:
        """A cycle with what came of it."""
        names = frozenset(cycle.classes)
        happened = [each for each in self.deadlocks if names == frozenset(each.classes)]
        spoken = self.walks.get(canonical(cycle.classes), [])
        by = sorted((*spoken, *happened), key=lambda each: RANKS.index(each.reality))
        if by:
            return JudgedCycle(cycle, by[0].reality, tuple(by))
        return JudgedCycle(cycle, REPORTED if cycle.reported else "", ())


def elsewhere(graph: LockGraph) -> list[Judgement]:
    """What is said of classes that are no cycle of orders: that interrupts make a deadlock, and
    what `part` has cut through; the most serious first, each kind and classes once."""
    found: dict[tuple[str, tuple[str, ...]], Judgement] = {}
    for each in sorted(graph.judgements, key=lambda each: RANKS.index(each.reality)):
        if each.kind != DEADLOCK and not _walk(graph, each):
            found.setdefault((each.kind, tuple(sorted(each.classes))), each)
    return list(found.values())


def _walk(graph: LockGraph, judgement: Judgement) -> tuple[str, ...]:
    """The classes in the order in which edges of the graph lead from one to the next and back;
    empty if they do not."""
    for names in (judgement.classes, judgement.classes[::-1]):
        if closed(graph, names):
            return names
    return ()


def closed(graph: LockGraph, names: tuple[str, ...]) -> bool:
    """Whether edges of the graph lead from each class to the next one, and back to the first."""
    ends = zip(names, (*names[1:], names[0]), strict=True)
    return len(set(names)) == len(names) and all(each in graph.edges for each in ends)


def canonical(names: Sequence[str]) -> tuple[str, ...]:
    """A cycle from its least name."""
    start = names.index(min(names))
    return (*names[start:], *names[:start])
