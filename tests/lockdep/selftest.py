"""Plays the kernel's locking self-tests (tests/data/locking_selftests.json) to the validator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockwright.core.frame import Frame
from lockwright.lockdep import Report, Validator
from lockwright.program.stepping import Stepping

DATA = Path(__file__).parent.parent / "data" / "locking_selftests.json"
STACK = (Frame("lock", 0, 1), Frame("locking_selftest", 0, 1))


@dataclass(frozen=True, slots=True)
class Case:
    """One self-test."""

    name: str
    group: str
    locks: dict[str, Any]
    steps: list[tuple[str, str | None, str | None, Any]]
    kind: str | None
    step: int | None

    def __str__(self) -> str:
        return self.name


def cases() -> list[Case]:
    """All self-tests, in the kernel's order."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    return [
        Case(
            f"{test['name']}-{number}",
            test["group"],
            test["locks"],
            [tuple(step) for step in test["steps"]],
            test.get("report_kind"),
            test.get("report_step"),
        )
        for number, test in enumerate(data["tests"])
    ]


class Player:
    """One task that performs the steps of one test."""

    def __init__(self, case: Case, *, kernel_search: bool) -> None:
        self.case = case
        self.validator = Validator(first_report_only=True, kernel_search=kernel_search)
        locks = {name: (lock["type"], lock["cls"]) for name, lock in case.locks.items()}
        self.steps = Stepping(locks, self.validator, lambda: STACK)

    def play(self) -> Iterator[Report | None]:
        """What the validator says to each step."""
        for op, lock, mode, info in self.case.steps:
            yield self.steps.perform(op, lock, mode, info)
