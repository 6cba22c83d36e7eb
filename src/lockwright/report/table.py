"""The table of verdicts, one scenario a row."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lockwright.core.result import Result
from lockwright.report.columns import wrap

LIVE_WIDTH_MIN = 100
NAME_WIDTH = 30
OTHERS_WIDTH = 80
LINES = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
COLOURS = {"violated": "bold red", "error": "bold red", "verified": "green", "stopped": "yellow"}


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
        name = f"{finding.kind}, {finding.reality}" if finding.reality else finding.kind
        counts[name] = counts.get(name, 0) + 1
    return Row(
        result.scenario,
        result.verdict.value,
        tuple(name if n == 1 else f"{n} x {name}" for name, n in sorted(counts.items())),
        result.executions,
        result.deadlocked,
        seconds,
    )


def table(rows: Sequence[Row], width: int = 80, *, live: bool = False, colour: bool = False) -> str:
    """The rows as text no wider than `width`; `live` adds how long each took, if there is room."""
    live = live and width >= LIVE_WIDTH_MIN
    made = Table(box=LINES, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    names = [wrap(row.scenario, max(NAME_WIDTH, width - OTHERS_WIDTH)) for row in rows]
    made.add_column("scenario", no_wrap=True)
    made.add_column("verdict", min_width=len("violated"))
    made.add_column("findings", overflow="fold")
    for name in ("executions", "deadlocked", *(("seconds", "per second") if live else ())):
        made.add_column(name, justify="right", no_wrap=True)
    for row, name in zip(rows, names, strict=True):
        cells = [
            Text("\n".join(name)),
            Text(row.verdict, style=COLOURS.get(row.verdict, "")),
            Text("; ".join(row.findings) or "none"),
            Text(str(row.executions)),
            Text(str(row.deadlocked)),
        ]
        if live:
            cells.append(Text(f"{row.seconds:.1f}"))
            cells.append(Text(f"{row.executions / max(row.seconds, 0.001):.0f}"))
        made.add_row(*cells)
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        legacy_windows=False,
    )
    with console.capture() as capture:
        console.print(made)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())
