"""How far an exploration is, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from lockwright.core.result import Progress, Result
from lockwright.report.columns import counted

INTERVAL_S = 0.1


class Meter:
    """One line that is redrawn while a scenario is explored, if standard error is a terminal."""

    def __init__(self, name: str, *, quiet: bool) -> None:
        self.name = name
        self.live: Live | None = None
        self.began = monotonic()
        self.next = self.began + INTERVAL_S
        if not quiet and _terminal():
            console = Console(stderr=True, highlight=False)
            self.live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self.live is not None:
            self.live.stop()

    @property
    def seconds(self) -> float:
        """Since the exploration began."""
        return monotonic() - self.began

    @property
    def listener(self) -> Callable[[Progress], None] | None:
        """What to call after each execution."""
        return None if self.live is None else self._tell

    def _tell(self, progress: Progress) -> None:
        now = monotonic()
        if now < self.next or self.live is None:
            return
        self.next = now + INTERVAL_S
        rate = progress.executions / max(now - self.began, 0.001)
        self.live.update(
            Text(
                f"{self.name}: {counted(progress.executions, 'execution')}, {rate:.0f} a second, "
                f"{counted(progress.findings, 'finding')}"
            ),
            refresh=True,
        )


def tell_result(result: Result, *, quiet: bool) -> None:
    """One line for a finished scenario, where no terminal shows the meter."""
    if not quiet and not _terminal():
        done = counted(result.executions, "execution")
        click.echo(f"{result.scenario}: {result.verdict}, {done}", err=True)


def _terminal() -> bool:
    """Is standard error there, and a terminal?"""
    return sys.stderr is not None and sys.stderr.isatty()
