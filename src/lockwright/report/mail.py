"""A report as plain text that can be pasted into a mail: narrow lines, nothing that a terminal or
a mail reader would obey.

The line that replays an execution is the only one that may be longer than the width: it must stay
in one piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lockwright.core.result import Verdict
from lockwright.core.schedule import Choice
from lockwright.report.assumptions import assumption_lines
from lockwright.report.campaign import ending_text, found_text, items_table, many, summary_text
from lockwright.report.columns import WIDTH
from lockwright.report.coverage import coverage_text
from lockwright.report.document import Document, Found, Run, Table
from lockwright.report.findings import events_text, finding_text
from lockwright.report.goals import goal_lines
from lockwright.report.lines import folded, replay_line
from lockwright.report.lockgraph.graph import plain
from lockwright.report.predictions import heading, prediction_text
from lockwright.report.table import Row, grid, legend, row_of, table

REPLAY = re.compile(r"[\w ]{1,30}: lockwright replay '")
"""How a line begins that is not to be cut."""
NAMES_MAX = 8
"""A finding that was seen in more scenarios than this is shown with the first ones."""


def mail(document: Document, width: int = WIDTH) -> str:
    """The whole report: what it is, the table of verdicts, the findings, what was assumed."""
    parts = [part for part in _parts(document, width) if part]
    text = "\n\n".join(parts)
    return "\n".join(line for each in text.split("\n") for line in narrow(each, width)) + "\n"


def narrow(line: str, width: int = WIDTH) -> list[str]:
    """A line that is printable and no wider than `width`, unless it replays an execution."""
    line = plain(line.expandtabs()).rstrip()
    if len(line) <= width or REPLAY.match(line):
        return [line]
    return folded(line, width)


def summary(document: Document) -> str:
    """All results in one sentence."""
    results = document.results
    count = {verdict: sum(r.verdict is verdict for r in results) for verdict in Verdict}
    said = [f"{number:,} {verdict.value}" for verdict, number in count.items() if number]
    if document.failures:
        said.append(f"{len(document.failures):,} not judged")
    total = len(results) + len(document.failures)
    shown = f"{many(total, 'scenario')}: {', '.join(said)}; " if total else ""
    executions = many(sum(result.executions for result in results), "execution")
    return f"{shown}{executions}; {many(len(document.found()), 'finding')}"


def _parts(document: Document, width: int) -> Iterator[str]:
    yield "\n".join(_opening(document, width))
    if document.campaign is not None:
        yield items_table(document.campaign.items, width)
    elif document.results or document.failures:
        yield _verdicts(document, width)
    for each in document.tables:
        yield _table_text(each, width)
    yield from _findings(document, width)
    yield from _predictions(document, width)
    for run in document.runs:
        yield _run_text(run, width)
    yield from _ending(document, width)


def _opening(document: Document, width: int) -> list[str]:
    lines = folded(document.title, width)
    if document.lead:
        lines += ["", *folded(document.lead, width)]
    lines.append("")
    if document.campaign is not None:
        lines += summary_text(document.campaign, width).split("\n")
    elif document.results or document.failures:
        lines += folded(summary(document), width)
    if document.stale:
        lines += folded(f"Note: {document.stale}", width)
    return lines[:-1] if not lines[-1] else lines


def _verdicts(document: Document, width: int) -> str:
    """The table, what its words mean, and what became of the goals."""
    rows = [row_of(result) for result in document.results]
    rows += [Row(each.scenario, "error", ("not judged, see below",)) for each in document.failures]
    parts = [table(rows, width)]
    if said := legend(document.results):
        parts.append("\n".join(folded(said, width)))
    goals = [
        line
        for result in document.results
        for said in goal_lines(result)
        for line in folded(f"{result.scenario}: {said}", width)
    ]
    covered = [said for result in document.results if (said := coverage_text(result, width))]
    for lines in (goals, covered):
        if lines:
            parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _table_text(shown: Table, width: int) -> str:
    rows: list[tuple[list[str], str | Sequence[str]]] = [
        ([cell.text for cell in row], "") for row in shown.rows
    ]
    lines = [*folded(shown.title, width)]
    if shown.lead:
        lines += folded(shown.lead, width)
    return "\n".join([*lines, "", *grid(shown.heads, rows, width)])


def _findings(document: Document, width: int) -> Iterator[str]:
    found = document.found()
    printed: dict[tuple[str, tuple[Choice, ...]], int] = {}
    for each in found:
        of = "" if document.only else f" of {len(found)}"
        head = f"Finding {each.number}{of}: {each.finding.kind}"
        yield "\n".join([head, "-" * min(len(head), width)])
        where = each.scenarios[0] if each.scenarios else ""
        shown = printed.setdefault((where, each.finding.schedule), each.number)
        yield _finding(document, each, width, shown if shown != each.number else 0)


def _finding(document: Document, found: Found, width: int, shown: int) -> str:
    """A finding in full; its interleaving only if the one of number `shown` has not been it."""
    if document.campaign is not None:
        return found_text(document.campaign.found[found.number - 1], width)
    names, more = found.scenarios[:NAMES_MAX], len(found.scenarios) - NAMES_MAX
    said = f"in {many(found.executions, 'execution')} of {', '.join(names)}"
    if more > 0:
        said += f" and {many(more, 'scenario')} more"
    where = folded(said, width) if found.executions else folded(f"in {', '.join(names)}", width)
    return "\n".join([finding_text(found.finding, width, shown=shown), "", *where])


def _predictions(document: Document, width: int) -> Iterator[str]:
    told: tuple[str, ...] = ()
    for prediction in document.predictions:
        if prediction.scenarios != told:
            told = prediction.scenarios
            yield "\n".join(folded(heading([prediction]), width))
        yield prediction_text(prediction, width)


def _run_text(run: Run, width: int) -> str:
    parts = ["\n".join(folded(run.title, width)), events_text(run.events, width)]
    if run.token:
        parts.append(replay_line(run.token))
    return "\n\n".join(parts)


def _ending(document: Document, width: int) -> Iterator[str]:
    if document.failures:
        lines = ["These could not be judged:"]
        for failure in document.failures:
            first, *rest = failure.error.split("\n")
            # an error names its scenario, as a rule
            known = first.startswith(f"{failure.scenario}:")
            lines.append(f"- {first}" if known else f"- {failure.scenario}: {first}")
            lines += [f"  {line}" if not REPLAY.match(line) else line for line in rest]
        yield "\n".join(lines)
    if document.campaign is not None:
        yield ending_text(document.campaign, width)
    else:
        yield "\n".join(assumption_lines(document.results, width))
    made = [f"lockwright {document.lockwright_version}"] if document.lockwright_version else []
    if document.model_version:
        made.append(f"model version {document.model_version}")
    yield ", ".join(made)
