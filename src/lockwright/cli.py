"""The command line: the group of commands, and what becomes of errors."""

from __future__ import annotations

import sys
import traceback

import click

import lockwright
from lockwright.commands.check import check
from lockwright.commands.graph import graph
from lockwright.commands.listing import listing
from lockwright.commands.new import new
from lockwright.commands.program import program
from lockwright.commands.replay import replay
from lockwright.commands.splat import splat
from lockwright.core.errors import LockwrightError

INTERRUPTED = 130


@click.group("lockwright", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(lockwright.__version__, prog_name="lockwright")
def commands() -> None:
    """Check the locking of a kernel design: every interleaving that matters.

    The project is the one in the current directory: its pyproject.toml says in [tool.lockwright]
    which modules define scenarios.  `lockwright new DIR` makes one.
    """


for command in (listing, check, replay, program, splat, graph, new):
    commands.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command, and end the process with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run a command; errors become one message on standard error and an exit status."""
    try:
        status = commands.main(arguments, prog_name="lockwright", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _say(" ".join(error.format_message().split()).rstrip("."), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted", INTERRUPTED)
    except LockwrightError as error:
        return _say(str(error), error.exit_status)
    except OSError as error:
        name = f"{error.filename}: " if error.filename is not None else ""
        return _say(f"{name}{error.strerror or error}", 2)
    except Exception:
        return _say(f"internal error, this is ours:\n{traceback.format_exc().rstrip()}", 4)


def _say(message: str, status: int) -> int:
    click.echo(f"lockwright: {message}", err=True)
    return status
