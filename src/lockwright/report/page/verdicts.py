"""The table of verdicts and the matrix of designs and rules, as the page's templates take them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lockwright.core.prediction import CONFIRMED, OPEN, REFUTED
from lockwright.core.result import Result, Verdict
from lockwright.report.campaign import DONE, ERROR, ItemLine, many
from lockwright.report.document import BAD, GOOD, NEUTRAL, UNSURE, Cell, Document, Failure, Found
from lockwright.report.table import incomplete

OPEN_MAX = 40
"""With more scenarios than this, those of a design are folded away."""
ERROR_WORD = "error"
TONES = {
    Verdict.VIOLATED.value: BAD,
    ERROR_WORD: BAD,
    Verdict.VERIFIED.value: GOOD,
    Verdict.WITHIN_BOUND.value: UNSURE,
    Verdict.STOPPED.value: UNSURE,
}
REALITY_TONES = {CONFIRMED: BAD, OPEN: UNSURE, REFUTED: NEUTRAL}
"""What it means for a prediction; one that is refuted within its scenario is no proof of good."""
WORDS = {
    Verdict.VIOLATED.value: ("breaks a rule", "break a rule"),
    ERROR_WORD: ("could not be judged", "could not be judged"),
    Verdict.VERIFIED.value: ("verified", "verified"),
    Verdict.WITHIN_BOUND.value: ("verified within its bound", "verified within their bound"),
    Verdict.STOPPED.value: ("not explored to the end", "not explored to the end"),
}
"""What is said of one scenario with a verdict, and of several, the worst first."""


@dataclass(frozen=True, slots=True)
class Line:
    """A scenario or an item of a campaign: `case` is its name without the design's; `findings` lead
    to those, `notes` say what else there is."""

    anchor: str
    name: str
    case: str
    title: str
    verdict: str
    tone: str
    executions: int | None
    deadlocked: int | None
    covered: int | None
    findings: tuple[Cell, ...]
    notes: tuple[Cell, ...]

    @property
    def said(self) -> Cell:
        """The verdict, and what it means."""
        return Cell(self.verdict, self.tone)


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of a design, and what they amount to."""

    name: str
    lines: tuple[Line, ...]

    @property
    def parts(self) -> list[Cell]:
        """How many have which verdict, in words, the worst first."""
        return tally(line.verdict for line in self.lines)

    @property
    def bad(self) -> bool:
        """Does any of them break a rule?"""
        return any(line.tone == BAD for line in self.lines)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Designs and the rules that they break: in how many scenarios, and the first finding."""

    kinds: tuple[str, ...]
    rows: tuple[tuple[Group, tuple[Cell, ...]], ...]


def tally(verdicts: Iterable[str]) -> list[Cell]:
    """`3 break a rule`, `8 verified`: each with its meaning, the worst first."""
    counts: dict[str, int] = {}
    for verdict in verdicts:
        counts[verdict] = counts.get(verdict, 0) + 1
    known = [word for word in WORDS if word in counts]
    others = [word for word in counts if word not in WORDS]
    return [
        Cell(
            f"{counts[word]:,} {WORDS.get(word, (word, word))[counts[word] > 1]}",
            TONES.get(word, NEUTRAL),
        )
        for word in (*known, *others)
    ]


def summary(lines: Sequence[Line], findings: int, noun: str) -> str:
    """The whole in a sentence or two; empty without a line."""
    if not lines:
        return ""
    broken = sum(line.verdict == Verdict.VIOLATED.value for line in lines)
    verified = sum(line.verdict == Verdict.VERIFIED.value for line in lines)
    whole = many(len(lines), noun)
    done = many(sum(line.executions or 0 for line in lines), "execution")
    if broken:
        verb = "breaks" if broken == 1 else "break"
        which = f"All {whole}" if broken == len(lines) > 1 else f"{broken:,} of {whole}"
        return f"{which} {verb} a rule: {many(findings, 'finding')} in {done}."
    if verified == len(lines):
        return f"No rule is broken in {whole}, all explored to the end: {done}."
    left = len(lines) - verified
    verb = "is" if left == 1 else "are"
    return f"No rule is broken, but {left:,} of {whole} {verb} not verified: {done}."


def lines_of(document: Document, found: Sequence[Found]) -> list[Line]:
    """A line for each scenario, or for each item of a campaign."""
    numbers = {(each.finding.kind, each.finding.signature): each for each in found}
    if document.campaign is not None:
        seen = _by_item(document, found)
        return [
            _item_line(at, item, seen.get(item.name, []))
            for at, item in enumerate(document.campaign.items, 1)
        ]
    lines = []
    for at, result in enumerate(document.results, 1):
        keys = [(finding.kind, finding.signature) for finding in result.findings]
        realities = [finding.reality for finding in result.findings]
        cells = [
            _leads_to(numbers[key], reality) for key, reality in zip(keys, realities, strict=True)
        ]
        lines.append(_line(at, result, cells))
    lines += [
        _failure_line(at, failure) for at, failure in enumerate(document.failures, len(lines) + 1)
    ]
    return lines


def groups_of(lines: Sequence[Line]) -> list[Group]:
    """The lines by design, in order of first sight."""
    designs: dict[str, list[Line]] = {}
    for line in lines:
        designs.setdefault(design_of(line.name), []).append(line)
    return [Group(name, tuple(each)) for name, each in designs.items()]


def matrix_of(groups: Sequence[Group], found: Sequence[Found]) -> Matrix | None:
    """The matrix, if there are several designs and some rule is broken."""
    kinds = tuple(sorted({each.finding.kind for each in found}))
    if len(groups) < 2 or not kinds:
        return None
    firsts: dict[tuple[str, str], Found] = {}
    broken: dict[tuple[str, str], set[str]] = {}
    for each in found:
        for scenario in each.scenarios:
            key = design_of(scenario), each.finding.kind
            firsts.setdefault(key, each)
            broken.setdefault(key, set()).add(scenario)
    rows = []
    for group in groups:
        keys = [(group.name, kind) for kind in kinds]
        cells = [
            Cell(str(len(broken[key])), BAD, firsts[key].anchor) if key in broken else Cell("")
            for key in keys
        ]
        rows.append((group, tuple(cells)))
    return Matrix(kinds, tuple(rows))


def design_of(name: str) -> str:
    """The design of a scenario; a name without one stands for itself."""
    return name.partition(":")[0]


def _line(at: int, result: Result, findings: Sequence[Cell]) -> Line:
    notes = [Cell(said, UNSURE) for said in [incomplete(result)] if said]
    return Line(
        f"scenario-{at}",
        result.scenario,
        _case(result.scenario),
        result.title,
        result.verdict.value,
        TONES[result.verdict.value],
        result.executions,
        result.deadlocked,
        None,
        tuple(findings),
        tuple(notes),
    )


def _failure_line(at: int, failure: Failure) -> Line:
    name = failure.scenario
    cells = (Cell("why", BAD, "failures"),)
    return Line(
        f"scenario-{at}", name, _case(name), "", ERROR_WORD, BAD, None, None, None, cells, ()
    )


def _item_line(at: int, item: ItemLine, findings: Sequence[Cell]) -> Line:
    result = item.result
    notes = [Cell(item.failure, BAD)] if item.failure else []
    if result is not None and (said := incomplete(result)):
        notes.append(Cell(said, UNSURE))
    notes += [Cell(f"not as expected: {sentence}", BAD) for sentence in item.unmet]
    notes += [Cell("as expected", GOOD)] if item.fine else []
    if item.standing not in (DONE, ERROR, item.verdict):
        notes.append(Cell(item.standing, UNSURE))
    return Line(
        f"scenario-{at}",
        item.name,
        _case(item.name),
        "" if result is None else result.title,
        item.verdict,
        TONES.get(item.verdict, UNSURE),
        item.executions,
        None if result is None else result.deadlocked,
        item.covered,
        tuple(findings),
        tuple(notes),
    )


def _by_item(document: Document, found: Sequence[Found]) -> dict[str, list[Cell]]:
    """What leads to the findings of each item."""
    cells: dict[str, list[Cell]] = {}
    assert document.campaign is not None
    for each in found:
        for name in each.scenarios:
            cells.setdefault(name, []).append(_leads_to(each, each.finding.reality))
    return cells


def _leads_to(found: Found, reality: str | None) -> Cell:
    """What the table says of a finding: as its text form does, with a number and a link."""
    said = f"{found.number} {found.finding.kind}"
    tone = BAD if reality is None else REALITY_TONES.get(reality, UNSURE)
    return Cell(f"{said} ({reality})" if reality else said, tone, found.anchor)


def _case(name: str) -> str:
    return name.partition(":")[2] or name
