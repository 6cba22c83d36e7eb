"""A report that is being read: everything found so far, in a form that grows."""

from __future__ import annotations

from dataclasses import dataclass, field

from lockwright.core.location import Value
from lockwright.report.read.parsed import (
    ParsedFrame,
    ParsedIrqs,
    ParsedLock,
    TraceLine,
)


@dataclass(slots=True)
class EntryDraft:
    """A chain entry or a class of a dump: its head and the frames below it."""

    number: int
    lock: ParsedLock
    operations: int | None = None
    usages: list[tuple[str, list[ParsedFrame]]] = field(default_factory=list)
    key: ParsedFrame | None = None
    frames: list[ParsedFrame] = field(default_factory=list)
    acquired: list[ParsedFrame] | None = None


@dataclass(slots=True)
class Draft:
    """What is known of a report.

    `part` names what the next lines belong to; `frames` is where frames go, None for nowhere.
    `found` are the parts that were seen, for what is missing in the end.  `blanks` counts the empty
    lines since the last line that was understood, `unknown` the other ones that were not.  `again`:
    the backtrace comes a second time.  `cpus`: the columns of the scenario.
    """

    kind: str
    title: str
    first: int
    last: int
    part: str = "ident"
    ident: list[str] = field(default_factory=list)
    comm: str | None = None
    pid: int | None = None
    irqs: ParsedIrqs | None = None
    locks: dict[str, ParsedLock] = field(default_factory=dict)
    chain: list[EntryDraft] = field(default_factory=list)
    exists: list[str] = field(default_factory=list)
    scenario: list[tuple[int, str]] = field(default_factory=list)
    held: list[ParsedLock] = field(default_factory=list)
    held_count: int | None = None
    dependency: tuple[ParsedLock, ParsedLock] | None = None
    states: list[tuple[str, str]] = field(default_factory=list)
    state_frames: dict[str, list[ParsedFrame]] = field(default_factory=dict)
    dumps: dict[str, list[EntryDraft]] = field(default_factory=dict)
    usage: tuple[str, str] | None = None
    trace: list[TraceLine] = field(default_factory=list)
    frames: list[ParsedFrame] | None = None
    found: set[str] = field(default_factory=set)
    extra: dict[str, Value] = field(default_factory=dict)
    gaps: dict[str, int] = field(default_factory=dict)
    rulers: list[int] = field(default_factory=lambda: [0, 0])
    indent: int | None = None
    held_indent: int = 1
    base: int = 0
    blanks: int = 0
    unknown: int = 0
    known: int = 0
    closed: bool = False
    again: bool = False
    cpus: int = 0

    def begin(self, part: str) -> None:
        """A part begins; the empty lines before it are noted once."""
        self.gaps.setdefault(part, self.blanks)
        self.part = part
        self.found.add(part)
        self.frames = None
