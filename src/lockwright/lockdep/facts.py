"""What reports are made of: a task, a lock, a class and its usage, interrupts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

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

    `read` is 0 for exclusive, 1 for a reader, 2 for a recursive reader.  `note` is what the class's
    print function says of this lock (lock_set_cmp_fn): it stands right after the name.
    """

    instance: int
    lock: ClassName
    read: int
    at: Frame
    note: str = ""


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """One entry of "the existing dependency chain": a class and where it was acquired while the
    class of the next lower number was held."""

    number: int
    lock: ClassName
    frames: Frames


@dataclass(frozen=True, slots=True)
class IrqState:
    """The interrupt state of a task: [HCa[b]:SCc[d]:HEe:SEf].

    Counts of the interrupt contexts it is in, and whether each kind is enabled.
    """

    hardirqs: int
    softirqs: int
    hardirqs_enabled: bool
    softirqs_enabled: bool


@dataclass(frozen=True, slots=True)
class IrqSwitch:
    """When (the number of the event) and where interrupts were last switched; no place if never."""

    stamp: int
    at: Frame | None


@dataclass(frozen=True, slots=True)
class IrqStamps:
    """The irq event stamp block: how many times this task switched, and each last switch."""

    events: int
    hardirqs_on: IrqSwitch
    hardirqs_off: IrqSwitch
    softirqs_on: IrqSwitch
    softirqs_off: IrqSwitch


@dataclass(frozen=True, slots=True)
class ClassDump:
    """One class in a list of dependencies.

    `depth` is its indent.  `usages` are (bit name, frames of its first time), in order of bits.
    `key` is the symbol of its key, `acquired` where it was acquired with the one before; None
    where that is not printed.
    """

    lock: ClassName
    depth: int
    operations: int
    usages: tuple[tuple[str, Frames], ...]
    key: str
    acquired: Frames | None
