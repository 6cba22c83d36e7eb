"""The history as a picture: designs as rows, rules as columns, verdicts in the cells.

`python -m reports.history` explores every scenario of every design as released, prints the table
and draws `reports/out/history.svg`.  With `--baseline` it takes the committed verdicts instead
(`reports.verdicts`), and explores nothing; with `--write` it makes `reports/baselines/history.md`
anew.

A cell says in how many of the design's scenarios the rule was broken.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from reports.running import run, written
from reports.verdicts import EXECUTIONS_MAX, baseline, verdicts
from stress.corpus.entry import ROOT, project
from stress.scenarios.designs import DESIGNS

BASELINE = Path(__file__).parent / "baselines" / "history.md"
PICTURE = Path(__file__).parent / "out" / "history.svg"

VERIFIED = "verified"
CELL, NAMES, HEADS, TEXT = 34, 170, 190, 13
"""Sizes in the picture: a cell, the column of names, the row of heads, the letters."""
RED, GREEN, GREY, INK = "#c0392b", "#dff0d8", "#eeeeee", "#222222"


@dataclass(frozen=True, slots=True)
class Row:
    """One design: how many scenarios it has, how many of them are verified, how many were not
    explored to the end, and in how many each rule is broken."""

    design: str
    scenarios: int
    verified: int
    incomplete: int
    broken: Mapping[str, int]


def rows_of(verdicts: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """The rows of all designs, in their historical order, from verdicts by scenario."""
    rows = []
    for design in DESIGNS:
        own = [given for name, given in verdicts.items() if name.startswith(f"{design}:")]
        if not own:
            continue
        broken: dict[str, int] = {}
        for given in own:
            for kind in sorted({finding[0] for finding in given["findings"]}):
                broken[kind] = broken.get(kind, 0) + 1
        verified = sum(given["verdict"] == VERIFIED for given in own)
        incomplete = sum(not given["complete"] for given in own)
        rows.append(Row(design, len(own), verified, incomplete, broken))
    return rows


def rules_of(rows: Iterable[Row]) -> list[str]:
    """The columns: every rule that some design breaks, by the alphabet."""
    return sorted({kind for row in rows for kind in row.broken})


def _cells(row: Row, rules: Sequence[str]) -> list[str]:
    counts = [str(row.broken[kind]) if kind in row.broken else "" for kind in rules]
    return [row.design, str(row.scenarios), str(row.verified), *counts]


def markdown(rows: Sequence[Row]) -> str:
    """The committed form."""
    rules = rules_of(rows)
    heads = ["design", "scenarios", "verified", *rules]
    lines = [
        "# The designs of eventfs, and the rules they break",
        "",
        "Made by `python -m reports.history --write`: each design as released, under the scenarios",
        "that it shares with the others.  A cell says in how many of them the rule is broken.",
        "",
        f"| {' | '.join(heads)} |",
        f"| {' | '.join(['---', *('---:' for _ in heads[1:])])} |",
        *(f"| {' | '.join(_cells(row, rules))} |" for row in rows),
    ]
    for said in unfinished(rows):
        lines += ["", said]
    return "\n".join(lines) + "\n"


def unfinished(rows: Iterable[Row]) -> list[str]:
    """How many scenarios of each design take more executions than there are to a verdict."""
    return [
        f"{row.design}: {row.incomplete} not explored to the end ({EXECUTIONS_MAX} executions)."
        for row in rows
        if row.incomplete
    ]


def printed(rows: Sequence[Row], console: Console) -> None:
    """The table for people."""
    rules = rules_of(rows)
    table = Table("design", "all", "verified", *(str(nth + 1) for nth in range(len(rules))))
    table.padding = 0
    for column in table.columns:
        column.no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        design, scenarios, verified, *counts = _cells(row, rules)
        table.add_row(
            design.removeprefix("eventfs/"),
            scenarios,
            verified,
            *(f"[red]{n}[/red]" if n else "·" for n in counts),
        )
    console.print(table)
    for nth, rule in enumerate(rules):
        console.print(f"{nth + 1:3}  {rule}", markup=False, highlight=False)
    for said in unfinished(rows):
        console.print(said, markup=False, highlight=False)


def picture(rows: Sequence[Row]) -> str:
    """The table drawn: an SVG document, the same for the same rows."""
    rules = rules_of(rows)
    width, height = NAMES + CELL * len(rules) + HEADS, HEADS + CELL * len(rows)
    size, font = (
        f'width="{width}" height="{height}"',
        f'font-family="sans-serif" font-size="{TEXT}"',
    )
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} fill="{INK}">',
        "<title>Designs of eventfs, and the rules they break</title>",
    ]
    for nth, rule in enumerate(rules):
        x = NAMES + CELL * nth + CELL // 2
        drawn.append(
            f'<text transform="translate({x + 4},{HEADS - 8}) rotate(-45)">{escape(rule)}</text>'
        )
    for nth, row in enumerate(rows):
        drawn += _drawn(row, rules, HEADS + CELL * nth)
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _drawn(row: Row, rules: Sequence[str], y: int) -> list[str]:
    middle = y + CELL // 2 + TEXT // 3
    lines = [f'<text x="{NAMES - 8}" y="{middle}" text-anchor="end">{escape(row.design)}</text>']
    for nth, rule in enumerate(rules):
        x, count = NAMES + CELL * nth, row.broken.get(rule, 0)
        colour = RED if count else GREY if row.incomplete else GREEN
        said = f"{row.design}, {rule}: {count} of {row.scenarios} scenarios"
        lines.append(
            f'<rect x="{x + 1}" y="{y + 1}" width="{CELL - 2}" height="{CELL - 2}" rx="3" '
            f'fill="{colour}"><title>{escape(said)}</title></rect>'
        )
        if count:
            lines.append(
                f'<text x="{x + CELL // 2}" y="{middle}" text-anchor="middle" fill="white">'
                f"{count}</text>"
            )
    return lines


def _explored(jobs: int) -> dict[str, dict[str, Any]]:
    """The verdicts of every scenario of the designs, by so many processes."""
    found = project().scenarios.values()
    return dict(verdicts((each.name for each in found if each.design in DESIGNS), jobs))


@click.command()
@click.option(
    "-j", "--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Processes."
)
@click.option("--baseline", "committed", is_flag=True, help="Take the committed verdicts.")
@click.option("--write", is_flag=True, help="Make the baseline anew.")
def main(*, jobs: int, committed: bool, write: bool) -> None:
    """Explore the designs, print the table and draw the picture."""
    rows = rows_of(baseline() if committed else _explored(jobs))
    printed(rows, Console())
    written(PICTURE, picture(rows))
    click.echo(f"drawn: {PICTURE.relative_to(ROOT)}")
    if write:
        written(BASELINE, markdown(rows))
    elif markdown(rows) != BASELINE.read_text(encoding="utf-8"):
        click.echo(f"this is not what {BASELINE.relative_to(ROOT)} says")
        sys.exit(1)


if __name__ == "__main__":
    run(main)
