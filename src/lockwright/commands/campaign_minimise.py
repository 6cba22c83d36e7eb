"""`lockwright campaign minimise`: a smaller corpus and shorter schedules that show the same."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path

import click

from lockwright.campaign.minimise import Minimised, Reduced, Shortened
from lockwright.campaign.minimise import minimise as minimised
from lockwright.commands.campaign_reading import open_store
from lockwright.commands.output import Output
from lockwright.project import load_project
from lockwright.report.campaign import many
from lockwright.report.columns import WIDTH
from lockwright.report.lines import folded

VERSION = 1


def minimise(name: str, *, attempts: int, fmt: str, output: str | None, quiet: bool) -> int:
    """Make a store's corpora and schedules small, and print what was done."""
    out = Output(output, name)
    with redirect_stdout(sys.stderr):
        with open_store(name, write=True) as store:
            project = load_project(Path.cwd())
            done = minimised(store, project, attempts=attempts, tell=_teller(quiet=quiet))
        if fmt == "json":
            out.json({"version": VERSION, **done.as_json()})
        else:
            out.say(minimised_text(done, out.width))
    out.close()
    return 0


def _teller(*, quiet: bool) -> Callable[[str], None] | None:
    def tell(what: str) -> None:
        click.echo(f"minimising: {what}", err=True)

    return None if quiet else tell


def minimised_text(done: Minimised, width: int = WIDTH) -> str:
    """What became of each corpus and of each finding's schedule."""
    lines = [*map(_reduced, done.corpora), *map(_shortened, done.findings), *_left(done)]
    said = lines or ["there is nothing to minimise: no corpus, and no finding"]
    return "\n".join(part for line in said for part in folded(line, width))


def _reduced(corpus: Reduced) -> str:
    said = [_change(*corpus.schedules, "schedule"), _change(*corpus.switches, "switch")]
    covered = f"it covers {many(corpus.features, 'feature')}, as before"
    return f"corpus of {corpus.item}: {'; '.join([*said, covered])}"


def _shortened(finding: Shortened) -> str:
    said = [_change(*finding.switches, "switch"), _change(*finding.steps, "step")]
    if finding.minimal:
        said.append("no schedule shows it with fewer preemptions")
    return f"{finding.finding} ({finding.item}): {'; '.join(said)}"


def _left(done: Minimised) -> Iterator[str]:
    for item in done.left:
        yield f"{item}: left alone, since it is being explored; resume the campaign first"


def _change(before: int, after: int, noun: str) -> str:
    """`12 switches, now 3`"""
    said = many(before, noun, "switches" if noun == "switch" else "")
    return said if before == after else f"{said}, now {after:,}"
