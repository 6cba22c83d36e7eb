"""A scope written down while it is explored: a line for each program that is done.

The first line is `lockwright scope VERSION CHECK HEAD`, HEAD being a JSON object: which scope it is
(design, tasks, operations, alphabet, parameters, the model's version, options).  Each line after it
is `CHECK TELLING`: what one program gave.  CHECK is a CRC-32 of what follows it in its line.  A
program is done when its line is whole: one that is cut short, as by a kill, is not, and can only be
the last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

from lockwright.calls import Call, Program
from lockwright.checkpoint import BOUNDS, MALFORMED, Checkpoint, kept_options
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.scope.explored import ScopeSession
from lockwright.scope.programs import Scope
from lockwright.scope.result import Telling

VERSION = 1
HEAD = "lockwright scope"


@dataclass(frozen=True, slots=True)
class Journal:
    """What was written: the scope and its options, and the tellings by their programs."""

    tasks: int
    operations: int
    head: Checkpoint
    tellings: dict[str, Telling]

    @property
    def scope(self) -> str:
        """`tasks=2,operations=2`."""
        return f"tasks={self.tasks},operations={self.operations}"


def is_journal(text: str) -> bool:
    """Was this written of a scope, and not of one exploration?"""
    return text.startswith(f"{HEAD} ")


def head_line(session: ScopeSession) -> str:
    """The first line: what is explored."""
    scope, options = session.scope, session.options
    data = {
        "design": scope.calls.design,
        "tasks": scope.tasks,
        "operations": scope.operations,
        "alphabet": _alphabet(scope),
        "parameters": dict(session.first.parameters),
        "model_version": options.version,
        "options": kept_options(options),
        "bounds": {name: getattr(options, name) for name in BOUNDS},
    }
    return f"{HEAD} {VERSION} {_checked(data)}"


def telling_line(telling: Mapping[str, Value]) -> str:
    """The line of a program that is done."""
    return _checked(telling)


def read_journal(text: str) -> Journal:
    """Read what these lines are.  Raises UsageError that says what is wrong with them."""
    first, *lines = text.split("\n")
    if not is_journal(text):
        raise UsageError("it is no checkpoint of a scope: expected a line `lockwright scope ...`")
    version, _, rest = first.removeprefix(f"{HEAD} ").partition(" ")
    if version != str(VERSION):
        raise UsageError(
            f"checkpoint of a scope, version {version!r}: this lockwright reads version {VERSION}"
        )
    data = _read(rest)
    if data is None:
        raise UsageError("malformed checkpoint: its check does not fit; was it cut short?")
    tellings: dict[str, Telling] = {}
    for number, line in enumerate(lines, 2):
        telling = _read(line)
        if telling is not None:
            tellings[str(telling["program"])] = telling
        elif number <= len(lines):
            raise UsageError(f"malformed checkpoint: the check of line {number} does not fit")
    try:
        bounds = {name: data["bounds"][name] for name in BOUNDS}
        head = Checkpoint(
            str(data["design"]),
            dict(data["parameters"]),
            str(data["model_version"]),
            dict(data["options"]),
            bounds,
            data,
        )
        return Journal(int(data["tasks"]), int(data["operations"]), head, tellings)
    except MALFORMED as error:
        raise UsageError(f"malformed checkpoint: {type(error).__name__}: {error}") from None


def take_up(session: ScopeSession, journal: Journal) -> None:
    """Let a session go on where a journal ends.  Raises UsageError if that is another scope's, or
    of another version of the model."""
    head, scope, options = journal.head, session.scope, session.options
    now = kept_options(options)
    pairs: list[tuple[str, Value, Value]] = [
        ("design", head.scenario, scope.calls.design),
        ("scope", journal.scope, str(scope)),
        ("version of the model", head.model_version, options.version),
        ("alphabet", head.data.get("alphabet"), _alphabet(scope)),
    ]
    given = session.first.parameters
    for name in dict.fromkeys((*given, *head.parameters)):
        pairs.append((f"parameter {name}", head.parameters.get(name), given.get(name)))
    for name in dict.fromkeys((*now, *head.options)):
        pairs.append((f"option {name}", head.options.get(name), now.get(name)))
    for what, then, mine in pairs:
        if then != mine:
            raise UsageError(
                f"the checkpoint is of another {what}\nexpected: {_shown(mine)}\n"
                f"got: {_shown(then)}"
            )
    session.kept = journal.tellings


def _alphabet(scope: Scope) -> list[str]:
    """The calls, and each group of arguments that are alike, as names have them."""
    alphabet, alike = scope.calls.alphabet, scope.calls.alike
    return [str(Program((alphabet,))), *(str(Program(((Call("", group),),))) for group in alike)]


def _shown(value: Value) -> str:
    if value is None:
        return "none"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _checked(data: Mapping[str, Value]) -> str:
    body = json.dumps(data, separators=(",", ":"))
    return f"{crc32(body.encode()):08x} {body}"


def _read(text: str) -> dict[str, Value] | None:
    """The object of a line; None if its check does not fit."""
    check, _, body = text.partition(" ")
    if not body or f"{crc32(body.encode()):08x}" != check:
        return None
    data: Value = json.loads(body)
    return data if isinstance(data, dict) else None
