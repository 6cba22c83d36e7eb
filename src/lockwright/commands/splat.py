"""`lockwright splat`: what real kernel reports mean."""

from __future__ import annotations

import click

from lockwright.commands.exploring import finite
from lockwright.commands.output import FORMATS

EXECUTIONS, SECONDS = 20_000, 5.0


@click.command("splat", short_help="What reports of real kernels mean, and how they can happen.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--program",
    "program_file",
    metavar="FILE",
    help="Write the thread programs made from the reports, for `lockwright program`.",
)
@click.option(
    "--graph",
    "graph_file",
    metavar="FILE",
    help="Draw or write the lock graph of all reports: .svg, .html, .dot, .graphml, .json.",
)
@click.option(
    "--explore/--no-explore",
    default=True,
    show_default=True,
    help="Explore the programs, until one deadlocks.",
)
@click.option(
    "--executions",
    type=click.IntRange(min=1),
    default=EXECUTIONS,
    show_default=True,
    metavar="N",
    help="Explore each program for so many executions at most.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True, max=1e9),
    callback=finite,
    default=SECONDS,
    show_default=True,
    help="Explore each program for so long at most.",
)
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write the result there.")
def splat(
    files: tuple[str, ...],
    *,
    program_file: str | None,
    graph_file: str | None,
    explore: bool,
    executions: int,
    seconds: float,
    fmt: str,
    output: str | None,
) -> int:
    """Read the kernel reports in FILEs, and say what they mean, in words.

    FILE holds a kernel's log: as dmesg, syslog, a serial console or a mail has it, also quoted,
    wrapped or cut; - or no FILE is standard input.  What a report lacks is said.  A report of a
    possible deadlock is made into a small thread program, which is explored: the interleaving that
    deadlocks is shown.

    --format json gives a list, for each report: kind, comm, pid, kernel, new_lock, held_lock,
    released, chain ([number, name] in printed order), held, held_count, lines, complete, missing;
    then file, title, words, locks, edges, usage, program, exploration, problems.

    Exit status: 0 reports were read, be they damaged or not; 2 usage error, a file that cannot be
    read, one that holds no report, or no program to write.
    """
    from lockwright.commands.splatting import Splatting, Wanted  # noqa: PLC0415  # slow, and here

    wanted = Wanted(program_file, graph_file, explore, executions, seconds)
    splatting = Splatting(wanted, output, files or ("-",))
    splatting.collect()
    return splatting.tell(fmt)
