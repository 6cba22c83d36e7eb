"""Events: what a kernel tracer would print, made only for those who asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lockwright.core.frame import Frame
from lockwright.core.location import Location, Value

IDLE = "idle"
"""What becomes of a task that waits for work: the kind of its last event."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    `step` counts from 0, and is -1 for what became of a task; `chain` holds the model functions,
    innermost first, under their kernel names; `result` is what the operation gave back, as text.
    """

    step: int
    task: int
    comm: str
    context: str
    kind: str
    text: str
    result: str
    chain: tuple[Frame, ...]

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form."""
        return {
            "step": self.step,
            "task": self.task,
            "comm": self.comm,
            "context": self.context,
            "kind": self.kind,
            "text": self.text,
            "result": self.result,
            "chain": [list(frame) for frame in self.chain],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Event:
        """Read what `as_json` wrote.  Raises KeyError or TypeError."""
        return cls(**{**data, "chain": tuple(Frame(*frame) for frame in data["chain"])})


def value_text(value: Value) -> str:
    """A value as reports and tokens print it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, str)):
        return str(value)
    if isinstance(value, tuple):
        return f"({', '.join(value_text(item) or 'NULL' for item in value)})"
    describe = getattr(value, "describe", None)
    if describe is not None:
        return str(describe())
    return value.name if isinstance(value, Location) else ""
