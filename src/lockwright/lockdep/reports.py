"""Reports: what the validator found, as pure data.

Each report holds everything its text needs, as it was at that moment: a class goes on collecting
usage bits afterwards.  `lockwright.report.kernel` turns them into the kernel's layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from lockwright.core.frame import Frame
from lockwright.lockdep.classes import ClassName
from lockwright.lockdep.facts import (
    ChainEntry,
    ClassDump,
    Frames,
    IrqStamps,
    IrqState,
    IrqSwitch,
    LockAt,
    Who,
)
from lockwright.lockdep.warnings import RcuReport, SchedulingReport, SleepReport, WorkLeakReport

__all__ = [
    "AnnotationReport",
    "ApiReport",
    "BadUnlockReport",
    "ChainEntry",
    "CircularReport",
    "ClassDump",
    "ContendReport",
    "EdgeSeen",
    "Frames",
    "HeldFreedReport",
    "InconsistentReport",
    "IrqInversionReport",
    "IrqOrderReport",
    "IrqStamps",
    "IrqState",
    "IrqSwitch",
    "KeyReport",
    "LimitReport",
    "LockAt",
    "NestLockReport",
    "RcuReport",
    "RecursiveReport",
    "Report",
    "SchedulingReport",
    "SleepReport",
    "StillHeldReport",
    "UserReturnReport",
    "WaitContextReport",
    "Who",
    "WorkLeakReport",
]


@dataclass(frozen=True, slots=True)
class CircularReport:
    """A new order of acquisition closes a strong cycle.

    `chain` is in printed order: #n is the held lock's class, #0 the new one's.  `cycle` has the
    class names from the new lock along the path to the held one; `cycle_types[i]` (ER, EN, SR,
    SN) is how `cycle[i]` leads to the one after it, the last one back to the first.
    `parent` is the class before the held one on the path: the new one, if two locks are involved.
    """

    kind: ClassVar[str] = "possible circular locking dependency"

    who: Who
    new: LockAt
    sync: bool
    locked: LockAt
    parent: ClassName
    chain: tuple[ChainEntry, ...]
    cycle: tuple[str, ...]
    cycle_types: tuple[str, ...]
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class RecursiveReport:
    """A task acquires a lock of a class that it holds already.

    `compared` is what the class's comparison function says of the two, None if it has none.
    """

    kind: ClassVar[str] = "possible recursive locking"

    who: Who
    new: LockAt
    locked: LockAt
    compared: int | None
    cycle: tuple[str, ...]
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class BadUnlockReport:
    """A task releases a lock that it does not hold; `name` is the lock's own, not its class's."""

    kind: ClassVar[str] = "bad unlock balance"

    who: Who
    name: str
    at: Frame
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class HeldFreedReport:
    """A task frees, or initialises again, memory with a lock in it that it holds.

    The memory is from `low` up to and without `high`.
    """

    kind: ClassVar[str] = "held lock freed"

    who: Who
    low: int
    high: int
    locked: LockAt
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class NestLockReport:
    """The lock that is said to serialise a nested acquire is not held."""

    kind: ClassVar[str] = "Nested lock was not taken"

    who: Who
    new: LockAt
    nest_name: str
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class StillHeldReport:
    """A task ends and holds locks."""

    kind: ClassVar[str] = "lock held at task exit"

    who: Who
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class InconsistentReport:
    """A class is used in an interrupt, and with that kind of interrupt enabled.

    `old` and `new` are names of usage bits: HARDIRQ-ON-W.
    """

    kind: ClassVar[str] = "inconsistent lock state"

    who: Who
    irqs: IrqState
    old: str
    new: str
    lock: LockAt
    registered: Frames
    stamps: IrqStamps
    cycle: tuple[str, ...]
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class IrqOrderReport:
    """A new edge leads from what is taken in interrupts to what is taken with them enabled.

    `state` is HARDIRQ or SOFTIRQ, with -READ where the safe side's bit is a reader's.  `middle` is
    the class between safe and unsafe in the scenario (`prev`, or `next` if prev is the safe one).
    `cycle` has the class names from the safe lock along the path to the unsafe one.
    """

    kind: ClassVar[str] = "irq-safe -> irq-unsafe lock order"

    who: Who
    irqs: IrqState
    state: str
    new: LockAt
    locked: LockAt
    safe: ClassName
    safe_at: Frames
    unsafe: ClassName
    unsafe_at: Frames
    middle: ClassName
    safe_dump: tuple[ClassDump, ...]
    unsafe_dump: tuple[ClassDump, ...]
    cycle: tuple[str, ...]
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class IrqInversionReport:
    """A class gets a usage bit that does not go with the bits of a class it is ordered with.

    `forwards`: the new bit is an IN bit, and `other` was taken after `lock`; else an ON bit, and
    `other` was held before.  `state` as it is printed: HARDIRQ, SOFTIRQ, or that with -READ.
    `middle` is the class between the two on the path, `other` or the lock itself if there is none.
    `cycle` has the class names from the safe lock along the path to the unsafe one.
    """

    kind: ClassVar[str] = "possible irq lock inversion"

    who: Who
    irqs: IrqState
    state: str
    forwards: bool
    lock: LockAt
    other: ClassName
    middle: ClassName
    dump: tuple[ClassDump, ...]
    cycle: tuple[str, ...]
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class WaitContextReport:
    """A lock is acquired that waits longer than its context may.

    `limit` is what the task itself may: as printed, context-{5:5}.
    """

    kind: ClassVar[str] = "Invalid wait context"

    who: Who
    new: LockAt
    limit: int
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class UserReturnReport:
    """A task goes back to user space and holds locks."""

    kind: ClassVar[str] = "lock held when returning to user space"

    who: Who
    held: tuple[LockAt, ...]


@dataclass(frozen=True, slots=True)
class ContendReport:
    """A task says that it contends for a lock that it has not begun to acquire."""

    kind: ClassVar[str] = "bad contention"

    who: Who
    name: str
    at: Frame
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class KeyReport:
    """A lock whose key the validator cannot use: `address` of a key that was not registered, or
    None where a lock without a key lies in memory that is not static."""

    kind: ClassVar[str] = "lock key not registered"

    who: Who
    address: int | None
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class LimitReport:
    """The validator has run out of something: `what` is MAX_LOCKDEP_CHAINS, say."""

    kind: ClassVar[str] = "validator limit reached"

    who: Who
    what: str
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class ApiReport:
    """A lock's own state is not what its functions rely on: `condition` is what should not be.

    As the kernel's DEBUG_LOCKS_WARN_ON(): it switches the validator off.
    """

    kind: ClassVar[str] = "API state warning (DEBUG_LOCKS_WARN_ON)"

    who: Who
    condition: str
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class AnnotationReport:
    """An annotation of a held lock was misused, as by releasing a pinned lock: a plain WARN()."""

    kind: ClassVar[str] = "lock annotation warning"

    who: Who
    message: str
    held: tuple[LockAt, ...]
    backtrace: Frames


Report: TypeAlias = (
    CircularReport
    | RecursiveReport
    | InconsistentReport
    | IrqOrderReport
    | IrqInversionReport
    | WaitContextReport
    | BadUnlockReport
    | ContendReport
    | HeldFreedReport
    | NestLockReport
    | StillHeldReport
    | UserReturnReport
    | KeyReport
    | LimitReport
    | ApiReport
    | AnnotationReport
    | RcuReport
    | SleepReport
    | SchedulingReport
    | WorkLeakReport
)


@dataclass(frozen=True, slots=True)
class EdgeSeen:
    """One dependency, for lock graphs: `new` was acquired while `held` was held.

    `types` in the order ER, EN, SR, SN; `stack` is where the edge was first made.
    """

    held: ClassName
    new: ClassName
    types: tuple[str, ...]
    stack: Frames
