"""`lockwright new`: a project of one's own."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import click

from lockwright.commands.output import Output
from lockwright.core.errors import UsageError

TEMPLATE = Path(__file__).parent.parent / "templates" / "new"


@click.command("new", short_help="Make a project with a small example that runs.")
@click.argument("directory", metavar="DIR")
def new(directory: str) -> int:
    """Make a project in DIR: four folders and tests, with two mutexes taken in two orders.

    DIR must not exist, or be empty.
    """
    if not directory:
        raise UsageError("cannot make a project: the name of the directory is empty")
    target = Path(directory)
    if target.exists() and not target.is_dir():
        raise UsageError(f"cannot make a project in {directory}: it is a file")
    if target.is_dir() and any(target.iterdir()):
        raise UsageError(f"cannot make a project in {directory}: it is not empty")
    shutil.copytree(
        TEMPLATE,
        target,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__"),
        copy_function=shutil.copyfile,
    )
    out = Output()
    out.say(f"made a project in {directory}")
    out.say(f"next: cd {shlex.quote(directory)} && lockwright check")
    return 0
