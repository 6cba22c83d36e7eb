"""A command run from end to end: errors become one message and an exit status."""

from __future__ import annotations

import sys
import traceback

import click

from lockwright.core.errors import LockwrightError

INTERRUPTED = 130


def run_command(command: click.Command, arguments: list[str] | None, name: str) -> int:
    """Run a command; errors become one message on standard error and an exit status."""
    try:
        status = command.main(arguments, prog_name=name, standalone_mode=False)
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


def print_anything() -> None:
    """Whatever a terminal cannot show is printed escaped, and stops nothing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _say(message: str, status: int) -> int:
    click.echo(f"lockwright: {message}", err=True)
    return status
