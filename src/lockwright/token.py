"""The replay token: one line of text that makes one execution happen again.

`lw1~DESIGN:CASE~PARAMETERS~VERSION~SCHEDULE~CHECK`.  PARAMETERS are the scenario's, as
`name=value` joined by commas; VERSION is a digest of the model's sources;
SCHEDULE is `schedule_text`; CHECK is a CRC-32 of all before it, so that a token that was cut or
mistyped is told from one whose model has changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from lockwright.core.errors import UsageError
from lockwright.core.schedule import Choice, parse_schedule, schedule_text

FORM = "lw1~DESIGN:CASE~PARAMETERS~VERSION~SCHEDULE~CHECK"


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says."""

    scenario: str
    parameters: tuple[tuple[str, str], ...]
    version: str
    schedule: tuple[Choice, ...]

    def __str__(self) -> str:
        parameters = ",".join(f"{key}={value}" for key, value in self.parameters)
        text = "~".join(
            ("lw1", self.scenario, parameters, self.version, schedule_text(self.schedule))
        )
        return f"{text}~{_check(text)}"


def parse_token(text: str) -> Token:
    """Read a token.  Raises UsageError that names what is wrong with it."""
    text = text.strip()
    parts = text.split("~")
    if parts[0] != "lw1" or len(parts) != 6:
        raise UsageError(f"malformed token: expected {FORM}, got {_short(text)}")
    if _check("~".join(parts[:5])) != parts[5]:
        raise UsageError(f"malformed token: its check {parts[5]!r} does not fit; was it cut short?")
    pairs = []
    for pair in parts[2].split(",") if parts[2] else []:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise UsageError(f"malformed token: parameter {pair!r} is not of the form NAME=VALUE")
        pairs.append((key, value))
    return Token(parts[1], tuple(pairs), parts[3], tuple(parse_schedule(parts[4])))


def _check(text: str) -> str:
    return f"{crc32(text.encode()):08x}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
