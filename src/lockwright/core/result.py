"""What an exploration ends with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding

VERSION = 1


class Verdict(StrEnum):
    """A budget that ran out never turns into a pass."""

    VIOLATED = "violated"
    VERIFIED = "verified"
    WITHIN_BOUND = "verified within bound"
    STOPPED = "stopped"


@dataclass(slots=True)
class Result:
    """Verdict, findings and coverage of one exploration.

    `complete` says that every trace was explored.  `executions` counts all executions; of these
    `deadlocked` ended with a task blocked for ever and `sleep_set_blocked` were given up by the
    reduction (none, under an optimal one).  `outcomes` counts the final states that the scenario
    reports, by their text.  `lock_graph` lists the edges (held, taken, how, where) that the lock
    validator saw.  `assumptions` says what a green result does not show.
    """

    scenario: str
    title: str
    parameters: dict[str, Any]
    strategy: str
    verdict: Verdict = Verdict.STOPPED
    complete: bool = False
    granularity: str = "operation"
    seed: int | None = None
    executions: int = 0
    deadlocked: int = 0
    sleep_set_blocked: int = 0
    steps: int = 0
    steps_longest: int = 0
    findings: list[Finding] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    lock_graph: list[dict[str, Any]] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)
    model_version: str = ""

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form, with a version."""
        data: dict[str, Any] = {"version": VERSION}
        for name in self.__slots__:
            data[name] = getattr(self, name)
        data["verdict"] = self.verdict.value
        data["findings"] = [finding.as_json() for finding in self.findings]
        return data

    @classmethod
    def from_json(cls, data: object) -> Result:
        """Read what `as_json` gave.  Raises UsageError for anything else."""
        if not isinstance(data, dict) or "version" not in data:
            raise UsageError("malformed result: expected an object with a version")
        if data["version"] != VERSION:
            raise UsageError(
                f"result of version {data['version']!r}: this lockwright reads version {VERSION}"
            )
        fields = {key: value for key, value in data.items() if key != "version"}
        try:
            fields["verdict"] = Verdict(fields["verdict"])
            fields["findings"] = [Finding.from_json(item) for item in fields["findings"]]
            return cls(**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"malformed result: {type(error).__name__}: {error}") from None

    def to_text(self) -> str:
        """JSON text, the same for the same result."""
        return json.dumps(self.as_json(), indent=1, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an exploration is: executions and steps so far, and the findings."""

    executions: int
    steps: int
    findings: int
