"""A finding, and a run without one, as the page's templates take them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.prediction import CONFIRMED, OPEN, REFUTED, Prediction
from lockwright.report.campaign import many
from lockwright.report.columns import columns
from lockwright.report.document import NEUTRAL, UNSURE, Cell, Found, Run
from lockwright.report.findings import (
    broken_text,
    events_text,
    headline,
    price_text,
    reality_lines,
    replays,
)
from lockwright.report.kinds import meaning_of
from lockwright.report.nearest import nearest_text
from lockwright.report.page.verdicts import REALITY_TONES
from lockwright.report.predictions import brief_text, prediction_text

WIDE = 100_000
"""A width in which no sentence is cut: the page cuts it itself."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding: what it is, where it was seen, and its texts as they stand in a terminal.

    `run` is its place in `Document.all_runs()`, None if it has no interleaving; `commands` has what
    can be replayed and the token, `scenarios` lead to the table of verdicts.
    """

    anchor: str
    number: int
    kind: str
    headline: str
    meaning: str
    badges: tuple[Cell, ...]
    scenarios: tuple[Cell, ...]
    reality: str
    price: str
    splat: str
    columns: str
    nearest: str
    commands: tuple[tuple[str, str], ...]
    run: int | None
    steps: int


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run that stands for itself."""

    anchor: str
    title: str
    scenario: str
    columns: str
    commands: tuple[tuple[str, str], ...]
    run: int
    steps: int


@dataclass(frozen=True, slots=True)
class ShownPrediction:
    """A deadlock that several scenarios together predict."""

    anchor: str
    headline: str
    badge: Cell
    text: str


def shown_findings(found: Sequence[Found], anchors: Mapping[str, str]) -> Iterator[Shown]:
    """All of them; `anchors` has that of each scenario in the table of verdicts."""
    run = count()  # as in `Document.all_runs`: first those of findings that have events
    for each in found:
        finding = each.finding
        yield Shown(
            each.anchor,
            each.number,
            finding.kind,
            headline(finding),
            meaning_of(finding.kind),
            tuple(_badges(each)),
            tuple(Cell(name, NEUTRAL, anchors.get(name, "")) for name in each.scenarios),
            reality_lines(finding, WIDE)[0] if finding.reality else "",
            price_text(finding) if finding.preemptions >= 0 else "",
            broken_text(finding),
            columns(finding.events),
            nearest_text(finding),
            tuple(replays(finding)),
            next(run) if finding.events else None,
            _steps(finding.events),
        )


def shown_runs(runs: Sequence[Run]) -> Iterator[ShownRun]:
    """Those that are of no finding."""
    for at, run in enumerate(runs):
        if run.finding is None:
            yield ShownRun(
                f"run-{at}",
                run.title,
                run.scenario,
                events_text(run.events),
                (("replay", run.token),) if run.token else (),
                at,
                _steps(run.events),
            )


def shown_predictions(predictions: Sequence[Prediction]) -> Iterator[ShownPrediction]:
    """All of them, those that happen first."""
    order = (CONFIRMED, OPEN, REFUTED)
    for at, each in enumerate(sorted(predictions, key=lambda each: order.index(each.reality)), 1):
        said = brief_text(each, WIDE).removesuffix(f": {each.reality}")
        yield ShownPrediction(
            f"prediction-{at}",
            said,
            Cell(each.reality, REALITY_TONES[each.reality]),
            prediction_text(each),
        )


def _badges(found: Found) -> Iterator[Cell]:
    finding: Finding = found.finding
    if finding.reality:
        yield Cell(finding.reality, REALITY_TONES.get(finding.reality, UNSURE))
    if len(found.scenarios) > 1:
        yield Cell(many(len(found.scenarios), "scenario"))
    yield Cell(many(found.executions, "execution"))
    if finding.preemptions >= 0:
        yield Cell(many(finding.preemptions, "preemption"))


def _steps(events: Sequence[Event]) -> int:
    return 1 + max((event.step for event in events), default=-1)
