"""Reports: what the validator found, as pure data.

Each report holds everything its text needs, as it was at that moment: a class goes on collecting
usage bits afterwards.  `lockwright.report.splat` turns them into the kernel's layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from lockwright.core.frame import Frame
from lockwright.lockdep.classes import ClassName

Frames: TypeAlias = tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Who:
    """The task that a report is about."""

    comm: str
    pid: int
    cpu: int


@dataclass(frozen=True, slots=True)
class LockAt:
    """One lock, its class, how it is or would be held, and the function that acquires it.

    `read` is 0 for exclusive, 1 for a reader, 2 for a recursive reader.
    """

    instance: int
    lock: ClassName
    read: int
    at: Frame


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """One entry of "the existing dependency chain": a class and where it was acquired while the
    class of the next lower number was held."""

    number: int
    lock: ClassName
    frames: Frames


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
    """A task acquires a lock of a class that it holds already."""

    kind: ClassVar[str] = "possible recursive locking"

    who: Who
    new: LockAt
    locked: LockAt
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


Report: TypeAlias = (
    CircularReport
    | RecursiveReport
    | BadUnlockReport
    | HeldFreedReport
    | NestLockReport
    | StillHeldReport
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
