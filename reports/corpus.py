"""The recorded bugs of eventfs: found in the design that had them, gone where they are mended.

`python -m reports.corpus` explores each entry of `stress/corpus` before and after its fix and
prints the table; it exits with 1 if one is not found, or not gone.  With `--write` it makes
`reports/baselines/corpus.md` anew, for its diff to be read.  Below it stand the bugs that nobody
has mended, found where they are.

Before, the executions are those until the bug was seen; after, all that there are.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from reports.running import run, spread, written
from stress.corpus import ENTRIES, a, f
from stress.corpus.entry import (
    FOUND,
    GONE,
    ROOT,
    Entry,
    Judged,
    NotModelled,
    StillThere,
    run_after,
    run_before,
)

BASELINE = Path(__file__).parent / "baselines" / "corpus.md"
BUGS = ROOT / "tests" / "data" / "eventfs_bugs.json"

HEADS = ("bug", "what", "before", "verdict", "executions", "after", "verdict", "executions", "s")
RIGHT = (4, 7, 8)
SECONDS = 8
"""The column that differs from machine to machine."""
SHORT_HEADS = ("bug", "design", "before", "executions", "after", "executions", "s")
SHORT_RIGHT = (3, 5, 6)
STILL_THERE_HEADS = ("bug", "what", "where", "verdict", "executions")
STILL_THERE_RIGHT = (4,)
BAR = re.compile(r"(?<!\\)\|")
"""What stands between two cells; a bar in one has a backslash before it."""
NOT_MODELLED_HEADS = ("bug", "what", "why no model shows it")


@dataclass(frozen=True, slots=True)
class Row:
    """An entry, explored: what its line of the table says, and what the JSON form says.

    `before` and `after` are scenarios as `lockwright check` takes them; `else_before` and
    `else_after` are the kinds of findings there that are not this bug.
    """

    bug: str
    title: str
    design: str
    before: str
    verdict_before: str
    executions_before: int
    else_before: tuple[str, ...]
    after: str
    verdict_after: str
    executions_after: int
    else_after: tuple[str, ...]
    seconds: float
    message: str
    note: str
    holds: bool

    def cells(self) -> tuple[str, ...]:
        """Its cells of the table."""
        title = f"{self.title} ({self.note})" if self.note else self.title
        after = self.verdict_after
        if self.else_after:
            after += f"; there is: {', '.join(self.else_after)}"
        return (
            self.bug,
            title,
            self.before,
            self.verdict_before,
            f"{self.executions_before:,}",
            self.after,
            after,
            f"{self.executions_after:,}",
            f"{self.seconds:.1f}",
        )

    def short_cells(self) -> tuple[str, ...]:
        """Those that a terminal has room for."""
        _, _, _, before, executions_before, _, _, executions_after, seconds = self.cells()
        after = self.verdict_after
        return self.bug, self.design, before, executions_before, after, executions_after, seconds


@dataclass(frozen=True, slots=True)
class Kept:
    """A bug that nobody has mended, explored: `where` is as `Row.before`."""

    bug: str
    title: str
    where: str
    verdict: str
    executions: int
    message: str
    note: str
    holds: bool

    def cells(self) -> tuple[str, ...]:
        """Its cells of the table."""
        title = f"{self.title} ({self.note})" if self.note else self.title
        return self.bug, title, self.where, self.verdict, f"{self.executions:,}"


def kept_of(entry: StillThere, judged: Judged) -> Kept:
    """The line of a bug whose exploration ended so."""
    found = judged.finding
    return Kept(
        bug=entry.id,
        title=titles()[entry.id],
        where=entry.at.arguments,
        verdict=judged.verdict if found is None else f"{judged.verdict}: {entry.kind}",
        executions=judged.executions,
        message="" if found is None else found.message,
        note=entry.note,
        holds=judged.verdict == FOUND,
    )


def titles() -> dict[str, str]:
    """What the bugs are called, by id."""
    data = json.loads(BUGS.read_text(encoding="utf-8"))
    return {**a.TITLES, **f.TITLES, **{bug["id"]: bug["title"] for bug in data["bugs"]}}


def modelled() -> list[Entry]:
    """The entries that have scenarios."""
    return [entry for entry in ENTRIES if isinstance(entry, Entry)]


def still_there() -> list[StillThere]:
    """Those that nobody has mended."""
    return [entry for entry in ENTRIES if isinstance(entry, StillThere)]


def not_modelled() -> list[NotModelled]:
    """Those that have a reason instead."""
    return [entry for entry in ENTRIES if isinstance(entry, NotModelled)]


def judge(nth: int) -> Row:
    """Explore one of `modelled()`."""
    entry = modelled()[nth]
    return row_of(entry, run_before(entry), run_after(entry))


def row_of(entry: Entry, before: Judged, after: Judged) -> Row:
    """The row of an entry whose explorations ended so."""
    found = before.verdict if before.finding is None else f"{before.verdict}: {entry.kind}"
    return Row(
        bug=entry.id,
        title=titles()[entry.id],
        design=entry.before.design,
        before=entry.before.arguments,
        verdict_before=found,
        executions_before=before.executions,
        else_before=before.others,
        after=entry.after.arguments,
        verdict_after=after.verdict,
        executions_after=after.executions,
        else_after=after.others,
        seconds=before.seconds + after.seconds,
        message="" if before.finding is None else before.finding.message,
        note=entry.note,
        holds=before.finding is not None and after.verdict == GONE,
    )


def explored(jobs: int) -> Iterator[Row]:
    """The rows of all entries, in order, by so many processes."""
    yield from spread(judge, range(len(modelled())), jobs)


def explored_still_there() -> list[Kept]:
    """The bugs that nobody has mended, found where they are."""
    return [kept_of(entry, run_before(entry)) for entry in still_there()]


def markdown(rows: Iterable[Row], kept: Sequence[Kept] = ()) -> str:
    """The committed form: the table, and below it what is still there, and what no model shows."""
    rows = list(rows)
    lines = [
        "# The bugs of eventfs, found and gone",
        "",
        "Made by `python -m reports.corpus --write`.  Before: the executions until the bug was",
        "seen.  After: a complete exploration.  What stands under *before* and *after* are the",
        "arguments of `lockwright check`.",
        "",
        *table_lines(HEADS, [row.cells() for row in rows], RIGHT),
        "",
        "## Still there",
        "",
        "Nobody has mended these, and the newest release has them.",
        "",
        *table_lines(STILL_THERE_HEADS, [one.cells() for one in kept], STILL_THERE_RIGHT),
        "",
        "## Without a scenario",
        "",
        *table_lines(NOT_MODELLED_HEADS, reasons()),
        "",
        conclusion(rows, kept),
    ]
    return "\n".join(lines) + "\n"


def reasons() -> list[tuple[str, str, str]]:
    """The bugs that no model shows, as cells of a table."""
    return [(entry.id, titles()[entry.id], entry.reason) for entry in not_modelled()]


def table_lines(
    heads: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()
) -> list[str]:
    """The lines of a Markdown table; `right` are the columns of numbers."""
    rule = ["---:" if nth in right else "---" for nth in range(len(heads))]
    return [_line(heads), _line(rule), *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def rows_in(text: str, heads: Sequence[str]) -> list[tuple[str, ...]]:
    """The cells of the rows of a table that `markdown` wrote, by its heads; none if it is not
    there."""
    lines = text.splitlines()
    if _line(heads) not in lines:
        return []
    below = lines[lines.index(_line(heads)) + 2 :]
    return [_cells(line) for line in takewhile(bool, below)]


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip().replace("\\|", "|") for cell in BAR.split(line)[1:-1])


def without_seconds(text: str) -> list[str]:
    """The lines of a Markdown table that do not differ from machine to machine."""
    lines = []
    for line in text.splitlines():
        cells = line.strip("| ").split(" | ")
        lines.append(" | ".join(cells[:SECONDS]) if len(cells) == len(HEADS) else line)
    return lines


def conclusion(rows: Sequence[Row], kept: Sequence[Kept] = ()) -> str:
    """The last line: how many bugs, and how many were found and are gone."""
    every = {entry.id for entry in ENTRIES}
    broken = {row.bug for row in rows if not row.holds} | {one.bug for one in kept if not one.holds}
    there = {one.bug for one in kept} - broken
    held = {row.bug for row in rows} - broken - there
    return (
        f"{len(every)} bugs, {len(rows) + len(kept)} entries: {len(held)} bugs found and gone, "
        f"{len(there)} found and still there, {len(broken)} not, "
        f"{len(every - held - there - broken)} without a scenario."
    )


def as_json(rows: Iterable[Row], kept: Sequence[Kept] = ()) -> dict[str, Any]:
    """The table for machines."""
    return {
        "version": 1,
        "entries": [asdict(row) for row in rows],
        "still_there": [asdict(one) for one in kept],
        "not_modelled": [asdict(entry) for entry in not_modelled()],
    }


def printed(rows: Sequence[Row], console: Console, kept: Sequence[Kept] = ()) -> None:
    """The table for people."""
    table = Table(*SHORT_HEADS)
    for nth in SHORT_RIGHT:
        table.columns[nth].justify = "right"
    table.columns[1].no_wrap = True
    table.columns[1].min_width = max((len(row.design) for row in rows), default=0)
    for row in rows:
        table.add_row(*row.short_cells())
    console.print(table)
    if kept:
        left = Table(*STILL_THERE_HEADS)
        for one in kept:
            left.add_row(*one.cells())
        console.print(left)
    without = Table(*NOT_MODELLED_HEADS)
    for cells in reasons():
        without.add_row(*cells)
    if without.row_count:
        console.print(without)
    console.print(conclusion(rows, kept))


@click.command()
@click.option(
    "-j", "--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Processes."
)
@click.option("--format", "fmt", type=click.Choice(["text", "json", "markdown"]), default="text")
@click.option("--write", is_flag=True, help="Make the baseline anew.")
def main(*, jobs: int, fmt: str, write: bool) -> None:
    """Explore every entry of the corpus and print the table."""
    rows = []
    for row in explored(jobs):
        rows.append(row)
        click.echo(f"{row.bug} {row.verdict_before}, {row.verdict_after}", err=True)
    kept = explored_still_there()
    if fmt == "json":
        click.echo(json.dumps(as_json(rows, kept), indent=1))
    elif fmt == "markdown":
        click.echo(markdown(rows, kept), nl=False)
    else:
        printed(rows, Console(), kept)
    if write:
        written(BASELINE, markdown(rows, kept))
    sys.exit(0 if all(row.holds for row in rows) and all(one.holds for one in kept) else 1)


if __name__ == "__main__":
    run(main)
