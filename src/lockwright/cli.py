"""The command line: the group of commands, and what becomes of errors."""

from __future__ import annotations

import sys

import click

import lockwright
from lockwright.commands.campaign import campaign
from lockwright.commands.check import check
from lockwright.commands.graph import graph
from lockwright.commands.listing import listing
from lockwright.commands.new import new
from lockwright.commands.program import program
from lockwright.commands.replay import replay
from lockwright.commands.report import report
from lockwright.commands.running import print_anything, run_command
from lockwright.commands.splat import splat


@click.group("lockwright", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(lockwright.__version__, prog_name="lockwright")
def commands() -> None:
    """Check the locking of a kernel design: every interleaving that matters.

    The project is the one in the current directory: its pyproject.toml says in [tool.lockwright]
    which modules define scenarios.  `lockwright new DIR` makes one.
    """


for command in (listing, check, replay, program, splat, graph, campaign, report, new):
    commands.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command, and end the process with its exit status."""
    print_anything()
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run a command; errors become one message on standard error and an exit status."""
    return run_command(commands, arguments, "lockwright")
