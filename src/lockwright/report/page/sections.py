"""What the page says, section by section; the templates only lay it out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lockwright.core.coverage import merged
from lockwright.core.result import Result, Verdict
from lockwright.report.assumptions import shared
from lockwright.report.campaign import (
    Answers,
    ArmLine,
    assumed,
    given_up_lines,
    standing_text,
)
from lockwright.report.coverage import coverage_text, figures
from lockwright.report.document import BAD, GOOD, NEUTRAL, UNSURE, Cell, Document, Failure, Table
from lockwright.report.extent import how_far
from lockwright.report.goals import goal_lines
from lockwright.report.page.findings import (
    WIDE,
    Shown,
    ShownPrediction,
    ShownRun,
    shown_findings,
    shown_predictions,
    shown_runs,
)
from lockwright.report.page.verdicts import (
    ERROR_WORD,
    OPEN_MAX,
    REALITY_TONES,
    Group,
    Line,
    Matrix,
    groups_of,
    lines_of,
    matrix_of,
    summary,
    tally,
)
from lockwright.report.table import REALITIES

VERDICTS = {
    Verdict.VIOLATED.value: "some schedule breaks a rule, and each finding carries that schedule",
    Verdict.VERIFIED.value: "every schedule was explored, and none breaks a rule",
    Verdict.WITHIN_BOUND.value: "every schedule with no more preemptions than the bound was "
    "explored, and none breaks a rule; one with more of them may",
    Verdict.STOPPED.value: "the budget ran out first: nothing is broken so far, which proves "
    "nothing",
    ERROR_WORD: "the scenario could not be judged",
}
"""What the verdicts mean."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table of contents."""

    anchor: str
    title: str
    count: str = ""


