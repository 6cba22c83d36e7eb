"""Watches on a remote file system: which of the proposals keeps which promise, and which to take.

`python -m reports.remote` prints the committed verdicts (`reports/baselines/remote.json`): variants
as columns, promises as rows; and explores again what breaks a promise, so that there is a token for
each that replays it now.  Below stand what each part of a design is for, what finally happens where
somebody waits for it, how large the bound is within which the rest is verified, and a
recommendation that is computed from all this.

With `--all` it decides everything anew, which takes hours, and can be stopped and gone on with if
there is a `--journal`; with `--write`, too, it makes the baselines anew.  It exits with 1 if a
committed violation is not found any more, if something differs from what is committed, or if a part
of a design is for nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console

from lockwright.core.result import Result
from lockwright.report.campaign import many
from lockwright.report.columns import WIDTH
from reports import remote_verdicts
from reports.comparing import Difference, lines_that_differ
from reports.remote_advice import committed_bugs
from reports.remote_deciding import ASKED, Asked, decided
from reports.remote_journal import Journal
from reports.remote_printing import printed
from reports.remote_seeing import not_shown, outgrown, shown
from reports.remote_telling import Remote, json_text, markdown
from reports.remote_verdicts import (
    Breach,
    Decided,
    baseline,
    differences,
    for_nothing,
    gone,
    text_of,
)
from reports.running import Work, run, told, written

MARKDOWN = Path(__file__).parent / "baselines" / "remote.md"
WHERE = "reports/baselines/remote.md"


def committed(asked: Asked) -> Remote:
    """What is committed of these variants; nothing is explored."""
    return _remote(asked, _recorded(asked), {})


def seen_again(asked: Asked, work: Work) -> Remote:
    """The same, and what breaks a promise explored until it is seen."""
    recorded = _recorded(asked)
    return _remote(asked, recorded, shown(asked, recorded, work))


def decided_anew(asked: Asked, work: Work, journal: Journal | None = None) -> Remote:
    """Everything explored, and what breaks a promise once more, until it is seen."""
    found = decided(asked, work, journal)
    return _remote(asked, found, shown(asked, found, work), anew=True)


def _recorded(asked: Asked) -> list[Decided]:
    known = {each.design: each for each in baseline()}
    return [known[design] for design in asked.designs if design in known]


def _remote(
    asked: Asked, found: Sequence[Decided], seen: Mapping[Breach, Result], *, anew: bool = False
) -> Remote:
    tasks = max((part.tasks for part in asked.parts), default=0)
    return Remote(tuple(found), seen, committed_bugs(asked.designs), tasks, anew)


def differences_of(asked: Asked, remote: Remote, *, explored: bool) -> Iterator[Difference]:
    """What is not as it is committed, or not as it should be; `explored` says that what breaks a
    promise was looked for."""
    recorded = _recorded(asked)
    yield from differences(recorded, remote.found) if remote.anew else outgrown(asked, recorded)
    yield from for_nothing(remote.found)
    if explored:
        yield from not_shown(remote.found, remote.seen, asked.executions)
    if asked.designs == ASKED.designs:
        yield from gone(baseline(), asked.designs)
        lines = (MARKDOWN.read_text(encoding="utf-8"), markdown(remote))
        yield from lines_that_differ(WHERE, *(text.splitlines() for text in lines))


def write(remote: Remote) -> None:
    """Make the baselines anew."""
    written(remote_verdicts.BASELINE, text_of(remote.found))
    written(MARKDOWN, markdown(remote))


@click.command()
@click.option(
    "-j", "--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Processes."
)
@click.option("--all", "anew", is_flag=True, help="Decide everything anew, which takes hours.")
@click.option("--write", "writes", is_flag=True, help="With --all: make the baselines anew.")
@click.option(
    "--journal",
    metavar="FILE",
    help="With --all: write down what was explored, and go on from there when started again.",
)
@click.option("--variant", "variants", multiple=True, help="Only this one; may be given again.")
@click.option("--format", "fmt", type=click.Choice(["text", "json", "markdown"]), default="text")
def main(
    *,
    jobs: int,
    anew: bool,
    writes: bool,
    journal: str | None,
    variants: tuple[str, ...],
    fmt: str,
) -> None:
    """Print which variant of the remote watches keeps which promise, and what replays the rest."""
    if writes and variants:
        raise click.UsageError("--write makes the baselines of every variant: leave out --variant")
    if writes and not anew:
        raise click.UsageError("--write writes what is decided anew: it needs --all")
    if journal is not None and not anew:
        raise click.UsageError("--journal is of what is decided anew: it needs --all")
    asked, work = ASKED.only(variants), Work(jobs, told)
    if not writes:
        baseline()  # what cannot be read is said before anything is explored
    if anew:
        remote = decided_anew(asked, work, Journal(Path(journal) if journal else None))
    else:
        remote = seen_again(asked, work)
    if writes:
        write(remote)
    differ = list(differences_of(asked, remote, explored=True))
    if fmt == "json":
        click.echo(json_text(remote, differ))
    elif fmt == "markdown":
        click.echo(markdown(remote), nl=False)
    else:
        printed(remote, Console(width=WIDTH))
    for one in differ:
        click.echo(one, err=fmt != "text")
    click.echo(f"{many(len(differ), 'difference')} from what is committed", err=fmt != "text")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    run(main)
