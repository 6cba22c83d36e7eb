"""Reports that the validator does not make itself: the machine's, with the locks that are held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lockwright.core.frame import Frame
from lockwright.lockdep.facts import Frames, IrqStamps, LockAt, Who


@dataclass(frozen=True, slots=True)
class RcuReport:
    """suspicious RCU usage: `message` as the kernel has it, without the `!` that follows it."""

    kind: ClassVar[str] = "suspicious RCU usage"

    who: Who
    at: str
    message: str
    debug_locks: bool
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class SleepReport:
    """A function that may sleep was called where that is forbidden.

    `at` is FILE:LINE.  `stamps` is there if interrupts are off, `preempt_off_at` if preemption is.
    """

    kind: ClassVar[str] = "sleeping in atomic context"

    who: Who
    at: str
    preempt_count: int
    irqs_disabled: bool
    non_block: int
    rcu_depth: int
    stamps: IrqStamps | None
    preempt_off_at: Frame | None
    held: tuple[LockAt, ...]
    backtrace: Frames


@dataclass(frozen=True, slots=True)
class SchedulingReport:
    """A task gave the CPU away with preemption off; `preempt_off_at` is where, if that is known."""

    kind: ClassVar[str] = "scheduling while atomic"

    who: Who
    preempt_count: int
    held: tuple[LockAt, ...]
    backtrace: Frames
    preempt_off_at: Frame | None = None


@dataclass(frozen=True, slots=True)
class WorkLeakReport:
    """A work function came back in atomic context, with a lock held or inside a read section.

    `function` is the work function's; `rcu_depth` counts its open read sections.
    """

    kind: ClassVar[str] = "workqueue leaked atomic, lock or RCU"

    who: Who
    function: str
    preempt_count: int
    rcu_depth: int
    held: tuple[LockAt, ...]
    backtrace: Frames
