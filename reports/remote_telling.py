"""The table of the remote watches, as Markdown and JSON, and as a part of the report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.report.document import BAD, GOOD, UNSURE, Cell, Table
from reports.comparing import Difference
from reports.corpus import table_lines
from reports.remote_advice import Mended, advice
from reports.remote_verdicts import (
    AGAIN,
    COMES,
    FOR_EVER,
    NOT_DECIDED,
    NOT_TOLD,
    SENTENCES,
    VERIFIED,
    VIOLATED,
    Breach,
    Decided,
    Decision,
    Ending,
    as_json,
)

TITLE = "Watches on a remote file system: which proposal keeps which promise"
LEAD = (
    "A cell is about every program of the bound: up to {tasks} concurrent calls on two groups and "
    "two files, each program in every interleaving that matters, in {executions:,} executions at "
    "most."
)
WITHOUT_A_PART = "without a part"
"""What a design breaks with a part switched off stands under this name in the report."""
TONES = {VERIFIED: GOOD, VIOLATED: BAD, NOT_DECIDED: UNSURE}
TONES |= {COMES: GOOD, FOR_EVER: BAD, NOT_TOLD: UNSURE}
BREACH_HEADS = ("variant", "promise", "the smallest program", "what is found", "programs")
FINALLY = "What finally happens"
FINALLY_TITLE = "What finally happens to the remote watches"
FINALLY_LEAD = (
    "In each of these programs somebody looks again and again, until what the promise says is so: "
    "it comes under every fair scheduler, or under some the one who waits goes round for ever."
)
SWITCH_HEADS = ("without", "promise", "case", "what is found", "cases")
RIGHT = (4,)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Remote:
    """All there is to tell: the verdicts, decided anew or as committed; what was seen again of what
    breaks something; what the corpus says; and how many tasks the programs of the bound have at
    most."""

    found: tuple[Decided, ...]
    seen: Mapping[Breach, Result]
    bugs: Sequence[Mended]
    tasks: int
    anew: bool = False

    @property
    def advice(self) -> list[str]:
        """What follows."""
        return advice(self.found, self.bugs, self.tasks)

    @property
    def lead(self) -> str:
        """What the table is about."""
        executions = max((each.executions for each in self.found), default=0)
        return LEAD.format(tasks=self.tasks, executions=executions)

    def token(self, breach: Breach) -> str:
        """What replays it; empty if it was not looked for, or not seen."""
        return self.seen[breach].findings[0].token if breach in self.seen else ""


def rows_of(found: Sequence[Decided]) -> Iterator[tuple[str, list[str]]]:
    """Of each promise the verdicts."""
    for promise in SENTENCES:
        cells = [each.promises.get(promise) for each in found]
        yield promise, ["" if one is None else one.verdict for one in cells]


def breach_rows(found: Iterable[Decided]) -> Iterator[tuple[Breach, tuple[str, ...]]]:
    """What breaks the promises, with its cells under BREACH_HEADS."""
    for each in found:
        for promise, one in each.promises.items():
            if (breach := one.breach) is not None:
                count = f"{breach.count:,}"
                yield breach, (each.short, promise, breach.arguments, breach.said, count)


def switch_rows(decided: Decided) -> Iterator[tuple[Breach | None, tuple[str, ...]]]:
    """What breaks without each part of a design, with its cells under SWITCH_HEADS."""
    for switch, broken in decided.switches.items():
        if not broken:
            yield None, (switch, "nothing", "", "", "0")
        for promise, breach in broken.items():
            case = breach.name.partition(":")[2]
            yield breach, (switch, promise, case, breach.said, f"{breach.count:,}")


def ending_heads(found: Sequence[Decided]) -> tuple[str, ...]:
    """The heads of the table of what finally happens."""
    return ("promise", "program", *(each.short for each in found))


def ending_rows(
    found: Sequence[Decided],
) -> Iterator[tuple[str, str, list[Ending | None]]]:
    """Of each promise about what finally happens, and each program, what comes of it."""
    promises = {name: one.promise for each in found for name, one in each.endings.items()}
    for name, promise in promises.items():
        yield promise, f"calls({name})", [each.endings.get(name) for each in found]


def verdicts_of(endings: Iterable[Ending | None]) -> list[str]:
    return ["" if one is None else one.verdict for one in endings]


def bound_heads(found: Sequence[Decided]) -> tuple[str, ...]:
    """The heads of the table of the bound."""
    return ("part", "programs", *(each.short for each in found))


def bound_rows(found: Sequence[Decided]) -> Iterator[tuple[str, ...]]:
    """Of each part of the bound how many programs, and the executions in each variant."""
    for part in dict.fromkeys(name for each in found for name in each.parts):
        counts = [each.parts[part] for each in found if part in each.parts]
        programs = " / ".join(dict.fromkeys(f"{count.programs:,}" for count in counts))
        cells = [_bound_cell(each, part) for each in found]
        yield part, programs, *cells


def _bound_cell(each: Decided, part: str) -> str:
    if part not in each.parts:
        return ""
    count = each.parts[part]
    said = f"{count.executions:,}"
    return f"{said}, {count.incomplete:,} left" if count.incomplete else said


BOUND_LEAD = (
    "The executions of all programs of each part; those that are left were not explored to their "
    "end."
)


def switch_lead(decided: Decided) -> str:
    """What the table of a design's parts says."""
    return (
        f"Each part of {decided.design} switched off, the named cases explored without it: what "
        "breaks then, and does not with it, in the first case that shows it."
    )


