"""What real kernels answered, and what the models answer: the table of conformance.

`python -m reports.conformance` replays the recorded sequences and interleavings on the design of
each kernel's release.  It prints, for each kernel, how many scenarios and steps there are, how many
conform, and how many are left out (`tests/conformance/left_out.json`), and every step that neither
conforms nor is left out; then it exits with 1.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import click
from rich.console import Console
from rich.table import Table

from reports.running import run
from stress.conformance import interleaved
from stress.conformance.kernels import KERNELS
from stress.conformance.leftout import left_out
from stress.conformance.machine import conformity
from stress.conformance.vectors import interleavings, sequences


@dataclass(slots=True)
class Row:
    """One kernel: the recorded sequences and interleavings, replayed.

    `faults` counts the interleavings in which the reader followed a NULL pointer, in the recording
    and in the model.  `wrong` has what differs and is not left out.
    """

    kernel: str
    design: str
    sequences: int = 0
    steps: int = 0
    conform: int = 0
    left_out: int = 0
    interleavings: int = 0
    interleavings_conform: int = 0
    faults_recorded: int = 0
    faults: int = 0
    wrong: list[str] = field(default_factory=list)


MEASURES = (
    "design",
    "sequences",
    "steps",
    "conform",
    "left out",
    "interleavings",
    "conform",
    "faults recorded",
    "faults in model",
)


def row_of(kernel: str) -> Row:
    """Replay everything on one kernel."""
    row = Row(kernel, KERNELS[kernel].design)
    for sequence in sequences(kernel):
        row.sequences += 1
        for step in conformity(sequence):
            row.steps += 1
            listed = (sequence.name, step.nth) in left_out()
            row.conform += step.conforms
            row.left_out += listed and not step.conforms
            if not listed and not step.conforms:
                said = "; ".join(step.differences)
                row.wrong.append(f"{kernel} {sequence.name}, step {step.nth}: {step.step}: {said}")
    for given in interleavings(kernel):
        got = interleaved.replayed(given)
        differences = interleaved.differences(given, got)
        row.interleavings += 1
        row.interleavings_conform += not differences
        row.faults_recorded += given.faults
        row.faults += got.faults
        row.wrong += [f"{kernel} {given.name}: {said}" for said in differences]
    return row


def cells(row: Row) -> tuple[str, ...]:
    """Its column of the table, as `MEASURES` calls the cells."""
    return (
        row.design,
        str(row.sequences),
        str(row.steps),
        str(row.conform),
        str(row.left_out),
        str(row.interleavings),
        str(row.interleavings_conform),
        str(row.faults_recorded),
        str(row.faults),
    )


def reasons() -> Iterator[tuple[str, int]]:
    """Why steps are left out, and how many for each reason, the most frequent first."""
    yield from Counter(each.reason for each in left_out().values()).most_common()


def printed(rows: list[Row], console: Console) -> None:
    """The table for people, and under it the reasons."""
    table = Table("", *(row.kernel for row in rows))
    for column in table.columns[1:]:
        column.justify = "right"
    for measure, *values in zip(MEASURES, *map(cells, rows), strict=True):
        table.add_row(measure, *values)
    console.print(table)
    why = Table("steps", "left out, because")
    why.columns[0].justify = "right"
    for reason, count in reasons():
        why.add_row(str(count), reason)
    console.print(why)
    for row in rows:
        for said in row.wrong:
            console.print(said, markup=False, highlight=False)


@click.command()
@click.argument("kernels", nargs=-1, metavar="[KERNEL]...")
def main(kernels: tuple[str, ...]) -> None:
    """Replay the recording on the designs, and print how far they conform."""
    unknown = [kernel for kernel in kernels if kernel not in KERNELS]
    if unknown:
        raise click.UsageError(f"no kernel {unknown[0]!r}; there are: {', '.join(KERNELS)}")
    rows = [row_of(kernel) for kernel in kernels or KERNELS]
    printed(rows, Console())
    sys.exit(1 if any(row.wrong for row in rows) else 0)


if __name__ == "__main__":
    run(main)
