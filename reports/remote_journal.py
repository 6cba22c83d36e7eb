"""What was explored of a bound so far, written down: who is stopped after hours goes on there.

A line for each piece that was explored, under a key that names all that its outcomes depend on, the
model's version among it: of another model nothing is taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lockwright.core.errors import UsageError


class Outcome(NamedTuple):
    """What came of one exploration: of each promise that was broken, kind and message of the first
    finding."""

    executions: int
    complete: bool
    broken: Mapping[str, tuple[str, str]]


class Journal:
    """A file of outcomes; without a path nothing is written down."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.known: dict[str, list[Outcome]] = {}
        if path is not None and path.exists():
            try:
                lines = path.read_text(encoding="utf-8").splitlines()
            except ValueError:
                raise _no_journal(path) from None
            for line in lines:
                self._read(line)
            if any(lines) and not self.known:
                raise _no_journal(path)

    def _read(self, line: str) -> None:
        """Take a line; the last one may have been cut off."""
        try:
            key, outcomes = json.loads(line)
            self.known[key] = [
                Outcome(
                    executions, complete, {promise: (k, m) for promise, (k, m) in broken.items()}
                )
                for executions, complete, broken in outcomes
            ]
        except (ValueError, TypeError, AttributeError):
            return

    def add(self, key: str, outcomes: Sequence[Outcome]) -> None:
        """A piece was explored."""
        self.known[key] = list(outcomes)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"\n{json.dumps([key, outcomes])}")


def _no_journal(path: Path) -> UsageError:
    return UsageError(f"{path} is no journal: expected the lines that an earlier --journal wrote")
