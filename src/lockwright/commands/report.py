"""`lockwright report`: results and campaigns as a page, or as what other programs open."""

from __future__ import annotations

import click

from lockwright.commands.forms import FORMS, STDOUT, Target, narrowed
from lockwright.core.errors import UsageError


@click.command("report", short_help="A page, or a file for other tools, of what was found.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    default=STDOUT,
    metavar="FILE",
    help="Where to write it.  [default: standard output, as text]",
)
@click.option(
    "--form",
    type=click.Choice(list(FORMS)),
    help="Its form, if the name of FILE does not tell.",
)
@click.option(
    "--finding",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only finding N, as a page or as text numbers them: html, text, perfetto, tracedat.",
)
@click.option("--title", help="What stands above it.  [default: what it is of]")
def report(
    sources: tuple[str, ...],
    *,
    output: str,
    form: str | None,
    finding: int | None,
    title: str | None,
) -> int:
    """Make a report of results that were kept, several together if they are of one kind.

    SOURCE is a result of `lockwright check --format json` or `lockwright replay --format json`,
    the store of a campaign, or - for a result on standard input.

    \b
    .html   a page: verdicts, findings step by step, lock graph; needs no network
    .txt    plain text, at most 80 columns: for mail
    .xml    JUnit, for the test pages of Jenkins and GitLab
    .sarif  for code scanning, as GitHub's
    .json   trace events, for ui.perfetto.dev
    .dat    a trace of one interleaving, for KernelShark and trace-cmd

    A campaign's findings are replayed for their interleavings, if this is its project and the model
    has not changed; else the report says that they lack.

    Exit status: 0 written, whatever is found in it, 2 usage or input error, or nothing to draw.
    """
    from lockwright.commands.reporting import document_of  # noqa: PLC0415  # networkx is slow
    from lockwright.commands.sources import Gathered  # noqa: PLC0415  # the same

    target = Target(output, form, sources)
    if finding is not None and not target.form.narrows:
        able = ", ".join(each.name for each in FORMS.values() if each.narrows)
        raise UsageError(f"--finding is for these forms: {able}; {target.form.name} has them all")
    gathered = Gathered()
    for source in dict.fromkeys(sources):
        gathered.add(source)
    document = document_of(gathered, title)
    target.write(document if finding is None else narrowed(document, finding))
    return 0
