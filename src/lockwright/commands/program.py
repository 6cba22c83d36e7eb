"""`lockwright program`: small thread programs, no Python needed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from lockwright.commands.exploring import Asked, exploring
from lockwright.commands.output import FORMATS, Output
from lockwright.kernel.storebuffer import MEMORY
from lockwright.options import OPERATION


@click.command("program", short_help="Explore thread programs from JSON files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@partial(exploring, granularity=OPERATION)
@click.option(
    "--memory",
    type=click.Choice(MEMORY),
    help="The memory model of all programs.  [default: what each says, or else sc]",
)
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write the result there.")
@click.option("--replay", "token", metavar="TOKEN", help="Run one interleaving again.")
def program(
    files: tuple[str, ...],
    *,
    asked: Asked,
    memory: str | None,
    fmt: str,
    output: str | None,
    token: str | None,
) -> int:
    """Explore and validate the thread programs of JSON files.

    PROGRAMS.md describes what such a file holds.  Bounds are for each program; the numbers that a
    file expects are those of operations, all of them explored.

    Exit status: 0 nothing broken and all as the files expect, 1 something is broken or is not as
    expected, 2 a file that cannot be read, 3 nothing broken but a bound was reached first, 4 a
    program that cannot be judged, or internal error.
    """
    from lockwright.program.command import replay_program, run_program_files  # noqa: PLC0415  # here

    out = Output(output, *files)
    paths = [Path(file) for file in files]
    if token is None:
        options = asked.bounded()
        text, status = run_program_files(paths, fmt=fmt, options=options, memory=memory)
    else:
        text, status = replay_program(paths, token, fmt=fmt)
    out.say(text.rstrip("\n"))
    out.close()
    return status
