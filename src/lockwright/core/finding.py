"""A finding: a rule that was broken, and the schedule that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lockwright.core.event import Event
from lockwright.core.frame import Frame
from lockwright.core.nearest import Nearest
from lockwright.core.schedule import Choice, parse_schedule, schedule_text
from lockwright.core.timeline import Timeline


@dataclass(slots=True)
class Finding:
    """One broken rule.

    Two findings with one `kind` and one `signature` are the same finding, seen in two schedules;
    `executions` counts them.  `lines` is what there is to say beyond the message, `classes` the
    lock classes it is about, `report` a rule's structured report (the lock validator's).  `waits`
    has of each task that waits for ever the lock classes it holds, and last the one it waits for.

    The last group is filled in when the exploration is over: `text` is the report as the kernel
    would print it, `events` the interleaving, `timeline` what a drawing of it needs beside them,
    `token` replays it, and `reality` says of a predicted deadlock whether it happens: "confirmed",
    "refuted" or "open", and `because` why.  `preemptions` counts those of the schedule, -1 if it
    was not shrunk; `minimal` says that no schedule shows the finding with fewer.  `nearest` is the
    run that passes beside it.
    """

    kind: str
    message: str
    signature: str
    task: int
    comm: str
    chain: tuple[Frame, ...] = ()
    lines: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    waits: tuple[tuple[str, ...], ...] = ()
    report: Any = None
    fatal: bool = True
    step: int = -1

    executions: int = 1
    schedule: tuple[Choice, ...] = ()
    text: str = ""
    token: str = ""
    events: tuple[Event, ...] = ()
    reality: str | None = None
    because: str = ""
    preemptions: int = -1
    minimal: bool = False
    nearest: Nearest | None = None
    timeline: Timeline | None = None

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form; `report` itself is left out, `text` says it."""
        return {
            "kind": self.kind,
            "message": self.message,
            "signature": self.signature,
            "task": self.task,
            "comm": self.comm,
            "chain": [list(frame) for frame in self.chain],
            "lines": list(self.lines),
            "classes": list(self.classes),
            "waits": [list(names) for names in self.waits],
            "fatal": self.fatal,
            "step": self.step,
            "executions": self.executions,
            "schedule": schedule_text(self.schedule),
            "text": self.text,
            "token": self.token,
            "events": [event.as_json() for event in self.events],
            "reality": self.reality,
            "because": self.because,
            "preemptions": self.preemptions,
            "minimal": self.minimal,
            "nearest": self.nearest.as_json() if self.nearest is not None else None,
            "timeline": self.timeline.as_json() if self.timeline is not None else None,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Finding:
        """Read what `as_json` wrote.  Raises KeyError, TypeError or ValueError."""
        fields = dict(data)
        fields["chain"] = tuple(Frame(*frame) for frame in data["chain"])
        fields["lines"] = tuple(data["lines"])
        fields["classes"] = tuple(data["classes"])
        fields["waits"] = tuple(tuple(names) for names in data.get("waits", ()))
        fields["schedule"] = tuple(parse_schedule(data["schedule"]))
        fields["events"] = tuple(Event.from_json(event) for event in data["events"])
        if data.get("nearest") is not None:
            fields["nearest"] = Nearest.from_json(data["nearest"])
        if data.get("timeline") is not None:
            fields["timeline"] = Timeline.from_json(data["timeline"])
        return cls(**fields)
