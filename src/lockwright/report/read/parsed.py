"""What a kernel report says, as data: every value stands in the text, nothing is guessed.

A field whose text is not there, or is damaged, is None or empty; `missing` then says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockwright.core.location import Value

Wait = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ParsedFrame:
    """One place in a call chain.

    `address` are its digits as printed, None if there are none (or on another machine's print).
    `file` is "net/core/sock.c:12", several with a blank between; `parens` tells that it stood in
    parentheses.  `inlined` is a function without code of its own, `unsure` one with a question
    mark.  `mark` is what an architecture adds: "(C)".  `origin` is the caller of an ARM frame,
    which prints "fn from caller+0x10/0x14".  A function that is only an address has its digits.
    """

    function: str
    offset: int | None = None
    size: int | None = None
    address: str | None = None
    module: str | None = None
    file: str | None = None
    inlined: bool = False
    unsure: bool = False
    parens: bool = False
    mark: str | None = None
    origin: ParsedFrame | None = None


Frames = tuple[ParsedFrame, ...]


@dataclass(frozen=True, slots=True)
class ParsedLock:
    """A lock with its class.

    `wait` is (outer, inner); None before 5.8.  `number` is its place in a list of held locks.
    `inlined` are the functions that were inlined into `at`: a symbolised log repeats the line.
    """

    name: str
    usage: str | None = None
    wait: Wait | None = None
    address: str | None = None
    at: ParsedFrame | None = None
    number: int | None = None
    inlined: Frames = ()


@dataclass(frozen=True, slots=True)
class ParsedEntry:
    """One entry of "the existing dependency chain": #n was taken here with #(n-1) held."""

    number: int
    name: str
    usage: str | None
    wait: Wait | None
    frames: Frames


@dataclass(frozen=True, slots=True)
class ParsedDump:
    """One class in a list of dependencies: its bits with the frames of their first time."""

    depth: int
    name: str
    usage: str | None
    wait: Wait | None
    operations: int | None
    usages: tuple[tuple[str, Frames], ...]
    key: ParsedFrame | None
    acquired: Frames | None


@dataclass(frozen=True, slots=True)
class ParsedEdge:
    """A class was taken with another held.

    `kind` is two letters: the holder E (exclusive), S (a reader) or ? (the text does not tell),
    and the taken one R (recursive reader), N (anything else) or ?.
    """

    held: str
    taken: str
    kind: str
    frames: Frames


@dataclass(frozen=True, slots=True)
class ParsedIrqs:
    """[HCa[b]:SCc[d]:HEe:SEf]: in which interrupts a task is, and which are enabled."""

    hardirq: int
    hardirqs: int
    softirq: int
    softirqs: int
    hardirqs_enabled: bool
    softirqs_enabled: bool


@dataclass(frozen=True, slots=True)
class ParsedState:
    """A class with the interrupt state that the report says it has.

    `role` is "safe", "unsafe" (of a new order), "other" (of an inversion) or "registered" (the
    old state of an inconsistent lock).  `state` is HARDIRQ-safe or IN-SOFTIRQ-W, say.
    """

    role: str
    state: str
    lock: ParsedLock | None
    frames: Frames


@dataclass(frozen=True, slots=True)
class TraceLine:
    """A line of the final backtrace: a frame, or other text (registers, headers)."""

    indent: int
    frame: ParsedFrame | None
    text: str


@dataclass(frozen=True, slots=True)
class Layout:
    """How a report was laid out, as far as kernels differ in it or a mailer changed it.

    `rulers` are the lengths of both rulers.  `gaps` has, by part, the empty lines before it, and
    `indent` that of the chain's frames, `held_indent` that of the held locks; `columns` is where
    the second CPU's locks begin.  `early`: its usage characters are those of 2.6.18 to 2.6.29;
    `undecided`: whether they are, cannot be told.
    """

    rulers: tuple[int, int] = (0, 0)
    ident: str = ""
    gaps: Mapping[str, int] = field(default_factory=dict)
    indent: int = 7
    held_indent: int = 1
    columns: int = 31
    early: bool = False
    undecided: bool = False


@dataclass(frozen=True, slots=True)
class ParsedReport:
    """One report of a log.

    `lines` are the first and the last line, from 1.  `held_count` is what the headline of the list
    says, which may be more than there are lines.  `scenario` has (CPU, text), the CPU None where
    blanks were lost.  `exists` are the classes of "Chain exists of".  `usage` is (old, new) state.
    `dumps` has lists of classes by part: "safe", "unsafe", "path".  `trace` is the whole final
    backtrace, `backtrace` its frames.  `extra` has what only this kind prints.
    """

    kind: str
    title: str
    lines: tuple[int, int]
    comm: str | None = None
    pid: int | None = None
    release: str | None = None
    version: str | None = None
    taint: str | None = None
    arch: str | None = None
    new_lock: ParsedLock | None = None
    held_lock: ParsedLock | None = None
    chain: tuple[ParsedEntry, ...] = ()
    exists: tuple[str, ...] = ()
    scenario: tuple[tuple[int | None, str], ...] = ()
    held: tuple[ParsedLock, ...] = ()
    held_count: int | None = None
    edges: tuple[ParsedEdge, ...] = ()
    usage: tuple[str, str] | None = None
    irqs: ParsedIrqs | None = None
    states: tuple[ParsedState, ...] = ()
    dumps: Mapping[str, tuple[ParsedDump, ...]] = field(default_factory=dict)
    trace: tuple[TraceLine, ...] = ()
    backtrace: Frames = ()
    missing: tuple[str, ...] = ()
    extra: Mapping[str, Value] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)

    @property
    def complete(self) -> bool:
        """Nothing that a report of this kind prints is missing."""
        return not self.missing

    def as_json(self) -> dict[str, Value]:
        """The report for other programs; these names stay."""
        kernel = self.release if self.release and self.release[0].isdigit() else None
        return {
            "kind": self.kind,
            "comm": self.comm,
            "pid": self.pid,
            "kernel": kernel,
            "new_lock": self.new_lock and self.new_lock.name,
            "held_lock": self.held_lock and self.held_lock.name,
            "released": self.extra.get("released"),
            "chain": [[entry.number, entry.name] for entry in self.chain],
            "held": [lock.name for lock in self.held],
            "held_count": self.held_count,
            "lines": list(self.lines),
            "complete": self.complete,
            "missing": list(self.missing),
        }


@dataclass(frozen=True, slots=True)
class Log:
    """The reports of one text, in their order, and sentences about what was not understood."""

    reports: tuple[ParsedReport, ...]
    problems: tuple[str, ...]
