"""How far an exploration is, on standard error."""

from __future__ import annotations

import math
import sys
from time import monotonic
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from lockwright.core.result import ESTIMATE_MAX, Progress, Result
from lockwright.report.columns import counted
from lockwright.report.extent import in_all, time_left

INTERVAL_S = 0.1


class Meter:
    """One line that is redrawn while a scenario is explored, if standard error is a terminal.

    `executions` and `seconds` are where the search stops, if it is bounded.
    """

    def __init__(
        self,
        name: str,
        executions: int | None = None,
        seconds: float | None = None,
        *,
        quiet: bool,
    ) -> None:
        self.name = name
        self.executions = executions
        self.seconds_max = math.inf if seconds is None else seconds
        self.live: Live | None = None
        self.began = monotonic()
        self.next = self.began + INTERVAL_S
        self.before: int | None = None
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

    def tell(self, progress: Progress) -> None:
        """An execution has ended."""
        if self.before is None:
            self.before = progress.executions - 1  # those of an exploration that is taken up again
        now = monotonic()
        if now < self.next or self.live is None:
            return
        self.next = now + INTERVAL_S
        gone = now - self.began
        rate = (progress.executions - self.before) / max(gone, 0.001)
        said = meter_text(progress, rate, self.executions, self.seconds_max - gone)
        self.live.update(Text(f"{self.name}: {said}"), refresh=True)


def meter_text(
    progress: Progress, rate: float, bound: int | None = None, seconds: float = math.inf
) -> str:
    """How far it is, how fast, how far it may be to go, and what was found; the search stops at
    `bound` executions, or in so many seconds."""
    said = [counted(progress.executions, "execution")]
    estimate = progress.estimate()
    if estimate is not None:
        said.append(in_all(estimate))
    said.append(f"{rate:.0f} a second")
    end = min(ESTIMATE_MAX if total is None else total for total in (estimate, bound))
    if end < ESTIMATE_MAX and rate > 0:
        seconds = min(seconds, (end - progress.executions) / rate)
    if seconds < math.inf:
        said.append(time_left(max(seconds, 0.0)))
    said.append(counted(progress.findings, "finding"))
    return ", ".join(said)


def tell_result(result: Result, *, quiet: bool) -> None:
    """One line for a finished scenario, where no terminal shows the meter."""
    if not quiet and not _terminal():
        done = counted(result.executions, "execution")
        if result.estimated is not None:
            done += f", {in_all(result.estimated)}"
        click.echo(f"{result.scenario}: {result.verdict}, {done}", err=True)


def _terminal() -> bool:
    """Is standard error there, and a terminal?"""
    return sys.stderr is not None and sys.stderr.isatty()
