"""Reports that a command writes beside what it prints: `check --report`, `replay -o`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from lockwright.commands.forms import FORMS, NothingToDraw, Target
from lockwright.commands.sources import Gathered
from lockwright.core.errors import UsageError
from lockwright.core.location import Value

ENDINGS = ", ".join(form.suffixes[0] for form in FORMS.values())
_Command = TypeVar("_Command", bound=Callable[..., Value])


def reporting(command: _Command) -> _Command:
    """Give a command the option; it gets the files as `reports`."""
    return click.option(
        "--report",
        "reports",
        multiple=True,
        metavar="FILE",
        help=f"Write a report there, too: {ENDINGS}.  May be given several times.",
    )(command)


class Reports:
    """The reports that were asked for.  Raises UsageError at once for one that cannot be written.

    `others` are what the command writes besides, if it does.
    """

    def __init__(self, outputs: Sequence[str], *others: str | None) -> None:
        self.targets = [Target(output, None) for output in dict.fromkeys(outputs)]
        taken = [Path(other).resolve() for other in others if other and other != "-"]
        for target in self.targets:
            if target.path is None:
                raise UsageError("a report needs a file: standard output has the result")
            if target.path.resolve() in taken:
                raise UsageError(f"{target.path} is asked for twice: name another file")
            taken.append(target.path.resolve())

    def write(self, gathered: Gathered) -> None:
        """Write them.  What there is nothing to draw of is told, and stops nothing."""
        if not self.targets:
            return
        from lockwright.commands.reporting import document_of  # noqa: PLC0415  # loads networkx

        document = document_of(gathered)
        for target in self.targets:
            try:
                target.write(document)
            except NothingToDraw as error:
                click.echo(f"lockwright: {target.output} is not written: {error}", err=True)
