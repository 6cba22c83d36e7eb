"""The project's own report: the history of eventfs, every design, every bug, every verdict.

The proposals for watches on a remote file system are a part of it (`remote.py`).

`python -m reports.build` explores the bugs and what shows each finding, compares what came of it
with what is committed, and writes `reports/out/index.html`, which needs no other file, and beside
it the other forms.  With `--all` it explores everything, with `--baseline` nothing; with `--design`
it is about that design alone.  It exits with 1 if something differs, or if a bug is not found or
not gone; the report is written all the same, and begins with the differences.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from lockwright.commands.files import try_file
from lockwright.report.campaign import many
from lockwright.report.document import Document
from lockwright.report.junit import junit
from lockwright.report.lockgraph.marks import Marks
from lockwright.report.lockgraph.svg import graph_svg
from lockwright.report.mail import mail
from lockwright.report.page import page
from lockwright.report.sarif import sarif
from reports import corpus, history, memory, readme, regression, remote, verdicts
from reports.comparing import Difference, lines_that_differ
from reports.gathering import (
    Extent,
    Gathered,
    asked_of,
    committed_bugs,
    designs_of,
    gathered,
)
from reports.running import run, told, written
from reports.telling import document_of
from stress.corpus.entry import ROOT, project

OUT = Path(__file__).parent / "out"
FORMS = {"index.html": page, "report.txt": mail, "junit.xml": junit, "report.sarif": sarif}
PICTURE = "lock-graph.svg"


def differences_of(made: Gathered) -> list[Difference]:
    """What is not as it is committed, or not as it should be."""
    return [
        *_verdicts(made),
        *_bugs(made),
        *_answers(made),
        *_memory(made),
        *_remote(made),
        *_whole(made),
    ]


def _verdicts(made: Gathered) -> Iterator[Difference]:
    recorded = {name: given for name, given in verdicts.baseline().items() if made.has(name)}
    yield from verdicts.gone(recorded, project().scenarios)
    now = [(name, made.verdicts[name]) for name in made.results]
    yield from verdicts.differences(recorded, now)


def _bugs(made: Gathered) -> Iterator[Difference]:
    heads = corpus.HEADS[: corpus.SECONDS], corpus.STILL_THERE_HEADS
    for head, bugs in zip(heads, (made.bugs, made.kept), strict=True):
        lines = [
            [" | ".join(bug.cells) for bug in each] for each in (committed_bugs(made, head), bugs)
        ]
        yield from lines_that_differ(_shown(corpus.BASELINE), *lines)
        for bug in bugs:
            if not bug.holds:
                yield Difference(bug.cells[0], "found, and gone after its fix", bug.cells[3])


def _answers(made: Gathered) -> Iterator[Difference]:
    for row in made.conformance:
        for said in row.wrong:
            yield Difference("conformance", f"what {row.kernel} answered", said)


def _memory(made: Gathered) -> Iterator[Difference]:
    recorded = memory.baseline()
    for tree, of in made.memory.items():
        for design, cells in of.items():
            known = recorded.get(tree, {}).get(design, [])
            if known != cells:
                where = f"{_shown(memory.BASELINE)}: {tree}, {design}"
                yield Difference(where, ", ".join(known), ", ".join(cells))


def _remote(made: Gathered) -> Iterator[Difference]:
    if made.remote is not None:
        explored = made.extent is not Extent.COMMITTED
        yield from remote.differences_of(asked_of(made), made.remote, explored=explored)


def _whole(made: Gathered) -> Iterator[Difference]:
    """What is made of all verdicts together."""
    if not made.whole:
        return
    given = {name: made.verdicts[name] for name in project().scenarios if made.verdicts[name]}
    for path, text in (
        (history.BASELINE, history.markdown(history.rows_of(given))),
        (regression.PLAN, regression.regression_text(given)),
    ):
        known = path.read_text(encoding="utf-8").splitlines()
        yield from lines_that_differ(_shown(path), known, text.splitlines())
    yield from readme.differences(made.conformance)


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def write(document: Document, made: Gathered, out: Path) -> list[Path]:
    """Write every form; what was written."""
    texts = {name: form(document) for name, form in FORMS.items()}
    if document.graph is not None:
        texts[PICTURE] = graph_svg(document.graph, Marks(document.graph))
    if made.whole:
        texts[history.PICTURE.name] = history.picture(history.rows_of(made.verdicts))
    for name, text in texts.items():
        written(out / name, text)
    return [out / name for name in texts]


@click.command()
@click.option(
    "-j", "--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Processes."
)
@click.option(
    "--all", "extent", flag_value=Extent.EVERYTHING, type=Extent, help="Explore everything."
)
@click.option(
    "--baseline", "extent", flag_value=Extent.COMMITTED, type=Extent, help="Explore nothing."
)
@click.option("--design", "designs", multiple=True, help="Only this design; may be given again.")
@click.option(
    "-o", "--output", "directory", metavar="DIR", default=str(OUT), help="Where to write."
)
def main(*, jobs: int, extent: Extent | None, designs: tuple[str, ...], directory: str) -> None:
    """Make the report, and compare what came of it with what is committed."""
    unknown = [name for name in designs if name not in designs_of()]
    if unknown:
        raise click.UsageError(f"no design {unknown[0]!r}; there are: {', '.join(designs_of())}")
    if not directory:
        raise click.UsageError("cannot write the report: the name of the directory is empty")
    output = Path(directory)
    output.mkdir(parents=True, exist_ok=True)
    for name in FORMS:
        try_file(output / name)
    made = gathered(designs, extent or Extent.SHOWN, jobs=jobs, tell=told)
    differences = differences_of(made)
    for path in write(document_of(made, differences), made, output):
        click.echo(f"written: {path}")
    for one in differences:
        click.echo(one)
    click.echo(f"{many(len(differences), 'difference')} from what is committed")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    run(main)
