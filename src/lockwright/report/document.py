"""What a report is made of, whatever its form: results, findings, a lock graph, tables.

Every form (page, JUnit, SARIF, Perfetto, trace.dat, text) is a pure function of a `Document`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.prediction import Prediction
from lockwright.core.result import Result
from lockwright.core.timeline import Timeline
from lockwright.report.campaign import Answers
from lockwright.report.lockgraph import LockGraph

GOOD, BAD, UNSURE, NEUTRAL = TONES = ("good", "bad", "unsure", "")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: its text, what it means (one of `TONES`), and the anchor in the document
    that it leads to (`finding-3`), if any."""

    text: str
    tone: str = NEUTRAL
    link: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of its own: an anchor, a title, what it says in a sentence or two, and its cells."""

    anchor: str
    title: str
    lead: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A scenario that could not be judged, and why."""

    scenario: str
    error: str


@dataclass(frozen=True, slots=True)
class Run:
    """One interleaving to look at: of a finding, or of a token that was replayed."""

    title: str
    scenario: str
    events: tuple[Event, ...]
    timeline: Timeline | None
    token: str = ""
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A finding of the document: numbered from 1, of those with its kind and signature one that has
    an interleaving, with the shortest schedule; `scenarios` are all that show it, the first is the
    one it is from.
    `executions` counts those that showed it, in all of them."""

    number: int
    finding: Finding
    scenarios: tuple[str, ...]
    executions: int

    @property
    def anchor(self) -> str:
        """Where it stands in the page."""
        return f"finding-{self.number}"


@dataclass(slots=True)
class Document:
    """A whole report.

    `results` are those of a check, or of a campaign's items; of a campaign `campaign` has the
    rest, its findings among it.  `graph` is the lock graph of all together, `before` another one to
    lay beside it.  `sources` has the text of the model's files by the path that timelines name, as
    far as they were found; `stale` says that the model has changed since, and is empty otherwise.
    `only` is the number that its one finding has in the whole report, if this is a part of one.
    """

    title: str
    lead: str = ""
    results: list[Result] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    campaign: Answers | None = None
    runs: list[Run] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    graph: LockGraph | None = None
    before: LockGraph | None = None
    sources: dict[str, str] = field(default_factory=dict)
    stale: str = ""
    only: int = 0
    lockwright_version: str = ""
    model_version: str = ""

    def found(self) -> list[Found]:
        """The findings, each once, in order of first sight."""
        if self.campaign is not None:
            return [
                Found(at, each.finding, tuple(name for name, _ in each.items), each.executions)
                for at, each in enumerate(self.campaign.found, 1)
            ]
        seen: dict[tuple[str, str], list[tuple[str, Finding]]] = {}
        for result in self.results:
            for finding in result.findings:
                key = finding.kind, finding.signature
                seen.setdefault(key, []).append((result.scenario, finding))
        return [_found(at, each) for at, each in enumerate(seen.values(), self.only or 1)]

    def all_runs(self) -> list[Run]:
        """The interleavings of its findings that have one, then its other runs."""
        shown = [
            Run(
                each.finding.kind,
                each.scenarios[0] if each.scenarios else "",
                each.finding.events,
                each.finding.timeline,
                each.finding.token,
                each.finding,
            )
            for each in self.found()
            if each.finding.events
        ]
        return [*shown, *self.runs]


def _rank(seen: tuple[str, Finding]) -> tuple[bool, int]:
    """The least is the one to show."""
    _, finding = seen
    return not finding.events, len(finding.schedule)


def _found(number: int, seen: Sequence[tuple[str, Finding]]) -> Found:
    first = min(seen, key=_rank)
    scenarios = (first[0], *(name for name, _ in seen if name != first[0]))
    executions = sum(finding.executions for _, finding in seen)
    return Found(number, first[1], tuple(dict.fromkeys(scenarios)), executions)
