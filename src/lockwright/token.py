"""The replay token: one line of text that makes one execution happen again.

`lw1~DESIGN:CASE~PARAMETERS~VERSION~SCHEDULE~MARKS~CHECK`.  PARAMETERS are those that differ
from the scenario's own, as `name=value` joined by commas; VERSION is a digest of the model's
sources; SCHEDULE is `schedule_text`; MARKS has one character for each step, which stands for what
it did, so that a changed model is told at the step where it does something else; CHECK is a CRC-32
of all before it, so that a token that was cut or mistyped is told from one whose model has
changed.  MARKS and its `~` may be missing: then only a step that cannot be taken tells of the
change.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from lockwright.core.errors import UsageError
from lockwright.core.schedule import MARKS, Choice, parse_schedule, schedule_text

FORM = "lw1~DESIGN:CASE~PARAMETERS~VERSION~SCHEDULE[~MARKS]~CHECK"


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says.  `marks` is empty, or has one mark for each step of `schedule`."""

    scenario: str
    parameters: tuple[tuple[str, str], ...]
    version: str
    schedule: tuple[Choice, ...]
    marks: str = ""

    def __str__(self) -> str:
        parameters = ",".join(f"{key}={value}" for key, value in self.parameters)
        parts = ["lw1", self.scenario, parameters, self.version, schedule_text(self.schedule)]
        if self.marks:
            parts.append(self.marks)
        text = "~".join(parts)
        return f"{text}~{_check(text)}"


def parse_token(text: str) -> Token:
    """Read a token.  Raises UsageError that names what is wrong with it."""
    text = text.strip()
    parts = text.split("~")
    if parts[0] != "lw1" or len(parts) not in (6, 7):
        raise UsageError(f"malformed token: expected {FORM}, got {_short(text)}")
    *body, check = parts
    if _check("~".join(body)) != check:
        raise UsageError(f"malformed token: its check {check!r} does not fit; was it cut short?")
    _, scenario, parameters, version, schedule, *rest = body
    pairs = []
    for pair in parameters.split(",") if parameters else []:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise UsageError(f"malformed token: parameter {pair!r} is not of the form NAME=VALUE")
        pairs.append((key, value))
    choices = tuple(parse_schedule(schedule))
    return Token(scenario, tuple(pairs), version, choices, _marks(rest, len(choices)))


def _marks(rest: list[str], steps: int) -> str:
    if not rest:
        return ""
    marks = rest[0]
    if len(marks) != steps or not set(marks) <= set(MARKS):
        raise UsageError(
            f"malformed token: expected a mark for each of {steps} steps, got {_short(marks)}"
        )
    return marks


def _check(text: str) -> str:
    return f"{crc32(text.encode()):08x}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 50 else text[:47] + "...")
