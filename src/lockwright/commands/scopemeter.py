"""How far a scope is, on standard error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import monotonic

from rich.text import Text

from lockwright.commands.progress import INTERVAL_S, Meter
from lockwright.report.columns import counted
from lockwright.report.extent import time_left
from lockwright.scope.result import ScopeProgress

GROWTH_MAX = 10.0
"""A program with one call more is taken to last no longer than so many times as long."""


class ScopeMeter(Meter):
    """One line that is redrawn while the programs of a scope are explored."""

    def __init__(self, name: str, seconds: float | None = None, *, quiet: bool) -> None:
        super().__init__(name, seconds=seconds, quiet=quiet)
        self.spent: list[float] = []
        self.kept: list[int] = []
        self.last = self.began

    def tell_scope(self, progress: ScopeProgress) -> None:
        """An execution has ended, or a program, or time has gone by."""
        if self.live is None:
            return
        if not self.spent:
            self.spent = [0.0] * len(progress.sizes)
            self.kept = list(progress.done)
        now = monotonic()
        pairs = enumerate(zip(progress.done, progress.sizes, strict=True))
        size = next((size for size, (done, there) in pairs if done < there), -1)
        self.spent[size] += now - self.last
        self.last = now
        if now < self.next:
            return
        self.next = now + INTERVAL_S
        fresh = [done - kept for done, kept in zip(progress.done, self.kept, strict=True)]
        left = seconds_left(progress, fresh, self.spent)
        left = min(left, max(self.seconds_max - (now - self.began), 0.0))
        self.live.update(Text(f"{self.name}: {scope_text(progress, left)}"), refresh=True)


def scope_text(progress: ScopeProgress, left: float = math.inf) -> str:
    """How far it is, how long it may go on, and what was found."""
    said = [
        f"{progress.programs} of {counted(progress.total, 'program')}",
        counted(progress.executions, "execution"),
    ]
    if left < math.inf:
        said.append(time_left(left))
    return ", ".join((*said, counted(progress.findings, "finding")))


def seconds_left(progress: ScopeProgress, fresh: Sequence[int], spent: Sequence[float]) -> float:
    """What the programs that are left may take, by what those with as many calls took.

    Where none was done yet, they are taken to grow as they did from the sizes before.  `fresh` and
    `spent` are the programs that were explored, and the seconds that they took, by size.
    """
    left, pace, growth = 0.0, math.inf, 1.0
    for there, done, count, seconds in zip(
        progress.sizes, progress.done, fresh, spent, strict=True
    ):
        if count > 0:
            now = seconds / count
            if 0 < pace < math.inf:
                growth = min(max(now / pace, 1.0), GROWTH_MAX)
            pace = now
        elif done < there:
            pace *= growth
        if done < there:
            left += (there - done) * pace
    return left
