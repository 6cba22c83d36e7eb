"""A goal of a scenario, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lockwright.core.schedule import Choice, parse_schedule, schedule_text

NEVER = "goal never reached"
"""The kind of finding that it is when a complete exploration did not come to a goal."""


@dataclass(slots=True)
class Reached:
    """How often a goal was reached, and the shortest execution that did, the first of these.

    `token` replays it; it is filled in when the exploration is over.
    """

    sentence: str
    executions: int = 0
    steps: int = 0
    schedule: tuple[Choice, ...] = ()
    token: str = ""

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form; `schedule` is null for a goal that was not reached."""
        return {
            "sentence": self.sentence,
            "executions": self.executions,
            "steps": self.steps,
            "schedule": schedule_text(self.schedule) if self.executions else None,
            "token": self.token,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Reached:
        """Read what `as_json` wrote.  Raises KeyError, TypeError or ValueError."""
        schedule = tuple(parse_schedule(data["schedule"])) if data["executions"] else ()
        return cls(data["sentence"], data["executions"], data["steps"], schedule, data["token"])
