"""`lockwright campaign`: explorations that take hours or days, and can be stopped at any moment.

What the commands do stands in modules that are loaded when one runs: they need trio, pydantic and
sqlite3, and no other command does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import click

from lockwright.commands.exploring import finite, jobs_of
from lockwright.commands.output import FORMATS
from lockwright.core.location import Value

LOCAL, DASK = ENGINES = ("local", "dask")
JSON_LINES, PARQUET = EXPORTS = ("jsonl", "parquet")


@dataclass(frozen=True, slots=True)
class How:
    """How a session of a campaign is run: its engine, its bound, and where its answers go."""

    jobs: int
    engine: str
    scheduler: str | None
    seconds: float | None
    quiet: bool
    fmt: str
    output: str | None


OPTIONS = (
    click.option(
        "--jobs",
        "-j",
        default="auto",
        show_default=True,
        metavar="N",
        callback=jobs_of,
        help="So many worker processes, or auto: one for each core.  The answers are the same.",
    ),
    click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default=LOCAL,
        show_default=True,
        help="Who explores: processes of this machine, or a Dask cluster.",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Of dask: the cluster's scheduler, say tcp://host:8786.  [default: a local cluster]",
    ),
    click.option(
        "--seconds",
        type=click.FloatRange(min=0, min_open=True),
        callback=finite,
        help="Stop this session after so long; `resume` goes on.",
    ),
    click.option("--format", "fmt", type=FORMATS, default="text", show_default=True),
    click.option("-o", "--output", metavar="FILE", help="Write the answers there."),
    click.option("--quiet", is_flag=True, help="Print the table only, and no progress."),
)


def running(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options above; it gets them as one `how`."""

    @functools.wraps(command)
    def with_options(*arguments: Value, **named: Value) -> int:
        options = {name: named.pop(name) for name in How.__slots__}
        if options["scheduler"] is not None and options["engine"] != DASK:
            raise click.UsageError(f"--scheduler is for --engine {DASK}")
        return command(*arguments, how=How(**options), **named)

    for option in reversed(OPTIONS):
        with_options = option(with_options)
    return with_options


@click.group("campaign", short_help="Explore for hours or days, with nothing lost.")
def campaign() -> None:
    """Explore what a plan says, for hours or days, on many cores or machines.

    What was found is committed to a store, one file, piece by piece: a campaign can be stopped,
    killed and resumed at any moment, and ends the same.
    """


@campaign.command("run", short_help="Begin a campaign.")
@click.argument("plan", metavar="PLAN")
@click.option(
    "--store",
    metavar="FILE",
    help="Where to keep what is found.  [default: NAME.campaign, beside you, for NAME.plan.toml]",
)
@click.option("--dry-run", is_flag=True, help="Print what would be explored, and explore nothing.")
@running
def run(plan: str, *, store: str | None, dry_run: bool, how: How) -> int:
    """Begin the campaign of a plan, a TOML file.

    It goes on until all is explored or the plan says to stop, and then prints its answers.  Ctrl-C
    ends it sooner, with nothing lost; `lockwright campaign resume` goes on.

    Exit status: 0 all as expected, 1 a finding that was not expected, or something that was
    expected and is not so, 2 usage or input error, 3 nothing broken but not explored to its end,
    4 internal error, a model that is not deterministic, or a piece that no worker could explore,
    130 interrupted.
    """
    # a campaign's modules are loaded by its commands alone
    from lockwright.commands import campaign_running  # noqa: PLC0415  # loads trio and pydantic

    if dry_run:
        return campaign_running.say_items(plan, fmt=how.fmt, output=how.output)
    return campaign_running.begin(plan, store, how)


@campaign.command("resume", short_help="Go on with a campaign.")
@click.argument("store", metavar="STORE")
@running
def resume(store: str, *, how: How) -> int:
    """Go on with a campaign that was stopped, interrupted or killed.

    Its plan is in the store.  Exit status as of `run`.
    """
    from lockwright.commands import campaign_running  # noqa: PLC0415  # loads trio and pydantic

    return campaign_running.resume(store, how)


@campaign.command("status", short_help="How far a campaign is, and what it has found.")
@click.argument("store", metavar="STORE")
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write the answers there.")
@click.option("--quiet", is_flag=True, help="Print the table only.")
def status(store: str, *, fmt: str, output: str | None, quiet: bool) -> int:
    """Print the answers of a campaign, or what there is of them while it runs.

    Exit status as of `run`.
    """
    from lockwright.commands import campaign_reading  # noqa: PLC0415  # loads pydantic

    return campaign_reading.status(store, fmt=fmt, output=output, quiet=quiet)


@campaign.command("export", short_help="Write a campaign for other programs.")
@click.argument("store", metavar="STORE")
@click.option(
    "-o", "--output", required=True, metavar="PATH", help="A file; a directory for parquet."
)
@click.option(
    "--format",
    "fmt",
    type=click.Choice(EXPORTS),
    default=JSON_LINES,
    show_default=True,
    help="One file of JSON Lines, or a directory with a Parquet file for each table.",
)
def export(store: str, *, output: str, fmt: str) -> int:
    """Write all that a campaign knows: items, findings, corpus."""
    from lockwright.commands import campaign_reading  # noqa: PLC0415  # loads pydantic

    return campaign_reading.export(store, output, parquet=fmt == PARQUET)


@campaign.command("compare", short_help="What changed from one campaign to another.")
@click.argument("one", metavar="ONE")
@click.argument("other", metavar="OTHER")
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write it there.")
def compare(one: str, other: str, *, fmt: str, output: str | None) -> int:
    """Say what changed from one campaign to another: items, verdicts, counts, findings, coverage.

    Exit status: 0 nothing changed, 1 something did, 2 usage or input error.
    """
    from lockwright.commands import campaign_reading  # noqa: PLC0415  # loads pydantic

    return campaign_reading.compare(one, other, fmt=fmt, output=output)


@campaign.command("minimise", short_help="Make a campaign's corpus and schedules small.")
@click.argument("store", metavar="STORE")
@click.option(
    "--attempts",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    metavar="N",
    help="The most executions that are spent on one schedule.",
)
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write there what was done.")
@click.option("--quiet", is_flag=True, help="Print no progress.")
def minimise(store: str, *, attempts: int, fmt: str, output: str | None, quiet: bool) -> int:
    """Reduce the corpus to a smallest set that covers the same, and shorten its schedules and
    those of the findings as far as they still show the same.

    Each is committed to the store as it is done.
    """
    from lockwright.commands import campaign_minimise  # noqa: PLC0415  # loads pydantic

    return campaign_minimise.minimise(store, attempts=attempts, fmt=fmt, output=output, quiet=quiet)
