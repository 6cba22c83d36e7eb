"""A campaign's answers as text: what was found and where, a table of its items, what is not shown.

The same campaign gives the same text, whoever explored it and however often it was stopped: there
are no times, no paths and no names of workers in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lockwright.core.finding import Finding
from lockwright.core.result import Result
from lockwright.report.columns import WIDTH
from lockwright.report.findings import finding_text
from lockwright.report.lines import folded
from lockwright.report.table import coloured, grid, legend, row_of

WAITING, GOING, DONE, ERROR = STANDINGS = ("not begun", "going on", "done", "error")
"""How far an item is; one that is done is shown with its verdict."""
HEADS = ("item", "verdict", "executions", "findings", "covered")
PLACES_MAX = 8
"""A finding that was seen in more items than this is shown with the first ones."""


@dataclass(frozen=True, slots=True)
class ArmLine:
    """What a strategy with its seed got of an item's executions; the features that it added, and
    how many of its schedules are in the corpus."""

    name: str
    executions: int
    gained: int
    kept: int


@dataclass(frozen=True, slots=True)
class ItemLine:
    """An item: how far it is, and what came of it.

    `findings` counts the different ones; `covered` is the score of what was covered, None if
    nobody asked.  `fine` says that it is as expected; `unmet` are sentences about what is not, and
    `failure` one about why it cannot be explored to its end.
    """

    name: str
    standing: str = WAITING
    executions: int = 0
    findings: int = 0
    covered: int | None = None
    result: Result | None = None
    fine: bool = False
    unmet: tuple[str, ...] = ()
    failure: str = ""
    arms: tuple[ArmLine, ...] = ()

    @property
    def verdict(self) -> str:
        """What the table says."""
        if self.standing == ERROR or self.result is None:
            return self.standing
        return self.result.verdict.value


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A finding, in how many executions it was seen, and in how many of each item, by name."""

    identity: str
    finding: Finding
    executions: int
    items: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class GivenUpLine:
    """A piece that no worker could explore: of which item, and why each try failed."""

    item: str
    work: str
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """What there is to say of a campaign: `status` is the exit status that it amounts to."""

    name: str
    guidance: str
    model_version: str
    lockwright_version: str
    items: tuple[ItemLine, ...]
    found: tuple[FoundLine, ...]
    given_up: tuple[GivenUpLine, ...]
    status: int

    @property
    def executions(self) -> int:
        """Of all items."""
        return sum(item.executions for item in self.items)

    @property
    def results(self) -> list[Result]:
        """Of the items that have one."""
        return [item.result for item in self.items if item.result is not None]


def many(number: int, noun: str, plural: str = "") -> str:
    """`1 execution`, `12,345 executions`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def standing_text(items: Sequence[ItemLine]) -> str:
    """`3 of 40 items done, 1 going on, 36 not begun`."""
    done = sum(item.standing == DONE for item in items)
    said = [f"{done:,} of {many(len(items), 'item')} done"]
    for standing, words in ((ERROR, "failed"), (GOING, GOING), (WAITING, WAITING)):
        if count := sum(item.standing == standing for item in items):
            said.append(f"{count:,} {words}")
    return ", ".join(said)


def summary_text(answers: Answers, width: int = WIDTH) -> str:
    """The campaign in one sentence."""
    said = (
        f"campaign {answers.name}: {standing_text(answers.items)}; "
        f"{many(answers.executions, 'execution')}; {many(len(answers.found), 'finding')}"
    )
    return "\n".join(folded(said, width))


def found_text(found: FoundLine, width: int = WIDTH) -> str:
    """A finding's report, and where it was seen."""
    said = [f"seen in {many(found.executions, 'execution')} of:"]
    said += [f"  {name}: {count:,}" for name, count in found.items[:PLACES_MAX]]
    if more := len(found.items) - PLACES_MAX:
        said += [f"  and {many(more, 'item')} more"] if more > 0 else []
    places = "\n".join(part for line in said for part in folded(line, width))
    return f"{finding_text(found.finding, width)}\n\n{places}"


def items_table(items: Sequence[ItemLine], width: int = WIDTH, *, colour: bool = False) -> str:
    """A line for each item; below it what was found, and what was expected instead."""
    guided = any(item.covered is not None for item in items)
    heads = HEADS if guided else HEADS[:-1]
    rows: list[tuple[list[str], str | Sequence[str]]] = []
    for item in items:
        covered = "" if item.covered is None else str(item.covered)
        cells = [item.name, item.verdict, str(item.executions), str(item.findings), covered]
        rows.append((cells[: len(heads)], list(_below(item))))
    lines = grid(heads, rows, width)
    return "\n".join(coloured(line) if colour else line for line in lines)


def _below(item: ItemLine) -> Iterator[str]:
    if item.failure:
        yield item.failure
    result = item.result
    if result is not None:
        row = row_of(result)
        yield "; ".join(row.findings)
        yield row.incomplete
    for sentence in item.unmet:
        yield f"not as expected: {sentence}"
    if item.fine:
        yield "as expected"


def arms_text(items: Sequence[ItemLine], width: int = WIDTH) -> str:
    """Of each item whose arms were guided, what each arm got and what it gave; empty for none."""
    rows: list[tuple[list[str], str | Sequence[str]]] = []
    for item in items:
        if not item.arms:
            continue
        rows.append(([item.name, "", "", "", ""], ""))
        whole = max(sum(arm.executions for arm in item.arms), 1)
        for arm in item.arms:
            share = f"{100 * arm.executions / whole:.0f} %"
            cells = [f"  {arm.name}", share, str(arm.executions), str(arm.gained), str(arm.kept)]
            rows.append((cells, ""))
    if not rows:
        return ""
    return "\n".join(grid(("arm", "share", "executions", "new", "in the corpus"), rows, width))


def given_up_lines(given_up: Sequence[GivenUpLine], width: int = WIDTH) -> list[str]:
    """What no worker could explore."""
    said = []
    for piece in given_up:
        why = "; ".join(dict.fromkeys(piece.failures))
        tries = many(len(piece.failures), "try", "tries")
        said.append(f"- {piece.item}: a piece ({piece.work}) was given up after {tries}: {why}")
    return [part for line in said for part in folded(line, width)]


def assumed(results: Sequence[Result], noun: str = "item") -> list[str]:
    """What the results without a finding do not show: each sentence once, and of how many it is
    if not of all."""
    green = [result for result in results if not result.findings]
    said: dict[str, list[str]] = {}
    for result in green:
        for sentence in dict.fromkeys(result.assumptions):
            said.setdefault(sentence, []).append(result.scenario)
    lines = []
    for sentence, scenarios in said.items():
        if len(scenarios) == len(green):
            lines.append(sentence)
        elif len(set(scenarios)) == 1:
            lines.append(f"{sentence} ({scenarios[0]})")
        else:
            lines.append(f"{sentence} ({many(len(scenarios), noun)} of {len(green):,})")
    return lines


def ending_text(answers: Answers, width: int = WIDTH) -> str:
    """What comes after the table: what its words mean, the arms, what was given up and assumed."""
    parts = []
    if said := legend(answers.results):
        parts.append("\n".join(folded(said, width)))
    if arms := arms_text(answers.items, width):
        parts.append(arms)
    if answers.given_up:
        lines = ["No worker could explore these:", *given_up_lines(answers.given_up, width)]
        parts.append("\n".join(lines))
    if sentences := assumed(answers.results):
        lines = [part for said in sentences for part in folded(f"- {said}", width)]
        parts.append("\n".join(["Where nothing broke, this was assumed:", *lines]))
    return "\n\n".join(parts)
