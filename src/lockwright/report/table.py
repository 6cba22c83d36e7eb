"""The table of verdicts: one line a scenario, and what was found in it below, indented."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from lockwright.core.result import Result
from lockwright.report.columns import WIDTH, wrap

INDENT = "    "
GAP = "  "
PLAIN = "\x1b[0m"
TIMES = ("seconds", "per second")
COLOURS = {
    "violated": "\x1b[1;31m",
    "error": "\x1b[1;31m",
    "verified": "\x1b[32m",
    "stopped": "\x1b[33m",
}


@dataclass(frozen=True, slots=True)
class Row:
    """What the table says of one scenario; `seconds` is shown on a terminal only."""

    scenario: str
    verdict: str
    findings: tuple[str, ...] = ()
    executions: int = 0
    deadlocked: int = 0
    seconds: float = 0.0


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
    )


def table(
    rows: Sequence[Row], width: int = WIDTH, *, live: bool = False, colour: bool = False
) -> str:
    """The rows as text no wider than `width`; `live` adds how long each took
    and how fast it was."""
    heads = ["scenario", "verdict", "executions", "deadlocked", *(TIMES if live else ())]
    lines = grid(heads, [(_cells(row, live=live), "; ".join(row.findings)) for row in rows], width)
    return "\n".join(_coloured(line) if colour else line for line in lines)


def grid(heads: Sequence[str], rows: Sequence[tuple[list[str], str]], width: int) -> list[str]:
    """Lines of a table: names to the left, numbers to the right, and under a row, indented, what
    there is to say of it."""
    widths = [max(map(len, column)) for column in zip(heads, *(r[0] for r in rows), strict=True)]
    widths[0] = min(widths[0], width - sum(widths[1:]) - len(GAP) * (len(widths) - 1))
    lines = [_line(heads, widths), "-" * (sum(widths) + len(GAP) * (len(widths) - 1))]
    for cells, below in rows:
        *above, last = wrap(cells[0], widths[0])
        lines += [*above, _line([last, *cells[1:]], widths)]
        lines += textwrap.wrap(below, width, initial_indent=INDENT, subsequent_indent=INDENT)
    return lines


def _coloured(line: str) -> str:
    """A row with its verdict in colour; other lines have no verdict between two gaps."""
    for verdict, code in COLOURS.items():
        before, found, after = line.partition(f"{GAP}{verdict} ")
        if found and not line.startswith(INDENT):
            return f"{before}{GAP}{code}{verdict}{PLAIN} {after}"
    return line


def _cells(row: Row, *, live: bool) -> list[str]:
    cells = [row.scenario, row.verdict, str(row.executions), str(row.deadlocked)]
    if live:
        rate = row.executions / max(row.seconds, 0.001)
        cells += [f"{row.seconds:.1f}", f"{rate:.0f}"]
    return cells


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Names to the left, numbers to the right."""
    texts = [
        cell.ljust(width) if at < 2 else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return GAP.join(texts).rstrip()
