"""A known fault that one user can meet: how it is shown, and what it is gone with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockwright.calls import Program, parse_program
from lockwright.testing.sequential import ALONE
from stress.machines.sequential import LONG, Wanted

V3, V4 = "eventfs/v3", "eventfs/v4"
L66, L67, L68RC1, L68, L69, L612 = (
    f"eventfs/linux_6_{minor}" for minor in ("6", "7", "8_rc1", "8", "9", "12")
)
UNORDERED = tuple(rule for rule in ALONE if rule != "lock-order")
"""v3 and v4 break the order of their locks in the first calls that they get: for what comes after,
the lock validator must not listen."""
EVENTS_GO = ("clear", "remove")
"""Removing goes wrong in v3 and v4 nearly always."""
UAF = "use-after-free"
PROMISE = "broken promise"
REFERENCE = "reference"
REFCOUNT = "refcount"


NOT_OF_THE_CORPUS = {
    "attributes": "A mode that was set is lost when the inode is reclaimed.  Up to 6.6.",
    "stale-owner": "A remount does not change the inodes that are in memory.  Up to 6.9.",
    "owner": "What nobody has looked at yet gets the owner that `events` was given.  In 6.9.",
}
"""What the reference calls a fault, and the corpus does not have."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    `id` is that of the corpus, or words (`NOT_OF_THE_CORPUS`) where it has none.  `calls` is the
    shortest program that shows it, as its name has it, made with what is put off done at once, if
    `at_once`.  `given` are parameters beside the design's own, `mended` those with which it is
    gone, in the design `mended_in` if that is another one.  Without `drawn` the machine was not
    seen to find it, and what is known is that the program shows it.
    """

    id: str
    design: str
    wanted: Wanted
    calls: str
    at_once: bool = False
    given: Mapping[str, str] = field(default_factory=dict)
    mended: Mapping[str, str] = field(default_factory=dict)
    mended_in: str = ""
    drawn: bool = True

    def __str__(self) -> str:
        return f"{self.id}-{self.design.rpartition('/')[2]}-{self.wanted.kind.replace(' ', '_')}"

    @property
    def program(self) -> Program:
        """Its program."""
        return parse_program(f"calls({self.calls.replace('LONG', LONG)})")