def markdown(remote: Remote) -> str:
    """The committed form, without tokens: they name the model's version."""
    found = remote.found
    lines = [
        f"# {TITLE}",
        "",
        f"Made by `{AGAIN} --write`.  `python -m reports.remote` finds again what breaks a",
        "promise, and gives a token for each that replays it.",
        "",
        remote.lead,
        "",
        *table_lines(("", "promise", *(each.short for each in found)), _promise_lines(found)),
        "",
        *(f"- {each.short}: `{each.design}`, {each.title}" for each in found),
        "",
        "## Recommendation",
        "",
        *(f"- {said}" for said in remote.advice),
    ]
    if broken := [cells for _, cells in breach_rows(found)]:
        lines += ["", "## What breaks", "", *table_lines(BREACH_HEADS, broken, RIGHT)]
    for each in found:
        if each.switches:
            lines += ["", f"## What each part of {each.design} is for", "", switch_lead(each), ""]
            lines += table_lines(SWITCH_HEADS, [cells for _, cells in switch_rows(each)], RIGHT)
    if endings := [(p, name, *verdicts_of(each)) for p, name, each in ending_rows(found)]:
        lines += ["", f"## {FINALLY}", "", FINALLY_LEAD, ""]
        lines += table_lines(ending_heads(found), endings)
    right = range(1, len(found) + 2)
    lines += ["", "## The bound", "", BOUND_LEAD, ""]
    lines += table_lines(bound_heads(found), bound_rows(found), right)
    return "\n".join(lines) + "\n"


def _promise_lines(found: Sequence[Decided]) -> Iterator[tuple[str, ...]]:
    for promise, verdicts in rows_of(found):
        yield promise, SENTENCES[promise], *verdicts


def as_data(remote: Remote, differ: Sequence[Difference] = ()) -> dict[str, Value]:
    """The whole for machines, with the tokens."""
    return {
        "version": VERSION,
        "decided_anew": remote.anew,
        "variants": as_json(remote.found),
        "tokens": [
            {"scenario": breach.name, "parameters": dict(breach.parameters)}
            | {"kind": breach.kind, "message": breach.message, "token": remote.token(breach)}
            for breach in remote.seen
        ],
        "recommendation": remote.advice,
        "differences": [one._asdict() for one in differ],
    }


def json_text(remote: Remote, differ: Sequence[Difference] = ()) -> str:
    """The same as text."""
    return json.dumps(as_data(remote, differ), indent=1)


def results_of(remote: Remote) -> dict[Breach, Result]:
    """What was seen, as the report has it.

    Findings of two designs are two, though they say the same; and a design with a part switched off
    is not the design.
    """
    made = {}
    for each in remote.found:
        off = {breach for broken in each.switches.values() for breach in broken.values()}
        for breach in dict.fromkeys(each.breaches):
            if breach in remote.seen:
                name = _called(breach)
                shown = remote.seen[breach]
                (finding,) = shown.findings
                apart = replace(finding, signature=f"{finding.signature} ({name})")
                where = f"{WITHOUT_A_PART}:{name}" if breach in off else name
                made[breach] = replace(shown, scenario=where, findings=[apart])
    return made


def _called(breach: Breach) -> str:
    """As the report names scenarios."""
    return " ".join((breach.name, *(f"--param {key}={value}" for key, value in breach.parameters)))


def tables(remote: Remote, anchors: Mapping[tuple[str, str], str]) -> Iterator[Table]:
    """Its tables in the report; `anchors` are those of the findings, by kind and signature."""
    found = remote.found
    links = {}
    for breach, result in results_of(remote).items():
        (finding,) = result.findings
        links[breach] = anchors.get((finding.kind, finding.signature), "")
    heads = ("", "promise", *(each.short for each in found))
    rows = tuple(_promise_cells(promise, found, links) for promise in SENTENCES)
    yield Table("remote", TITLE, remote.lead, heads, rows)
    yield Table(
        "remote-recommendation",
        "What follows for the remote watches",
        "Computed from the verdicts.",
        ("",),
        tuple((Cell(said),) for said in remote.advice),
    )
    yield Table(
        "remote-breaches",
        "What breaks the promises of the remote watches",
        "The smallest program that does, as the arguments of lockwright check, and how many do.",
        BREACH_HEADS,
        tuple(_linked(breach, cells, links) for breach, cells in breach_rows(found)),
    )
    for each in found:
        yield Table(
            f"remote-parts-of-{each.short}",
            f"What each part of {each.design} is for",
            switch_lead(each),
            SWITCH_HEADS,
            tuple(_linked(breach, cells, links) for breach, cells in switch_rows(each)),
        )
    rows = tuple(
        (Cell(promise), Cell(program), *(_cell(one, links) for one in endings))
        for promise, program, endings in ending_rows(found)
    )
    yield Table("remote-finally", FINALLY_TITLE, FINALLY_LEAD, ending_heads(found), rows)
    rows = tuple(tuple(map(Cell, cells)) for cells in bound_rows(found))
    yield Table(
        "remote-bound", "The bound of the remote watches", BOUND_LEAD, bound_heads(found), rows
    )


def _promise_cells(
    promise: str, found: Sequence[Decided], links: Mapping[Breach, str]
) -> tuple[Cell, ...]:
    cells = (_cell(each.promises.get(promise), links) for each in found)
    return (Cell(promise), Cell(SENTENCES[promise]), *cells)


def _cell(one: Decision | Ending | None, links: Mapping[Breach, str]) -> Cell:
    if one is None:
        return Cell("")
    link = "" if one.breach is None else links.get(one.breach, "")
    return Cell(one.verdict, TONES[one.verdict], link)


def _linked(
    breach: Breach | None, cells: Sequence[str], links: Mapping[Breach, str]
) -> tuple[Cell, ...]:
    """Cells of which the fourth, what is found, leads to the finding."""
    made = [Cell(text) for text in cells]
    made[3] = Cell(cells[3], BAD, "" if breach is None else links.get(breach, ""))
    return tuple(made)
