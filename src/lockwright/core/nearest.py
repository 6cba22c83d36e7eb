"""The passing run that is nearest to a failing one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lockwright.core.event import Event
from lockwright.core.schedule import Choice, parse_schedule, schedule_text


@dataclass(frozen=True, slots=True)
class Nearest:
    """What was found beside a failing run.

    `schedule` passes, and is the failing one before `step`; `still` lists the kinds of predictions
    that it makes all the same.  Without a passing run it is empty, `step` is -1, and `exhausted`
    tells whether all schedules were tried or `attempts` executions were too few.  `token` replays
    the passing run, `events` are its interleaving.
    """

    step: int
    schedule: tuple[Choice, ...]
    still: tuple[str, ...]
    attempts: int
    exhausted: bool
    token: str = ""
    events: tuple[Event, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form."""
        return {
            "step": self.step,
            "schedule": schedule_text(self.schedule),
            "still": list(self.still),
            "attempts": self.attempts,
            "exhausted": self.exhausted,
            "token": self.token,
            "events": [event.as_json() for event in self.events],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Nearest:
        """Read what `as_json` wrote.  Raises KeyError, TypeError or ValueError."""
        fields = dict(data)
        fields["schedule"] = tuple(parse_schedule(data["schedule"]))
        fields["still"] = tuple(data["still"])
        fields["events"] = tuple(Event.from_json(event) for event in data["events"])
        return cls(**fields)
