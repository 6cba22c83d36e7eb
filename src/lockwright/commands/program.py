"""`lockwright program`: small thread programs, no Python needed."""

from __future__ import annotations

from pathlib import Path

import click

from lockwright.commands.output import FORMATS, Output


@click.command("program", short_help="Explore thread programs from JSON files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write the result there.")
def program(files: tuple[str, ...], *, fmt: str, output: str | None) -> int:
    """Explore and validate the thread programs of JSON files.

    Exit status: 0 nothing broken, 1 something deadlocks or the lock validator reports, 2 a file
    that cannot be read, 4 internal error.
    """
    from lockwright.program.command import run_program_files  # noqa: PLC0415  # only here

    out = Output(output)
    text, status = run_program_files([Path(file) for file in files], fmt=fmt)
    out.say(text.rstrip("\n"))
    out.close()
    return status
