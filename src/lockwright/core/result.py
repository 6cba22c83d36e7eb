"""What an exploration ends with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lockwright.core.coverage import Coverage
from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.goal import Reached

VERSION = 1
ESTIMATE_MAX = 10**15
"""No estimate is larger: more than that is all that is said."""


class Verdict(StrEnum):
    """A budget that ran out never turns into a pass."""

    VIOLATED = "violated"
    VERIFIED = "verified"
    WITHIN_BOUND = "verified within bound"
    STOPPED = "stopped"


@dataclass(slots=True)
class Result:
    """Verdict, findings and coverage of one exploration.

    `complete` says that every trace was explored, `exhausted` that the search came to its own end,
    be it that of its `bound`, the preemptions that it allowed itself.  `granularity` is what one
    step was: an operation, or a critical section where that loses nothing; `unfused` names the
    lock classes whose sections were no single steps, with the reasons, and `restarts` counts how
    often the search began anew because it found another one.

    `executions` counts all executions; of these `deadlocked` ended with a task blocked for ever
    and `sleep_set_blocked` were given up by the reduction (none, under an optimal one).
    `estimated` is how many an exhaustive search that was stopped would have had, by the branching
    that it had seen.  `goals` says how often each of the scenario's goals was reached; `outcomes`
    counts the final states that the scenario reports, by their text.
    `lock_graph` lists the edges (held, taken, how, where) that the lock validator saw.
    `assumptions` says what a green result does not show.  `unshown` names the places of data races
    that are predicted and that no schedule was found for: with one of these it is not complete.
    """

    scenario: str
    title: str
    parameters: dict[str, Any]
    strategy: str
    verdict: Verdict = Verdict.STOPPED
    complete: bool = False
    exhausted: bool = False
    granularity: str = "operation"
    unfused: dict[str, str] = field(default_factory=dict)
    restarts: int = 0
    bound: int | None = None
    seed: int | None = None
    executions: int = 0
    estimated: int | None = None
    deadlocked: int = 0
    sleep_set_blocked: int = 0
    steps: int = 0
    steps_longest: int = 0
    findings: list[Finding] = field(default_factory=list)
    goals: list[Reached] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    lock_graph: list[dict[str, Any]] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)
    unshown: list[str] = field(default_factory=list)
    model_version: str = ""
    coverage: Coverage | None = None

    def forget(self) -> None:
        """Count from the beginning."""
        self.executions = self.deadlocked = self.sleep_set_blocked = 0
        self.steps = self.steps_longest = 0
        self.outcomes = {}

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form, with a version; `coverage` is there if somebody asked for it."""
        data: dict[str, Any] = {"version": VERSION}
        for name in self.__slots__:
            data[name] = getattr(self, name)
        data["verdict"] = self.verdict.value
        data["findings"] = [finding.as_json() for finding in self.findings]
        data["goals"] = [goal.as_json() for goal in self.goals]
        del data["coverage"]
        if self.coverage is not None:
            data["coverage"] = self.coverage.as_json()
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
            fields["goals"] = [Reached.from_json(item) for item in fields.get("goals", [])]
            covered = fields.get("coverage")
            fields["coverage"] = None if covered is None else Coverage.from_json(covered)
            return cls(**fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"malformed result: {type(error).__name__}: {error}") from None

    def to_text(self) -> str:
        """JSON text, the same for the same result."""
        return json.dumps(self.as_json(), indent=1, sort_keys=True)


def unknown() -> int | None:
    """The estimate of a search that gives none."""
    return None


@dataclass(slots=True)
class Progress:
    """How far an exploration is: executions and steps so far, and the findings.

    One object serves an exploration, and is the exploration's to change; `estimate()` works out
    how many executions there will be in all, if that can be told.
    """

    executions: int = 0
    steps: int = 0
    findings: int = 0
    estimate: Callable[[], int | None] = unknown
