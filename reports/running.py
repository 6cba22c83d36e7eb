"""How the reports run: one clear message for what cannot be read or written, and no traceback.

Exit status as `lockwright` has it: 2 for what cannot be used, 130 when interrupted.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from lockwright.commands.files import replace_file
from lockwright.core.errors import UsageError

USAGE, INTERRUPTED = 2, 130

Given = TypeVar("Given")
Made = TypeVar("Made")
Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def run(command: click.Command) -> None:
    """Run a report's command, and exit."""
    try:
        sys.exit(command(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except OSError as error:
        _say(f"{error.filename or 'output'}: {error.strerror}")
    except (UsageError, ValueError) as error:
        _say(str(error))


def _say(what: str) -> None:
    click.echo(f"lockwright: {what}", err=True)
    sys.exit(USAGE)


def spread(work: Callable[[Given], Made], given: Iterable[Given], jobs: int) -> Iterator[Made]:
    """What a function of a module makes of each, in order, by so many processes."""
    if jobs == 1:
        yield from map(work, given)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap(work, given)


@dataclass(frozen=True, slots=True)
class Work:
    """Work for so many processes, and who is told how far it is."""

    jobs: int
    tell: Tell

    def done(self, what: str, work: Callable[[Given], Made], given: Sequence[Given]) -> list[Made]:
        """What a function makes of each, in order."""
        return list(self.each(what, work, given))

    def each(
        self, what: str, work: Callable[[Given], Made], given: Sequence[Given]
    ) -> Iterator[Made]:
        """The same, one after the other."""
        for nth, one in enumerate(spread(work, given, min(self.jobs, len(given) or 1)), 1):
            self.tell(what, nth, len(given))
            yield one


def told(what: str, done: int, count: int) -> None:
    """How far it is: a line that changes on a terminal, elsewhere one for each part."""
    if sys.stderr.isatty():
        click.echo(f"\r{what}: {done:,} of {count:,}", err=True, nl=done == count)
    elif done == count:
        click.echo(f"{what}: {count:,}", err=True)


def written(path: Path, text: str) -> None:
    """Write a file as a whole: who is killed meanwhile leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text)


def table_in(path: Path) -> dict[str, dict[str, object]]:
    """A JSON object of objects.  Raises UsageError for anything else."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is no JSON: {error}") from None
    if not isinstance(read, dict) or not all(isinstance(each, dict) for each in read.values()):
        raise UsageError(f"{path}: expected an object with a verdict for each scenario")
    return read
