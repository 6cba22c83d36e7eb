"""The table of verdicts: one line a scenario, and what was found in it below, indented."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from lockwright.core.result import Result, Verdict
from lockwright.report.columns import WIDTH, wrap
from lockwright.report.extent import how_far

INDENT = "    "
GAP = "  "
PLAIN = "\x1b[0m"
HEADS = ("scenario", "verdict", "executions", "deadlocked", "seconds", "per second")
HEADS_SHOWN = (len(HEADS), 4, 3)
"""How many of these columns there can be: with the times, without, or with little room."""
NAME_MIN = 40
"""A column for names that is narrower than this and than the names costs others their place."""
NAME_LEAST = 20
"""With less room than this, a name that is too long has lines of its own."""
COLOURS = {
    "violated": "\x1b[1;31m",
    "error": "\x1b[1;31m",
    "verified": "\x1b[32m",
    "verified within bound": "\x1b[33m",
    "stopped": "\x1b[33m",
}
REALITIES = {
    "confirmed": "some schedule of the scenario deadlocks on it",
    "refuted": "no schedule of the scenario deadlocks on it",
    "open": "none that was explored deadlocks on it, and not all were explored",
}


@dataclass(frozen=True, slots=True)
class Row:
    """What the table says of one scenario; `seconds` is shown on a terminal only.  `incomplete`
    says how far a search came that found something and did not end."""

    scenario: str
    verdict: str
    findings: tuple[str, ...] = ()
    executions: int = 0
    deadlocked: int = 0
    seconds: float = 0.0
    incomplete: str = ""


def row_of(result: Result, seconds: float = 0.0) -> Row:
    """The row of one result."""
    counts: dict[str, int] = {}
    for finding in result.findings:
        name = f"{finding.kind} ({finding.reality})" if finding.reality else finding.kind
        counts[name] = counts.get(name, 0) + 1
    return Row(
        result.scenario,
        result.verdict.value,
        tuple(name if n == 1 else f"{n} x {name}" for name, n in sorted(counts.items())),
        result.executions,
        result.deadlocked,
        seconds,
        incomplete(result),
    )


def incomplete(result: Result) -> str:
    """What is to be said of a search that found something and did not end; empty for others."""
    if result.complete or result.verdict is not Verdict.VIOLATED:
        return ""
    return f"not complete: {how_far(result)}; other findings may be missing"


def legend(results: Sequence[Result]) -> str:
    """What the words behind predicted deadlocks mean, as far as they occur."""
    said = {finding.reality for result in results for finding in result.findings}
    return "; ".join(f"{word}: {meaning}" for word, meaning in REALITIES.items() if word in said)


def table(
    rows: Sequence[Row], width: int = WIDTH, *, live: bool = False, colour: bool = False
) -> str:
    """The rows as text no wider than `width`, if there is room for names at all; `live` adds how
    long each took and how fast it was, if the names keep their room."""
    cells = [_cells(row) for row in rows]
    name = max((len(row.scenario) for row in rows), default=0)
    for shown in HEADS_SHOWN[0 if live else 1 :]:
        widths = _widths(HEADS[:shown], [row[:shown] for row in cells])
        if _room(widths, width) >= min(name, NAME_MIN):
            break
    lines = grid(
        HEADS[:shown],
        [
            (each[:shown], ["; ".join(row.findings), row.incomplete])
            for each, row in zip(cells, rows, strict=True)
        ],
        width,
    )
    return "\n".join(coloured(line) if colour else line for line in lines)


def grid(
    heads: Sequence[str], rows: Sequence[tuple[list[str], str | Sequence[str]]], width: int
) -> list[str]:
    """Lines of a table: names to the left, numbers to the right, and under a row, indented, what
    there is to say of it."""
    widths = _widths(heads, [cells for cells, _ in rows])
    widths[0] = max(min(widths[0], _room(widths, width)), len(heads[0]))
    lines = [_line(heads, widths), "-" * (sum(widths) + len(GAP) * (len(widths) - 1))]
    for cells, below in rows:
        *above, last = wrap(cells[0], widths[0])
        if above and widths[0] < NAME_LEAST:
            above, last = wrap(cells[0], width), ""
        lines += [*above, _line([last, *cells[1:]], widths)]
        for text in (below,) if isinstance(below, str) else below:
            lines += textwrap.wrap(text, width, initial_indent=INDENT, subsequent_indent=INDENT)
    return lines


def _widths(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(heads, *rows, strict=True)]


def _room(widths: Sequence[int], width: int) -> int:
    """What the other columns leave to the first one."""
    return width - sum(widths[1:]) - len(GAP) * (len(widths) - 1)


def coloured(line: str) -> str:
    """A row with its verdict in colour; other lines have no verdict between two gaps."""
    for verdict, code in COLOURS.items():
        before, found, after = line.partition(f"{GAP}{verdict} ")
        if found:
            return f"{before}{GAP}{code}{verdict}{PLAIN} {after}"
    return line


def _cells(row: Row) -> list[str]:
    rate = row.executions / max(row.seconds, 0.001)
    return [
        row.scenario,
        row.verdict,
        str(row.executions),
        str(row.deadlocked),
        f"{row.seconds:.1f}",
        f"{rate:.0f}",
    ]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Names to the left, numbers to the right."""
    texts = [
        cell.ljust(width) if at < 2 else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return GAP.join(texts).rstrip()
