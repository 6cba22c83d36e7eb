"""Does a model answer as the kernel did?

An answer is a mapping with the recording's own keys, except that inodes have numbers where the
recording has labels.  Labels are matched to numbers one to one over a whole sequence: what had one
number in the kernel has one in the model, and what had two has two.  FILE_INO is the number itself.

Not compared: `blocks`, since nothing in tracefs has any and no model counts them; and of a
volatile step everything that is text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stress.conformance.vectors import Step

FILE_INO = 19680823
"""All files of eventfs have this inode number."""
DATA_MAX = 160
"""So much of what was read is recorded."""
STAT = ("type", "mode", "nlink", "uid", "gid", "size", "ino")
ENTRY = ("name", "type", "ino", "d_off")
PLAIN = ("errno", "stage", "pos", "calls", "last_ret", "rc", "revents", "events")
TEXT = ("n", "data", "out")

Answer = Mapping[str, Any]


class Labels:
    """Which number each label stands for.

    Invariant: `numbers` and `names` are each other's inverse.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {"FILE_INO": FILE_INO}
        self.names: dict[int, str] = {FILE_INO: "FILE_INO"}

    def match(self, label: str, number: int) -> bool:
        """Can a label stand for a number?  If neither is known yet, it does from now on."""
        if label not in self.numbers and number not in self.names:
            self.numbers[label] = number
            self.names[number] = label
        return self.numbers.get(label) == number

    def text(self, number: int) -> str:
        """A number as the recording would name it."""
        return self.names.get(number, f"new inode {number}")


def differences(step: Step, got: Answer, labels: Labels) -> list[str]:
    """How an answer differs from the recorded one: `WHAT: expected X, got Y`."""
    expect = step.expect
    found = [
        _difference(key, expect[key], got.get(key))
        for key in PLAIN
        if key in expect and expect[key] != got.get(key)
    ]
    if not step.volatile:
        found += [
            _difference(key, expect[key], _shortened(got.get(key)))
            for key in TEXT
            if key in expect and expect[key] != _shortened(got.get(key))
        ]
    if "stat" in expect:
        found += _compared("stat", STAT, expect["stat"], got.get("stat") or {}, labels)
    if "entries" in expect:
        found += _listing(expect["entries"], got.get("entries") or [], labels)
    return found


def _shortened(value: object) -> object:
    return value[:DATA_MAX] if isinstance(value, str) else value


def _listing(expect: list[Any], got: list[Any], labels: Labels) -> list[str]:
    if not all(isinstance(entry, Mapping) for entry in expect):
        names = [entry["name"] for entry in got]
        return [] if names == expect else [_difference("entries", expect, names)]
    if [entry["name"] for entry in expect] != [entry["name"] for entry in got]:
        names = [entry["name"] for entry in expect]
        return [_difference("entries", names, [entry["name"] for entry in got])]
    found = []
    for wanted, entry in zip(expect, got, strict=True):
        found += _compared(wanted["name"], ENTRY, wanted, entry, labels)
    return found


def _compared(
    what: str, keys: tuple[str, ...], expect: Answer, got: Answer, labels: Labels
) -> list[str]:
    found = []
    for key in keys:
        if key == "ino" and key in got:
            if not labels.match(expect[key], got[key]):
                found.append(_difference(f"{what}.ino", expect[key], labels.text(got[key])))
        elif expect[key] != got.get(key):
            found.append(_difference(f"{what}.{key}", expect[key], got.get(key)))
    return found


def _difference(what: str, expect: object, got: object) -> str:
    return f"{what}: expected {expect!r}, got {got!r}"