@dataclass(frozen=True, slots=True)
class Covered:
    """What was covered in one scenario: the figures, and the lines below them."""

    figures: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the bar of verdicts: where it begins, and how long it is."""

    tone: str
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class CampaignView:
    """What there is of a campaign beside its items."""

    name: str
    standing: str
    guidance: str
    arms: tuple[tuple[str, tuple[tuple[ArmLine, str], ...]], ...]
    given_up: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """The whole page.  A section that has nothing to say is empty, and left out."""

    title: str
    lead: str
    stale: str
    made_with: tuple[str, ...]
    tally: tuple[Cell, ...]
    summary: str
    groups: tuple[Group, ...]
    folded: bool
    deadlocked: bool
    covered: bool
    matrix: Matrix | None
    failures: tuple[Failure, ...]
    tables: tuple[Table, ...]
    campaign: CampaignView | None
    findings: tuple[Shown, ...]
    kinds: tuple[str, ...]
    runs: tuple[ShownRun, ...]
    predictions: tuple[ShownPrediction, ...]
    has_graph: bool
    coverage: tuple[Covered, ...]
    covered_together: str
    goals: tuple[tuple[str, tuple[str, ...]], ...]
    assumptions: tuple[str, ...]
    assumed_by_some: tuple[str, ...]
    unfinished: tuple[tuple[str, str], ...]
    words: tuple[tuple[str, Cell], ...]

    @property
    def lines(self) -> list[Line]:
        """Those of all groups."""
        return [line for group in self.groups for line in group.lines]

    @property
    def verdict_words(self) -> list[str]:
        """The verdicts that occur, in alphabetical order."""
        return sorted({line.verdict for line in self.lines})

    @property
    def parts(self) -> list[Part]:
        """The bar of verdicts, one part for each meaning, the worst first."""
        tones = [line.tone for line in self.lines]
        parts, start = [], 0
        for tone in (BAD, UNSURE, GOOD, NEUTRAL):
            if length := tones.count(tone):
                parts.append(Part(tone, start, length))
                start += length
        return parts

    @property
    def contents(self) -> list[Entry]:
        """What the page has, in its order."""
        known = "Items" if self.campaign else "Verdicts"
        said = [
            (self.groups, Entry("verdicts", known, f"{len(self.lines):,}")),
            (self.failures, Entry("failures", "Not judged", f"{len(self.failures):,}")),
            *((True, Entry(table.anchor, table.title)) for table in self.tables),
            (self.campaign, Entry("campaign", "Campaign")),
            (self.findings, Entry("findings", "Findings", f"{len(self.findings):,}")),
            (self.runs, Entry("runs", "Runs", f"{len(self.runs):,}")),
            (self.predictions, Entry("predictions", "Predictions", f"{len(self.predictions):,}")),
            (self.has_graph, Entry("lock-graph", "Lock graph")),
            (self.coverage, Entry("coverage", "Coverage")),
            (self.goals, Entry("goals", "Goals")),
            (
                self.assumptions or self.assumed_by_some or self.unfinished,
                Entry("assumptions", "Not shown"),
            ),
            (self.words, Entry("words", "Words")),
        ]
        return [entry for there, entry in said if there]


def view_of(document: Document) -> View:
    """What the page says of a document."""
    found = document.found()
    lines = lines_of(document, found)
    groups = groups_of(lines)
    anchors = {line.name: line.anchor for line in lines}
    findings = tuple(shown_findings(found, anchors))
    results = document.results or (document.campaign.results if document.campaign else [])
    noun = "item" if document.campaign else "scenario"
    known, by_all = assumed(results, noun), shared(results)
    return View(
        title=document.title,
        lead=document.lead,
        stale=document.stale,
        made_with=tuple(_made_with(document)),
        tally=tuple(tally(line.verdict for line in lines)),
        summary=summary(lines, len(findings), noun),
        groups=tuple(groups),
        folded=len(lines) > OPEN_MAX and len(groups) > 1,
        deadlocked=any(line.deadlocked is not None for line in lines),
        covered=any(line.covered is not None for line in lines),
        matrix=matrix_of(groups, found),
        failures=tuple(document.failures),
        tables=tuple(document.tables),
        campaign=None if document.campaign is None else _campaign(document.campaign),
        findings=findings,
        kinds=tuple(sorted({each.kind for each in findings})),
        runs=tuple(shown_runs(document.all_runs())),
        predictions=tuple(shown_predictions(document.predictions)),
        has_graph=document.graph is not None,
        coverage=tuple(_coverage(results)),
        covered_together=_together(results),
        goals=tuple(_goals(results)),
        assumptions=tuple(said for said in known if said in by_all),
        assumed_by_some=tuple(said for said in known if said not in by_all),
        unfinished=tuple(_unfinished(results)),
        words=tuple(_words(lines, document)),
    )


def _made_with(document: Document) -> Iterator[str]:
    if document.lockwright_version:
        yield f"lockwright {document.lockwright_version}"
    if document.model_version:
        yield f"model {document.model_version}"


def _campaign(answers: Answers) -> CampaignView:
    arms = []
    for item in answers.items:
        whole = max(sum(arm.executions for arm in item.arms), 1)
        shares = tuple((arm, f"{100 * arm.executions / whole:.0f} %") for arm in item.arms)
        if shares:
            arms.append((item.name, shares))
    given_up = [
        line.removeprefix("- ")
        for each in answers.given_up
        for line in given_up_lines([each], WIDE)
    ]
    return CampaignView(
        answers.name, standing_text(answers.items), answers.guidance, tuple(arms), tuple(given_up)
    )


def _coverage(results: Sequence[Result]) -> Iterator[Covered]:
    for result in results:
        if said := coverage_text(result, WIDE):
            first, *rest = said.split("\n")
            yield Covered(first, tuple(line.strip() for line in rest))


def _together(results: Sequence[Result]) -> str:
    """The figures of all of them, if there are several."""
    told = [result.coverage for result in results if result.coverage is not None]
    return f"together: {figures(merged(told))}" if len(told) > 1 else ""


def _goals(results: Sequence[Result]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for result in results:
        if lines := goal_lines(result):
            yield result.scenario, tuple(lines)


def _unfinished(results: Sequence[Result]) -> Iterator[tuple[str, str]]:
    """The scenarios whose search left something out, and how far it came."""
    for result in results:
        if not result.complete:
            yield result.scenario, how_far(result)


def _words(lines: Sequence[Line], document: Document) -> Iterator[tuple[str, Cell]]:
    """What the words of the page mean, as far as they occur."""
    said = {line.verdict for line in lines}
    tones = dict.fromkeys([Verdict.VIOLATED.value, ERROR_WORD], BAD)
    tones[Verdict.VERIFIED.value] = GOOD
    for word, meaning in VERDICTS.items():
        if word in said:
            yield meaning, Cell(word, tones.get(word, UNSURE))
    realities = {each.finding.reality for each in document.found()}
    realities |= {each.reality for each in document.predictions}
    for word, meaning in REALITIES.items():
        if word in realities:
            yield meaning, Cell(word, REALITY_TONES[word])
