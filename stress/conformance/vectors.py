"""The recording: what was done on real kernels, and what they answered.

`tests/data/kernel_vectors.json` has sequences of steps on one reference kernel, with what differs
on the others, and interleavings in which a reader is parked in the middle of a listing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent.parent / "tests" / "data"
VECTORS = DATA / "kernel_vectors.json"
OUTCOMES = DATA / "kernel_outcomes.json"

SHOWN = 103
"""So much of an argument is recorded."""
NAME_MAX = 255

KERNELS = ("6.12.95", "6.16.3", "7.3.4")
"""The kernels of the recording."""

Expected = Mapping[str, Any]
"""What a step gave: `errno`, and by its kind `stat`, `entries`, `data`, `pos` and so on."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a sequence, with what one kernel answered.

    `volatile` says that the answer has text that depends on the kernel's build.
    """

    op: str
    args: tuple[str, ...]
    expect: Expected
    volatile: bool = False

    def __str__(self) -> str:
        return " ".join((self.op, *self.args))


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence of steps as one kernel answered them."""

    name: str
    about: str
    kernel: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """What was done while the reader was parked: `errno` is BLOCKED if it had to wait."""

    op: str
    args: tuple[str, ...]
    errno: str

    def __str__(self) -> str:
        return " ".join((self.op, *self.args))


@dataclass(frozen=True, slots=True)
class Interleaving:
    """A listing of `directory` whose reader is parked while it gives `block_at` to the user, and
    what is done meanwhile, as one kernel answered.

    `faults` says that the reader then followed a NULL pointer.  `first` has the names that the call
    gave that was parked, `then` those or the errno of the calls after it, and `late` the errnos of
    the actions that had to wait.  `listing` is what the directory lists with nobody about.
    """

    name: str
    kernel: str
    directory: str
    block_at: str
    listing: tuple[str, ...]
    actions: tuple[Action, ...]
    faults: bool
    first: tuple[str, ...]
    then: tuple[tuple[str, tuple[str, ...]], ...]
    late: tuple[str, ...]


@cache
def _recorded() -> list[dict[str, Any]]:
    data: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))
    scenarios: list[dict[str, Any]] = data["scenarios"]
    return scenarios


def names(kind: str) -> list[str]:
    """The names of what was recorded: of kind "sequential" or "interleaved"."""
    return [each["name"] for each in _recorded() if each["kind"] == kind]


def _scenario(name: str) -> dict[str, Any]:
    (found,) = [each for each in _recorded() if each["name"] == name]
    return found


def sequence(name: str, kernel: str) -> Sequence:
    """A sequence as one kernel answered it."""
    found = _scenario(name)
    steps = tuple(
        Step(
            step["op"],
            tuple(_whole(arg) for arg in step["args"]),
            step.get("differs_on", {}).get(kernel, step["expect"]),
            step.get("volatile", False),
        )
        for step in found["steps"]
    )
    return Sequence(name, found["desc"], kernel, steps)


def _whole(arg: str) -> str:
    """An argument of a step; the recording shows the beginning of a long one.

    Where that ends in the middle of a name of one letter only, the name had NAME_MAX + 1 of them.
    """
    base, slash, name = arg.rpartition("/")
    if len(arg) < SHOWN or set(name) != {"a"}:
        return arg
    return base + slash + name[0] * (NAME_MAX + 1)


def sequences(kernel: str) -> Iterator[Sequence]:
    """Every sequence as one kernel answered it."""
    for name in names("sequential"):
        yield sequence(name, kernel)


def interleaving(name: str, kernel: str) -> Interleaving:
    """An interleaving as one kernel answered it."""
    found = _scenario(name)
    gave = found["per_kernel"][kernel]
    first = gave["call1"] or {"ents": ()}
    return Interleaving(
        name,
        kernel,
        found["dir"],
        found["block_at"],
        tuple(found["plain_listing"]),
        tuple(_action(each) for each in gave["actions"]),
        gave["outcome"] != "returns",
        tuple(first["ents"]),
        tuple((each["err"], tuple(each["ents"])) for each in gave["then"] or ()),
        tuple(errno for _, errno in gave["late"] or ()),
    )


def interleavings(kernel: str) -> Iterator[Interleaving]:
    """Every interleaving as one kernel answered it."""
    for name in names("interleaved"):
        yield interleaving(name, kernel)


def _action(recorded: Mapping[str, str]) -> Action:
    op, _, rest = recorded["op"].partition(":")
    return Action(op, (rest,), recorded["errno"])


def outcomes(kernel: str) -> dict[str, frozenset[str]]:
    """What stress saw: for each operation, the results that it had."""
    data: dict[str, Any] = json.loads(OUTCOMES.read_text(encoding="utf-8"))
    return {op: frozenset(counts) for op, counts in data[kernel]["ops"].items()}
