"""A deadlock that the lock order of several scenarios predicts, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lockwright.core.finding import Finding

CONFIRMED, REFUTED, OPEN = "confirmed", "refuted", "open"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One composition that was explored for a prediction, or could not be.

    `outcome` is `confirmed`; `refuted`, if all was explored and nothing deadlocks on it; `open`, if
    not all was; or what does not fit together, with no executions.
    """

    scenario: str
    executions: int
    outcome: str

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form."""
        return {
            "scenario": self.scenario,
            "executions": self.executions,
            "outcome": self.outcome,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Attempt:
        """Read what `as_json` wrote.  Raises KeyError or TypeError."""
        return cls(data["scenario"], data["executions"], data["outcome"])


@dataclass(frozen=True, slots=True)
class Link:
    """One step of a predicted cycle: `new` was taken while `held` was held, `how` is ER, EN, SR or
    SN; `by` has scenario and task of the smallest known tasks that do.

    For interrupts: `held` is empty, and `how` says what was done to `new`.
    """

    held: str
    new: str
    how: str
    by: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form."""
        by = [{"scenario": scenario, "task": task} for scenario, task in self.by]
        return {"held": self.held, "new": self.new, "how": self.how, "by": by}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Link:
        """Read what `as_json` wrote.  Raises KeyError or TypeError."""
        by = tuple((each["scenario"], each["task"]) for each in data["by"])
        return cls(data["held"], data["new"], data["how"], by)


@dataclass(slots=True)
class Prediction:
    """A predicted deadlock, over the lock order of all of `scenarios`.

    `seen_in` names those that predict it by themselves; `kind` and `classes` are as in a finding,
    `text` is the validator's report.  `reality` is `confirmed`, `refuted` or `open`, `because` says
    why, `token` replays the deadlock in the scenario `composed`, and `deadlock` says what it is.
    """

    design: str
    scenarios: tuple[str, ...]
    kind: str
    message: str
    classes: tuple[str, ...]
    seen_in: tuple[str, ...]
    links: tuple[Link, ...] = ()
    attempts: list[Attempt] = field(default_factory=list)
    reality: str = OPEN
    because: str = ""
    composed: str = ""
    token: str = ""
    text: str = ""
    deadlock: Any = None

    @property
    def undecided(self) -> bool:
        """Could nobody tell whether it happens, in whatever scenario?"""
        return self.reality == OPEN and not self.seen_in

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form; `deadlock` is a finding, or null."""
        return {
            "design": self.design,
            "scenarios": list(self.scenarios),
            "kind": self.kind,
            "message": self.message,
            "classes": list(self.classes),
            "seen_in": list(self.seen_in),
            "links": [link.as_json() for link in self.links],
            "attempts": [attempt.as_json() for attempt in self.attempts],
            "reality": self.reality,
            "because": self.because,
            "composed": self.composed,
            "token": self.token,
            "text": self.text,
            "deadlock": None if self.deadlock is None else self.deadlock.as_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Prediction:
        """Read what `as_json` wrote.  Raises KeyError, TypeError or ValueError."""
        fields = dict(data)
        for name in ("scenarios", "classes", "seen_in"):
            fields[name] = tuple(data[name])
        fields["links"] = tuple(map(Link.from_json, data["links"]))
        fields["attempts"] = list(map(Attempt.from_json, data["attempts"]))
        if data["deadlock"] is not None:
            fields["deadlock"] = Finding.from_json(data["deadlock"])
        return cls(**fields)
